"""files at Google: Drive's files.list for what is there, changes.list for changes; metadata only.

What was deleted for good and what is no longer shared with the user look the same to Drive
(`removed`), and so they do here. What is put in the bin leaves the filter, unless trashed files are
asked for. Drive's tokens do not expire.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading, Reply
from scp_server.providers.foreign import text, thing
from scp_server.providers.google.drive_filters import FileJudge, search
from scp_server.providers.google.drive_pages import (
    START_ASK,
    changes_ask,
    files_ask,
    read_changes,
    read_files,
    read_start,
)
from scp_server.providers.google.shapes_file import drive_file, file_id, file_version
from scp_server.providers.moments import parsed
from scp_server.providers.page_walk import ItemPage, Json, PageWalk
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_wire.events import ChangeKind
from scp_wire.filters import FileFilters
from scp_wire.items import File, Gone

GROUP: Final = 50
"""Files of a step. They come with their page: a step is small only to be early."""
LEFT_FILTER: Final = "left_filter"


class DrivePlace(msgspec.Struct, frozen=True, kw_only=True, tag="drive-listing-1"):
    """Page `page` (None: the first), with what `after` marks behind us."""

    page: str | None = None
    after: str | None = None


class ChangesPlace(msgspec.Struct, frozen=True, kw_only=True, tag="drive-changes-1"):
    """The page of changes at `token`, with what `after` marks behind us."""

    token: str
    after: str | None = None
    checked: float | None = None
    """When the check before began, by Drive's clock: what was made later is new."""


class DriveFiles:
    """A connector (ports.connector) of one user's files under one stream's filters."""

    def __init__(self, filters: FileFilters, *, max_results: int | None = None) -> None:
        self._q = search(filters)
        self._judge = FileJudge(filters)
        self._group = min(GROUP, max_results or GROUP)
        self._unreadable = Unreadable()
        self._listing = self._new_listing()
        self._went_on_at: Position | None = None
        self._round: PageWalk | None = None
        self._followed_to: Position | None = None

    def bookmark(self) -> Reading[Position]:
        """The end of Drive's list of changes."""
        (reply,) = yield (START_ASK,)
        return written(ChangesPlace(token=read_start(reply), checked=reply.at))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next files, the oldest first."""
        if resume is None or resume != self._went_on_at:
            self._listing = self._new_listing()
        place = DrivePlace() if resume is None else read(resume, DrivePlace)
        while True:
            part = yield from self._listing.part(place.page, place.after, _created)
            self._went_on_at = None
            if part.onwards is not None:
                place = DrivePlace(page=part.onwards[0], after=part.onwards[1])
                self._went_on_at = written(place)
            if part.changes or part.skipped or part.onwards is None:
                return Step(changes=part.changes, resume=self._went_on_at, skipped=part.skipped)

    def follow(self, since: Position) -> Reading[Followed]:
        """The next changes, each file once in its latest state."""
        place = read(since, ChangesPlace)
        if self._round is None or since != self._followed_to:
            self._round = PageWalk(
                lambda page: changes_ask(page or place.token),
                self._read_changes,
                self._unreadable,
                self._group,
            )

        def shape(identity: str, body: Json) -> tuple[Change, ...]:
            return self._changed(identity, body, place.checked)

        part = yield from self._round.part(place.token, place.after, shape)
        if part.onwards is not None:
            token, after = part.onwards
            onwards = msgspec.structs.replace(place, token=token or place.token, after=after)
        else:
            checked = part.page.at or place.checked
            onwards = ChangesPlace(token=part.page.end or place.token, checked=checked)
            self._round = None
        self._followed_to = written(onwards)
        return Followed(
            changes=part.changes,
            since=self._followed_to,
            more=part.onwards is not None,
            skipped=part.skipped,
        )

    def _new_listing(self) -> PageWalk:
        return PageWalk(
            lambda page: files_ask(self._q, page),
            self._read_files,
            self._unreadable,
            self._group,
            listing=True,
        )

    def _read_files(self, reply: Reply) -> ItemPage:
        return read_files(reply, self._unreadable)

    def _read_changes(self, reply: Reply) -> ItemPage:
        return read_changes(reply, self._unreadable)

    def _changed(self, identity: str, body: Json, checked: float | None) -> tuple[Change, ...]:
        if body.get("removed") is True:
            return (_gone(identity, f"removed {text(body.get('time')) or ''}"),)
        found = thing(body.get("file"))
        if file_id(found) != identity:
            raise ProviderProtocolError("Google sent a change without its file.")
        item = drive_file(found)
        if not self._judge.includes(item):
            return (_gone(identity, file_version(found), LEFT_FILTER),)
        new = _made_since(item, checked)
        return (_change(found, item, ChangeKind.CREATED if new else ChangeKind.UPDATED),)


def _created(_identity: str, body: Json) -> tuple[Change, ...]:
    return (_change(body, drive_file(body), ChangeKind.CREATED),)


def _made_since(item: File, checked: float | None) -> bool:
    made = parsed(item.created or "")
    return made is not None and checked is not None and made.timestamp() > checked


def _change(body: Mapping[str, Any], item: File, kind: ChangeKind) -> Change:
    return Change(kind=kind, item=item, version=file_version(body), raw=body)


def _gone(identity: str, version: str, reason: str | None = None) -> Change:
    return Change(kind=ChangeKind.DELETED, item=Gone(id=identity), version=version, reason=reason)
