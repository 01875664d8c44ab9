"""contacts at Google: people.connections.list for what is there, its sync tokens for changes.

Google mints a sync token only on the last page of a full sync, so the bookmark walks one. Nearly
always that is a single page, which then serves the backfill too; else the backfill lists again,
without asking for a token, since the first page of a full sync has a small quota of its own.

A token dies seven days after its full sync, however often it was used: the place is then lost, and
all is read again. Google does not say when a contact was made, so no change is called `created`.
`query` is judged here: Google's search of contacts has neither pages nor changes. A contact matches
when each word (or "quoted phrase") occurs, in any case, in its name, addresses or organisation.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.google.people_pages import (
    listing_ask,
    minting_ask,
    read_people,
    sync_ask,
)
from scp_server.providers.google.shapes_contact import (
    contact,
    contact_version,
    former_ids,
    is_deleted,
    searchable,
)
from scp_server.providers.page_walk import ItemPage, Json, PageWalk
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.words import begins_phrase, phrase
from scp_wire.events import ChangeKind
from scp_wire.filters import ContactFilters
from scp_wire.items import Contact, Gone

GROUP: Final = 50
"""Contacts of a step. They come with their page: a step is small only to be early."""
LEFT_FILTER: Final = "left_filter"


class PeoplePlace(msgspec.Struct, frozen=True, kw_only=True, tag="people-listing-1"):
    """Page `page` (None: the first), with what `after` marks behind us."""

    page: str | None = None
    after: str | None = None


class SyncPlace(msgspec.Struct, frozen=True, kw_only=True, tag="people-sync-1"):
    """What changed since `token`: its page `page`, with what `after` marks behind us."""

    token: str
    page: str | None = None
    after: str | None = None


class GoogleContacts:
    """A connector (ports.connector) of one user's contacts under one stream's filters."""

    def __init__(self, filters: ContactFilters, *, max_results: int | None = None) -> None:
        self._phrase = phrase(filters.query or "")
        self._group = min(GROUP, max_results or GROUP)
        self._unreadable = Unreadable()
        self._early: ItemPage | None = None
        self._listing = self._walk(listing_ask, listing=True)
        self._went_on_at: Position | None = None
        self._round: PageWalk | None = None
        self._followed_to: Position | None = None

    def bookmark(self) -> Reading[Position]:
        """A sync token, taken before anything is listed."""
        walk = self._walk(minting_ask)
        first = page = yield from walk.page(None)
        while page.next is not None:
            page = yield from walk.page(page.next)
        if page.end is None:
            raise ProviderProtocolError("Google's last page of contacts has no sync token.")
        self._early = first if first.next is None else None
        return written(SyncPlace(token=page.end))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next contacts, those that were changed last at the end."""
        early, self._early = self._early, None
        if resume is None or resume != self._went_on_at:
            self._listing = self._walk(listing_ask, listing=True)
        if resume is None and early is not None:
            self._listing.remember(None, early)
        place = PeoplePlace() if resume is None else read(resume, PeoplePlace)
        while True:
            part = yield from self._listing.part(place.page, place.after, self._created)
            self._went_on_at = None
            if part.onwards is not None:
                place = PeoplePlace(page=part.onwards[0], after=part.onwards[1])
                self._went_on_at = written(place)
            if part.changes or part.skipped or part.onwards is None:
                return Step(changes=part.changes, resume=self._went_on_at, skipped=part.skipped)

    def follow(self, since: Position) -> Reading[Followed]:
        """The next changes since a sync token."""
        place = read(since, SyncPlace)
        if self._round is None or since != self._followed_to:
            self._round = self._walk(lambda page: sync_ask(place.token, page))
        part = yield from self._round.part(place.page, place.after, self._changed)
        if part.onwards is not None:
            onwards = msgspec.structs.replace(place, page=part.onwards[0], after=part.onwards[1])
        elif part.page.end is not None:
            onwards, self._round = SyncPlace(token=part.page.end), None
        else:
            raise ProviderProtocolError("Google's last page of changed contacts has no sync token.")
        self._followed_to = written(onwards)
        return Followed(
            changes=part.changes,
            since=self._followed_to,
            more=part.onwards is not None,
            skipped=part.skipped,
        )

    def _walk(self, ask: Callable[[str | None], Ask], *, listing: bool = False) -> PageWalk:
        return PageWalk(ask, self._read, self._unreadable, self._group, listing=listing)

    def _read(self, reply: Reply) -> ItemPage:
        return read_people(reply, self._unreadable)

    def _created(self, _identity: str, body: Json) -> tuple[Change, ...]:
        item = contact(body)
        there = not is_deleted(body) and self._matches(body)
        return (_change(body, item, ChangeKind.CREATED),) if there else ()

    def _changed(self, identity: str, body: Json) -> tuple[Change, ...]:
        item, version = contact(body), contact_version(body)
        # A contact that was linked or unlinked has a new name; under the old one it is gone.
        before = [_gone(former, version) for former in former_ids(body)]
        if is_deleted(body):
            return (*before, _gone(identity, version))
        if not self._matches(body):
            return (*before, _gone(identity, version, LEFT_FILTER))
        return (*before, _change(body, item, ChangeKind.UPDATED))

    def _matches(self, body: Json) -> bool:
        return begins_phrase(self._phrase, searchable(body)) if self._phrase else True


def _change(body: Mapping[str, Any], item: Contact, kind: ChangeKind) -> Change:
    return Change(kind=kind, item=item, version=contact_version(body), raw=body)


def _gone(identity: str, version: str, reason: str | None = None) -> Change:
    return Change(kind=ChangeKind.DELETED, item=Gone(id=identity), version=version, reason=reason)
