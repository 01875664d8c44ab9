"""What changes in a user's calendars: a sync token each, the list of calendars at every check.

Google mints sync tokens only on the last page of an unfiltered listing. So the bookmark walks each
calendar once asking for nothing but the token: a request for 2,500 events, and right for filters,
windows and cut listings alike. What a token brings is filtered here (calendar_filters).

A calendar that appears is walked for its token and then listed. Of one that disappears Google says
nothing more, and the server keeps no ids: its events cannot be told as deleted.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Change, Followed, Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import text
from scp_server.providers.google.calendar_filters import EventJudge
from scp_server.providers.google.calendar_pages import (
    Calendar,
    CalendarList,
    EventPage,
    Params,
    events_ask,
    mint_params,
    read_events,
    series_ask,
    sync_params,
)
from scp_server.providers.google.shapes_calendar import (
    calendar_event,
    event_id,
    event_version,
    is_cancelled,
    is_over,
    series_id,
)
from scp_server.providers.moments import parsed
from scp_server.providers.page_walk import NAMELESS
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail
from scp_wire.events import ChangeKind
from scp_wire.filters import EventFilters
from scp_wire.items import Gone

GROUP: Final = 50
LEFT_FILTER: Final = "left_filter"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """How far one calendar is followed."""

    id: str
    token: str
    updated: str | None = None
    """When the calendar had last changed at the previous check."""
    page: str | None = None
    after: str | None = None
    """The mark of what is behind us of the page."""
    listing: bool = False
    """Whether it is new: then it is listed first, and `page` and `after` are of that listing."""

    @property
    def under_way(self) -> bool:
        """Whether a check of it is not finished."""
        return self.listing or self.page is not None or self.after is not None


class FollowPlace(msgspec.Struct, frozen=True, kw_only=True, tag="calendar-sync-1"):
    """All calendars of a stream."""

    calendars: tuple[Synced, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What some events of the pages at hand gave."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    calendars: tuple[Synced, ...]
    left: dict[str, EventPage]
    """Pages that are not used up, by calendar."""


class CalendarFollowing:
    """The following half of the connector; `listing` are the parameters of its backfill."""

    def __init__(
        self, filters: EventFilters, listing: Params, listed: CalendarList, unreadable: Unreadable
    ) -> None:
        self._judge = EventJudge(filters)
        self._list = listed
        self._listing = listing
        self._unreadable = unreadable
        self._trail = Trail()
        self._pages: dict[str, EventPage] = {}
        self._followed_to: Position | None = None

    def begin(self, calendars: Sequence[Calendar]) -> Reading[Position]:
        """Where following these calendars begins: now."""
        synced = yield from _mint([calendar.id for calendar in calendars], live=False)
        return written(FollowPlace(calendars=synced))

    def follow(self, since: Position) -> Reading[Followed]:
        """The next changes; new pages are asked for when those at hand are used up."""
        calendars = read(since, FollowPlace).calendars
        if since != self._followed_to:
            self._pages = {}
        if not self._pages:
            calendars = yield from self._check(calendars)
        try:
            taken = self._take(calendars)
        except ProviderProtocolError:
            # What is odd may have been garbled on its way: the next try asks for it anew.
            self._pages = {}
            raise
        self._pages = taken.left
        self._followed_to = written(FollowPlace(calendars=taken.calendars))
        more = any(calendar.under_way for calendar in taken.calendars) or bool(taken.left)
        return Followed(
            changes=taken.changes,
            since=self._followed_to,
            more=more,
            skipped=(*self._list.untold(), *taken.skipped),
        )

    # -- asking ----------------------------------------------------------------------------------

    def _check(self, calendars: tuple[Synced, ...]) -> Reading[tuple[Synced, ...]]:
        """Get a page of each calendar: of those under way, else of all that there are now."""
        asked = [calendar for calendar in calendars if calendar.under_way]
        if not asked:
            self._trail.clear()
            calendars = yield from self._listed_now(calendars)
            asked = list(calendars)
        if not asked:
            return calendars
        replies = yield tuple(self._ask(calendar) for calendar in asked)
        pages: dict[str, EventPage] = {}
        gone: set[str] = set()
        for calendar, reply in zip(asked, replies, strict=True):
            if reply.absent:
                gone.add(calendar.id)
            else:
                pages[calendar.id] = self._read(calendar, reply.body)
        # All at once: one after the other, each would have the others tried anew.
        nameless = {
            f"nameless {i} {page.key}": NAMELESS for i, page in pages.items() if page.skipped
        }
        self._unreadable.give_up(nameless)
        listed = {calendar.id for calendar in asked if calendar.listing}
        self._pages = yield from self._with_ends(pages, listed)
        return tuple(calendar for calendar in calendars if calendar.id not in gone)

    def _listed_now(self, calendars: tuple[Synced, ...]) -> Reading[tuple[Synced, ...]]:
        listed = [calendar.id for calendar in (yield from self._list.calendars(live=True))]
        kept = tuple(calendar for calendar in calendars if calendar.id in listed)
        known = {calendar.id for calendar in kept}
        new = [identity for identity in listed if identity not in known]
        minted = yield from _mint(new, live=True)
        return (*kept, *(msgspec.structs.replace(calendar, listing=True) for calendar in minted))

    def _ask(self, calendar: Synced) -> Ask:
        params = self._listing if calendar.listing else sync_params(calendar.token)
        return events_ask(calendar.id, params, calendar.page, live=True)

    def _read(self, calendar: Synced, body: Mapping[str, Any]) -> EventPage:
        page = read_events(calendar.page, body, after=calendar.after, listing=calendar.listing)
        if not calendar.listing and page.next is None and page.sync is None:
            raise ProviderProtocolError("Google's last page of changes has no sync token.")
        kind = "listing" if calendar.listing else "sync"
        following = None if page.next is None else f"{calendar.id} {kind} {page.next}"
        here = f"{calendar.id} {kind} {page.key or ''}"
        seen = [f"{calendar.id} {identity}" for identity in page.events]
        self._trail.page(here, seen, following)
        return page

    def _with_ends(
        self, pages: dict[str, EventPage], listed: Container[str]
    ) -> Reading[dict[str, EventPage]]:
        """The pages, knowing of all series of cancelled instances whether they have ended."""
        if self._judge.by_words:
            return pages
        doubtful = [(i, s) for i, page in pages.items() if i not in listed for s in page.doubtful()]
        if not doubtful:
            return pages
        replies = yield tuple(series_ask(calendar, series) for calendar, series in doubtful)
        for (calendar, series), reply in zip(doubtful, replies, strict=True):
            if reply.absent or is_cancelled(reply.body):
                page = pages[calendar]
                pages[calendar] = replace(page, ended=page.ended | {series})
        return pages

    # -- taking ----------------------------------------------------------------------------------

    def _take(self, calendars: tuple[Synced, ...]) -> Taken:
        """Some changes from the pages at hand, and where that leaves the calendars."""
        events: list[tuple[Synced, str]] = []
        nameless: list[Skipped] = []
        after: list[Synced] = []
        left = dict(self._pages)
        for calendar in calendars:
            page = left.get(calendar.id)
            if page is None or len(events) >= GROUP:
                after.append(calendar)
                continue
            start = page.behind.count
            if start == 0:
                nameless += page.skipped
            taken = list(page.events.items())[start : start + GROUP - len(events)]
            events += [(calendar, identity) for identity, _ in taken]
            behind = page.behind.plus(taken)
            if behind.count < len(page.events):
                left[calendar.id] = replace(page, behind=behind)
                after.append(msgspec.structs.replace(calendar, after=behind.mark))
            else:
                del left[calendar.id]
                after.append(_turned(calendar, page))
        changes, odd = self._shaped(events)
        return Taken(changes=changes, skipped=(*nameless, *odd), calendars=tuple(after), left=left)

    def _shaped(
        self, events: Sequence[tuple[Synced, str]]
    ) -> tuple[tuple[Change, ...], tuple[Skipped, ...]]:
        """What became of these events, and those that cannot be read.

        Raises: ProviderProtocolError while one of them is worth another try.
        """
        # The same event may be in several calendars.
        places = {
            f"{calendar.id} {identity}": (calendar, identity) for calendar, identity in events
        }

        def shape(key: str, event: dict[str, Any]) -> Change | None:
            calendar, _ = places[key]
            return self._change(calendar, self._pages[calendar.id], event)

        bodies = {key: self._pages[c.id].events[identity] for key, (c, identity) in places.items()}
        shaped = self._unreadable.shaped(bodies, shape)
        changes = tuple(change for change in shaped.found.values() if change is not None)
        return changes, tuple(replace(odd, id=places[odd.id or ""][1]) for odd in shaped.skipped)

    def _change(self, calendar: Synced, page: EventPage, event: dict[str, Any]) -> Change | None:
        if calendar.listing and not is_over(event):
            return _update(event, calendar.id, ChangeKind.UPDATED)
        if self._is_gone(event, page.ended):
            return _gone(event, calendar.id, None)
        new = _created_since(event, calendar.updated)
        if not self._judge.includes(event, page.zone):
            return None if new else _gone(event, calendar.id, LEFT_FILTER)
        return _update(event, calendar.id, ChangeKind.CREATED if new else ChangeKind.UPDATED)

    def _is_gone(self, event: Mapping[str, Any], ended: Container[str]) -> bool:
        if not is_cancelled(event):
            return False
        # A cancelled exception says something of its series as long as that lives. It has no
        # words left that a search could be held against.
        return self._judge.by_words or is_over(event) or series_id(event) in ended


def _mint(ids: Sequence[str], *, live: bool) -> Reading[tuple[Synced, ...]]:
    """A sync token for each calendar; those that are gone by now are left out."""
    minted: dict[str, Synced] = {}
    places: dict[str, str | None] = dict.fromkeys(ids)
    trail = Trail()
    while places:
        asks = (events_ask(i, mint_params(), token, live=live) for i, token in places.items())
        replies = yield tuple(asks)
        onwards: dict[str, str | None] = {}
        for (identity, token), reply in zip(places.items(), replies, strict=True):
            if reply.absent:
                continue
            page = read_events(token, reply.body, tokens_only=True)
            if page.next is not None:
                trail.page(f"{identity} {token or ''}", (), f"{identity} {page.next}")
                onwards[identity] = page.next
            elif page.sync is not None:
                minted[identity] = Synced(id=identity, token=page.sync, updated=page.updated)
            else:
                raise ProviderProtocolError("Google's last page of events has no sync token.")
        places = onwards
    return tuple(minted[identity] for identity in ids if identity in minted)


def _turned(calendar: Synced, page: EventPage) -> Synced:
    """The calendar after a whole page of it."""
    if page.next is not None:
        return msgspec.structs.replace(calendar, page=page.next, after=None)
    if calendar.listing:
        return msgspec.structs.replace(calendar, page=None, after=None, listing=False)
    return Synced(
        id=calendar.id,
        token=page.sync or calendar.token,
        updated=page.updated or calendar.updated,
    )


def _created_since(event: Mapping[str, Any], updated: str | None) -> bool:
    created, before = parsed(text(event.get("created")) or ""), parsed(updated or "")
    return created is not None and before is not None and created > before


def _update(event: dict[str, Any], calendar: str, kind: ChangeKind) -> Change:
    return Change(
        kind=kind,
        item=calendar_event(event, calendar),
        version=event_version(event, calendar),
        raw=event,
    )


def _gone(event: Mapping[str, Any], calendar: str, reason: str | None) -> Change:
    return Change(
        kind=ChangeKind.DELETED,
        item=Gone(id=event_id(event)),
        version=event_version(event, calendar),
        reason=reason,
    )
