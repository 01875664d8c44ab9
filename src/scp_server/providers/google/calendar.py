"""calendar_events: events.list of all the user's calendars, the primary first.

Backfill lists each calendar under the stream's filters; masters and exceptions, not instances.
Following is calendar_following's.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading
from scp_server.providers.google.calendar_filters import listing_params
from scp_server.providers.google.calendar_following import CalendarFollowing
from scp_server.providers.google.calendar_pages import (
    LISTING_PAGE,
    Calendar,
    CalendarList,
    events_ask,
    read_listing,
)
from scp_server.providers.google.shapes_calendar import calendar_event, event_version, is_over
from scp_server.providers.page_walk import Json, PageWalk, Part
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_wire.events import ChangeKind
from scp_wire.filters import EventFilters

GROUP: Final = 50
"""Events of a step. They come with their page: a step is small only to be early."""


class EventsPlace(msgspec.Struct, frozen=True, kw_only=True, tag="calendar-listing-1"):
    """Page `page` (None: the first) of a calendar, with what `after` marks behind us."""

    secondary: bool
    calendar: str
    page: str | None = None
    after: str | None = None


class CalendarEvents:
    """A connector (ports.connector) of one user's calendars under one stream's filters."""

    def __init__(self, filters: EventFilters, *, max_results: int | None = None) -> None:
        self._group = min(GROUP, max_results or GROUP)
        self._listing = (("maxResults", str(LISTING_PAGE)), *listing_params(filters))
        self._unreadable = Unreadable()
        self._list = CalendarList(self._unreadable)
        self._following = CalendarFollowing(filters, self._listing, self._list, self._unreadable)
        self._calendars: list[Calendar] | None = None
        self._walk: tuple[str, PageWalk] | None = None
        self._went_on_at: Position | None = None

    def bookmark(self) -> Reading[Position]:
        """A sync token for each calendar, taken before anything is listed."""
        self._calendars = yield from self._list.calendars()
        return (yield from self._following.begin(self._calendars))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next events, calendar by calendar."""
        if resume is None or resume != self._went_on_at:
            self._walk = None
        if self._calendars is None:
            self._calendars = yield from self._list.calendars()
        place = self._first(self._calendars) if resume is None else read(resume, EventsPlace)
        while place is not None:
            current = self._still_there(place, self._calendars)
            if current is None:
                break
            part = yield from self._part(current)
            place = self._onwards(current, part)
            if part.changes or part.skipped:
                self._went_on_at = None if place is None else written(place)
                skipped = (*self._list.untold(), *part.skipped)
                return Step(changes=part.changes, resume=self._went_on_at, skipped=skipped)
        self._went_on_at = None
        return Step(changes=(), resume=None, skipped=self._list.untold())

    def follow(self, since: Position) -> Reading[Followed]:
        """What changed in any of the calendars."""
        return (yield from self._following.follow(since))

    def _first(self, calendars: Sequence[Calendar]) -> EventsPlace | None:
        if not calendars:
            return None
        return EventsPlace(secondary=calendars[0].secondary, calendar=calendars[0].id)

    def _still_there(self, place: EventsPlace, calendars: Sequence[Calendar]) -> EventsPlace | None:
        """The place, or the start of the next calendar when its own is gone."""
        here = Calendar(secondary=place.secondary, id=place.calendar)
        return place if here in calendars else self._next_calendar(place)

    def _onwards(self, place: EventsPlace, part: Part) -> EventsPlace | None:
        if part.onwards is None:
            return self._next_calendar(place)
        page, after = part.onwards
        return msgspec.structs.replace(place, page=page, after=after)

    def _next_calendar(self, place: EventsPlace) -> EventsPlace | None:
        here = Calendar(secondary=place.secondary, id=place.calendar)
        return self._first([c for c in self._calendars or () if c > here])

    def _part(self, place: EventsPlace) -> Reading[Part]:
        calendar = place.calendar
        if self._walk is None or self._walk[0] != calendar:
            self._walk = calendar, self._new_walk(calendar)

        def shape(_identity: str, event: Json) -> tuple[Change, ...]:
            return () if is_over(event) else (_change(event, calendar),)

        return (yield from self._walk[1].part(place.page, place.after, shape))

    def _new_walk(self, calendar: str) -> PageWalk:
        return PageWalk(
            lambda page: events_ask(calendar, self._listing, page),
            lambda reply: read_listing(reply, self._unreadable),
            self._unreadable,
            self._group,
            listing=True,
        )


def _change(event: Json, calendar: str) -> Change:
    return Change(
        kind=ChangeKind.CREATED,
        item=calendar_event(event, calendar),
        version=event_version(event, calendar),
        raw=event,
    )
