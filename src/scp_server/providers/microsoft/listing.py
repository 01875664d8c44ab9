"""What is there, read through the first round of delta queries: complete, whatever moves meanwhile.

A round holds each item of a collection once in its latest state. Paging a listing by `$skip`, as
Graph's other listings do, loses an item whenever one before it is deleted. A page that is asked for
again may have another order, so a place says how much of it is behind us (`behind`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from scp_server.domain.changes import Change, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.behind import Behind, recognised
from scp_server.providers.microsoft.delta import DeltaPage, ask_at, is_removed, note, read_page
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail

GROUP: Final = 50
"""Items of a step. They come with their page: a step is small only to be early."""


class Listed(Protocol):
    """What is listed: one kind of item in its collections."""

    def sources(self) -> Reading[list[str]]:
        """The collections there are, in the order they are to be read."""
        ...

    def listing(self, source: str) -> Ask:
        """The start of a collection's delta query, with all that a change needs."""
        ...

    def complete(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[dict[str, Reply]]:
        """These entries of a page as whole items; those that are none are left out."""
        ...

    def created(self, body: dict[str, Any]) -> Change | None:
        """The change; None when the item is not in the stream's filters."""
        ...


class ListingPlace(msgspec.Struct, frozen=True, kw_only=True, tag="graph-listing-1"):
    """A page of a collection, with what `after` marks behind us."""

    source: str
    link: str = ""
    after: str | None = None


class DeltaListing:
    """The backfilling half of a connector."""

    def __init__(self, listed: Listed, unreadable: Unreadable, *, max_results: int | None) -> None:
        self._listed = listed
        self._unreadable = unreadable
        self._group = min(GROUP, max_results or GROUP)
        self._trail = Trail()
        self._sources: list[str] | None = None
        self._page: tuple[str, DeltaPage] | None = None
        self._went_on_at: Position | None = None

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next items, collection by collection."""
        if resume is None or resume != self._went_on_at:
            self._trail.clear()
            self._page = None
        if self._sources is None or resume is None:
            self._sources = yield from self._listed.sources()
        place = _first(self._sources) if resume is None else read(resume, ListingPlace)
        if place is None:
            return Step(changes=(), resume=None)
        page = yield from self._page_at(place)
        behind = recognised(page.bodies, place.after, listing=True)
        group = list(page.bodies.items())[behind.count : behind.count + self._group]
        entries = {i: body for i, body in group if not is_removed(body)}
        whole = yield from self._listed.complete(entries)
        shaped = self._unreadable.replies(whole, lambda _, body: self._listed.created(body))
        onwards = self._onwards(place, page, behind.plus(group))
        self._went_on_at = None if onwards is None else written(onwards)
        changes = tuple(change for change in shaped.found.values() if change is not None)
        nameless = page.skipped if behind.count == 0 else ()
        return Step(changes=changes, resume=self._went_on_at, skipped=(*nameless, *shaped.skipped))

    def _onwards(self, place: ListingPlace, page: DeltaPage, behind: Behind) -> ListingPlace | None:
        if behind.count < len(page.bodies):
            return msgspec.structs.replace(place, after=behind.mark)
        if page.next is not None:
            return ListingPlace(source=place.source, link=page.next)
        sources = self._sources or []
        known = place.source in sources
        return _first(sources[sources.index(place.source) + 1 :] if known else [])

    def _page_at(self, place: ListingPlace) -> Reading[DeltaPage]:
        if self._page is not None:
            source, page = self._page
            if source == place.source and page.key == place.link:
                return page
        (reply,) = yield (ask_at(self._listed.listing(place.source), place.link),)
        body = {"value": [], "@odata.deltaLink": "none"} if reply.absent else reply.body
        page = read_page(place.link, body, self._unreadable)
        note(self._trail, place.source, page)
        self._page = place.source, page
        return page


def _first(sources: Sequence[str]) -> ListingPlace | None:
    return ListingPlace(source=sources[0]) if sources else None
