"""calendar_events: events.list of all the user's calendars, the primary first.

Backfill lists each calendar under the stream's filters; masters and exceptions, not instances.
Following is calendar_following's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import text
from scp_server.providers.google.calendar_filters import listing_params
from scp_server.providers.google.calendar_following import CalendarFollowing
from scp_server.providers.google.calendar_pages import (
    LISTING_PAGE,
    Calendar,
    EventPage,
    events_ask,
    list_calendars,
    read_events,
)
from scp_server.providers.google.shapes_calendar import calendar_event, event_version
from scp_server.providers.positions import read, written
from scp_server.providers.trail import Trail
from scp_wire.events import ChangeKind
from scp_wire.filters import EventFilters

GROUP: Final = 50
"""Events of a step. They come with their page: a step is small only to be early."""


class EventsPlace(msgspec.Struct, frozen=True, kw_only=True, tag="calendar-listing-1"):
    """Page `page` (None: the first) of a calendar, after event `after` (None: from its start)."""

    secondary: bool
    calendar: str
    page: str | None = None
    after: str | None = None


class CalendarEvents:
    """A connector (ports.connector) of one user's calendars under one stream's filters."""

    def __init__(self, filters: EventFilters, *, max_results: int | None = None) -> None:
        self._group = min(GROUP, max_results or GROUP)
        self._listing = (("maxResults", str(LISTING_PAGE)), *listing_params(filters))
        self._following = CalendarFollowing(filters, self._listing)
        self._calendars: list[Calendar] | None = None
        self._trail = Trail()
        self._page: tuple[str, EventPage] | None = None
        self._went_on_at: Position | None = None

    def bookmark(self) -> Reading[Position]:
        """A sync token for each calendar, taken before anything is listed."""
        self._calendars = yield from list_calendars()
        return (yield from self._following.begin(self._calendars))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next events, calendar by calendar."""
        if resume is None or resume != self._went_on_at:
            self._trail.clear()
            self._page = None
        if self._calendars is None:
            self._calendars = yield from list_calendars()
        place = self._first(self._calendars) if resume is None else read(resume, EventsPlace)
        while place is not None:
            current = self._still_there(place, self._calendars)
            if current is None:
                break
            page = yield from self._page_at(current)
            rest = page.after(current.after)
            changes = _created(page, rest[: self._group], current.calendar)
            place = self._onwards(current, page, rest)
            if changes:
                return self._step(changes, place)
        return self._step((), None)

    def follow(self, since: Position) -> Reading[Followed]:
        """What changed in any of the calendars."""
        return (yield from self._following.follow(since))

    def _step(self, changes: tuple[Change, ...], place: EventsPlace | None) -> Step:
        self._went_on_at = None if place is None else written(place)
        return Step(changes=changes, resume=self._went_on_at)

    def _first(self, calendars: Sequence[Calendar]) -> EventsPlace | None:
        if not calendars:
            return None
        return EventsPlace(secondary=calendars[0].secondary, calendar=calendars[0].id)

    def _still_there(self, place: EventsPlace, calendars: Sequence[Calendar]) -> EventsPlace | None:
        """The place, or the start of the next calendar when its own is gone."""
        here = Calendar(secondary=place.secondary, id=place.calendar)
        return place if here in calendars else self._next_calendar(place)

    def _onwards(
        self, place: EventsPlace, page: EventPage, rest: Sequence[str]
    ) -> EventsPlace | None:
        if len(rest) > self._group:
            return msgspec.structs.replace(place, after=rest[self._group - 1])
        if page.next is not None:
            return msgspec.structs.replace(place, page=page.next, after=None)
        return self._next_calendar(place)

    def _next_calendar(self, place: EventsPlace) -> EventsPlace | None:
        here = Calendar(secondary=place.secondary, id=place.calendar)
        return self._first([c for c in self._calendars or () if c > here])

    def _page_at(self, place: EventsPlace) -> Reading[EventPage]:
        if self._page is not None:
            calendar, page = self._page
            if calendar == place.calendar and page.key == place.page:
                return page
        (reply,) = yield (self._ask(place),)
        # A calendar that is gone by now has no events.
        page = read_events(place.page, {"items": []} if reply.absent else reply.body)
        following = None if page.next is None else f"{place.calendar} {page.next}"
        seen = [f"{place.calendar} {identity}" for identity in page.events]
        self._trail.page(f"{place.calendar} {page.key or ''}", seen, following)
        self._page = place.calendar, page
        return page

    def _ask(self, place: EventsPlace) -> Ask:
        return events_ask(place.calendar, self._listing, place.page)


def _created(page: EventPage, ids: Sequence[str], calendar: str) -> tuple[Change, ...]:
    events = [page.events[identity] for identity in ids]
    return tuple(_change(event, calendar) for event in events if _exists(event))


def _exists(event: Mapping[str, Any]) -> bool:
    # A cancelled exception is part of its series; anything else that is cancelled is gone.
    return event.get("status") != "cancelled" or text(event.get("recurringEventId")) is not None


def _change(event: dict[str, Any], calendar: str) -> Change:
    return Change(
        kind=ChangeKind.CREATED,
        item=calendar_event(event, calendar),
        version=event_version(event, calendar),
        raw=event,
    )
