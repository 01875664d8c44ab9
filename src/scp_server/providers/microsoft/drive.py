"""files at Microsoft: one OneDrive by the delta of its root, the only complete enumeration.

A delta of a drive tells the latest state of what changed, whole, and deletions in so many words;
so nothing is fetched beside it. The root comes with every page and is no file.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.errors import StreamConfigError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.foreign import text, thing
from scp_server.providers.microsoft.delta import PAGE, ask_at, note, read_page, walk
from scp_server.providers.microsoft.following import LEFT_FILTER, gone
from scp_server.providers.microsoft.listing import DeltaListing
from scp_server.providers.microsoft.newest import Doubt, Newest, short_hash
from scp_server.providers.microsoft.shapes_file import SELECT, file_of
from scp_server.providers.microsoft.values import identity_of, version_of
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail
from scp_server.providers.words import begun, check_words, words
from scp_wire.events import ChangeKind
from scp_wire.filters import FileFilters

WHAT: Final = "a file"


class DrivePlace(msgspec.Struct, frozen=True, kw_only=True, tag="graph-drive-1"):
    """Where the next page of changes is. `open`: within a round."""

    link: str
    newest: Newest = Newest()
    """What was there before the round under way began, and before the next one."""
    coming: Newest = Newest()
    open: bool = False


def check_files(filters: FileFilters) -> None:
    """Refuse what Graph cannot do.

    Raises: StreamConfigError naming the field.
    """
    if filters.include_trashed:
        raise StreamConfigError(
            "filters.include_trashed is not possible with OneDrive: Microsoft does not show what "
            "is in its bin. Leave it out.",
            field="filters.include_trashed",
            value=True,
        )
    check_words(filters.query)


class OneDriveFiles:
    """A connector (ports.connector) of one drive under one stream's filters."""

    def __init__(self, filters: FileFilters, *, max_results: int | None = None) -> None:
        self._files = _Files(filters)
        self._unreadable = Unreadable()
        self._listing = DeltaListing(self._files, self._unreadable, max_results=max_results)
        self._trail = Trail()
        self._doubt = Doubt()

    def bookmark(self) -> Reading[Position]:
        """The link of what will change from now on."""
        now = replace(_ROUND, params=(*_ROUND.params, ("token", "latest")))
        (reply,) = yield (now,)
        page = read_page("", reply.body)
        link = page.onwards
        if page.next is not None:
            link = (yield from walk(_ROUND, page.next, WHAT)).onwards
        newest = Newest().looked(reply.at)
        return written(DrivePlace(link=link, newest=newest, coming=newest))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next files and folders."""
        self._doubt.listed()
        return (yield from self._listing.backfill(resume))

    def follow(self, since: Position) -> Reading[Followed]:
        """The next page of changes."""
        place = read(since, DrivePlace)
        if not place.open:
            self._trail.clear()
            self._doubt.begins()
        (reply,) = yield (replace(ask_at(_ROUND, place.link), live=True),)
        page = read_page(place.link, reply.body, self._unreadable)
        note(self._trail, WHAT, page)
        bodies = {i: Reply(body=b) for i, b in page.bodies.items() if not _is_root(b)}
        mark = short_hash(page.key)
        shaped = self._unreadable.replies(bodies, partial(self._change, place.newest, mark))
        coming = place.coming if place.open else place.newest.looked(reply.at)
        for body in page.bodies.values():
            coming = coming.seen(body)
        under_way = page.next is not None
        if not under_way:
            self._doubt.ends()
        newest = place.newest if under_way else coming
        after = DrivePlace(link=page.onwards, newest=newest, coming=coming, open=under_way)
        return Followed(
            changes=tuple(change for change in shaped.found.values() if change is not None),
            since=written(after),
            more=after.open,
            skipped=(*page.skipped, *shaped.skipped),
        )

    def _change(
        self, newest: Newest, mark: str, identity: str, body: dict[str, Any]
    ) -> Change | None:
        if _is_deleted(body):
            return gone(identity, mark, None)
        new = newest.is_new(body)
        change = self._files.change(body, ChangeKind.CREATED if new else ChangeKind.UPDATED)
        if change is not None or (new and not self._doubt.open):
            return change
        return gone(identity, version_of(body), LEFT_FILTER)


class _Files:
    """Listed (listing) of one drive."""

    def __init__(self, filters: FileFilters) -> None:
        self._words = words(filters.query or "")
        self._types = {kind.casefold() for kind in filters.mime_types or ()}

    def sources(self) -> Reading[list[str]]:
        """The one drive."""
        yield from ()
        return [""]

    def listing(self, source: str) -> Ask:
        """The start of the drive's delta query."""
        del source
        return _ROUND

    def complete(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[dict[str, Reply]]:
        """Entries are whole; the root and what is deleted meanwhile are left out."""
        yield from ()
        there = {i: b for i, b in bodies.items() if not _is_root(b) and not _is_deleted(b)}
        return {identity: Reply(body=body) for identity, body in there.items()}

    def created(self, body: dict[str, Any]) -> Change | None:
        """A file of the backfill; None when it is not in the stream's filters."""
        return self.change(body, ChangeKind.CREATED)

    def change(self, body: dict[str, Any], kind: ChangeKind) -> Change | None:
        """The change; None when the file is not in the stream's filters."""
        if not begun(text(body.get("name")) or "", self._words):
            return None
        mime_type = text(thing(body.get("file")).get("mimeType")) or ""
        if self._types and mime_type.casefold() not in self._types:
            return None
        identity_of(body, WHAT)
        return Change(kind=kind, item=file_of(body), version=version_of(body), raw=body)


def _is_root(body: Mapping[str, Any]) -> bool:
    return body.get("root") is not None


def _is_deleted(body: Mapping[str, Any]) -> bool:
    return body.get("deleted") is not None


_ROUND: Final = Ask(
    method="graph.drive.delta",
    base="graph_url",
    path="/v1.0/me/drive/root/delta",
    params=(("$select", SELECT), ("$top", str(PAGE))),
)
