"""What is there in a mailbox: a listing of messages or threads, and each of them fetched.

Gmail gives a user five messages a second, so steps are small: a group each, its place being "page
P, with so much of it behind us" (`behind`). The page is remembered between steps; after a restart
it is listed again, and a thread may stand elsewhere on it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from scp_server.domain.changes import Change, Skipped, Step
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import whole
from scp_server.providers.google.gmail_history import HistoryPlace
from scp_server.providers.google.gmail_kind import ME, Json, MailKind, Params
from scp_server.providers.google.gmail_listing import MailPage, read_page
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Shaped, Unreadable
from scp_server.providers.trail import Trail

PROFILE: Final = Ask(
    method="gmail.getProfile",
    base="gmail_url",
    path=f"{ME}/profile",
    params=(("fields", "historyId"),),
)


class ListingPlace(msgspec.Struct, frozen=True, kw_only=True, tag="gmail-listing-1"):
    """Page `page` (None: the first), with what `after` marks behind us."""

    page: str | None = None
    after: str | None = None


class MailBackfill:
    """The backfilling half of a connector; `filters` are the listing's parameters."""

    def __init__(
        self, kind: MailKind, filters: Params, unreadable: Unreadable, *, group: int
    ) -> None:
        self._kind = kind
        self._filters = filters
        self._unreadable = unreadable
        self._group = group
        self._trail = Trail()
        self._early: MailPage | None = None
        self._page: MailPage | None = None
        self._went_on_at: Position | None = None
        self._nameless: tuple[Skipped, ...] = ()
        """Entries without an id of a page, still to be told."""

    def bookmark(self) -> Reading[Position]:
        """The mailbox's history id; the first page is asked for at the same time."""
        profile, listing = yield (PROFILE, self._list_ask(None))
        history = whole(profile.body.get("historyId"))
        if history is None:
            raise ProviderProtocolError("Google's profile of the mailbox has no historyId.")
        self._early = read_page(None, listing.body, self._kind.name)
        return written(HistoryPlace(history=history))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next group, newest first."""
        early, self._early = self._early, None
        if resume is None or resume != self._went_on_at:
            self._trail.clear()
            self._page = None
            self._nameless = ()
        if resume is None and early is not None:
            return (yield from self._begin(early))
        place = ListingPlace() if resume is None else read(resume, ListingPlace)
        while True:
            page = yield from self._page_at(place.page)
            start = page.behind(place.after).count
            group = page.ids[start : start + self._group]
            shaped = yield from self._fetch_new(group)
            onwards = self._onwards(page, start + len(group))
            if shaped.found or shaped.skipped or self._nameless or onwards is None:
                return self._step(shaped, onwards)
            place = onwards

    def _begin(self, early: MailPage) -> Reading[Step]:
        """Fetch from the page that came with the bookmark, and list it again beside.

        That page may be older than the bookmark: what arrived between the two is in neither. The
        second listing is younger for certain, and has it.
        """
        group = early.ids[: self._group]
        *replies, listing = yield (*map(self._kind.get_ask, group), self._list_ask(None))
        shaped = self._kind.created(group, replies, self._unreadable)
        page = self._note(None, listing.body)
        if page.ids[: len(group)] == group:
            return self._step(shaped, self._onwards(page, len(group)))
        # Some are new before the group: only this object knows which, so the place is the start.
        rest = {i: entry for i, entry in page.entries.items() if i not in group}
        self._page = MailPage(token=None, entries=rest, next=page.next)
        return self._step(shaped, ListingPlace())

    def _step(self, shaped: Shaped[Change], onwards: ListingPlace | None) -> Step:
        self._went_on_at = None if onwards is None else written(onwards)
        nameless, self._nameless = self._nameless, ()
        return Step(
            changes=tuple(shaped.found.values()),
            resume=self._went_on_at,
            skipped=(*nameless, *shaped.skipped),
            # Items are fetched as they are now, but what a kept page lists may have left the
            # filters meanwhile: that is told once more after the backfill.
            current=False,
        )

    def _onwards(self, page: MailPage, handled: int) -> ListingPlace | None:
        if handled < len(page.entries):
            return ListingPlace(page=page.token, after=page.mark(handled))
        return None if page.next is None else ListingPlace(page=page.next)

    def _page_at(self, token: str | None) -> Reading[MailPage]:
        if self._page is not None and self._page.token == token:
            return self._page
        (listing,) = yield (self._list_ask(token),)
        return self._note(token, listing.body)

    def _note(self, token: str | None, body: Json) -> MailPage:
        page = read_page(token, body, self._kind.name, self._unreadable)
        self._nameless += page.skipped
        self._trail.page(page.token, page.ids, page.next)
        self._page = page
        return page

    def _fetch_new(self, ids: Sequence[str]) -> Reading[Shaped[Change]]:
        if not ids:
            return Shaped(found={})
        replies = yield tuple(map(self._kind.get_ask, ids))
        return self._kind.created(ids, replies, self._unreadable)

    def _list_ask(self, token: str | None) -> Ask:
        return self._kind.list_ask(self._filters, token)
