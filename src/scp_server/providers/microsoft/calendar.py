"""outlook_events: the user's calendar within a window.

Backfill and following walk `/me/calendarView/delta`; each event is fetched whole. Where the window
moves with the days, it is walked anew every day: what has come into sight is told, what has gone
out of it is not deleted. The old window's link is asked once more beside the new one's, so that
nothing that changed while they were exchanged is missed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from scp_server.domain.changes import Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading
from scp_server.providers.foreign import text
from scp_server.providers.microsoft.calendar_filters import (
    DAYS_AHEAD,
    DAYS_BACK,
    EventJudge,
    Span,
)
from scp_server.providers.microsoft.calendar_kind import OutlookCalendar
from scp_server.providers.microsoft.delta import walk_all
from scp_server.providers.microsoft.following import FolderFollowing, FollowPlace, Walk
from scp_server.providers.microsoft.listing import DeltaListing
from scp_server.providers.microsoft.shapes_calendar import begin_of, end_of
from scp_server.providers.moments import parsed
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_wire.filters import EventFilters


class OutlookEvents:
    """A connector (ports.connector) of one calendar under one stream's filters."""

    def __init__(
        self,
        filters: EventFilters,
        *,
        max_results: int | None = None,
        days_back: int = DAYS_BACK,
        days_ahead: int = DAYS_AHEAD,
    ) -> None:
        span = Span(
            low=filters.time_min,
            high=filters.time_max,
            days_back=days_back,
            days_ahead=days_ahead,
        )
        unreadable = Unreadable()
        self._calendar = OutlookCalendar(EventJudge(filters), span)
        self._listing = DeltaListing(self._calendar, unreadable, max_results=max_results)
        self._following = FolderFollowing(self._calendar, unreadable)

    def bookmark(self) -> Reading[Position]:
        """The delta link of today's window."""
        yield from self._calendar.sources()
        return (yield from self._following.bookmark(self._calendar.asked_at))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next events of the window."""
        self._following.doubt.listed()
        return (yield from self._listing.backfill(resume))

    def follow(self, since: Position) -> Reading[Followed]:
        """What changed in the window, or came into it."""
        followed = yield from self._following.follow(since)
        now = self._following.looked_at
        if followed.more or now is None:
            return followed
        place = read(followed.since, FollowPlace)
        if len(place.walks) > 1:
            # The old window was asked once more: from here on there is only the new one.
            place = msgspec.structs.replace(place, walks=place.walks[-1:])
            return replace(followed, since=written(place))
        window = self._calendar.window(now)
        if not self._calendar.moves or window == place.walks[0].folder:
            return followed
        return (yield from self._moved_on(followed, place, window))

    def _moved_on(self, followed: Followed, place: FollowPlace, window: str) -> Reading[Followed]:
        sight = _InSight(place.walks[0].folder)
        links = yield from walk_all({window: self._calendar.round(window)}, sight.take)
        new = Walk(folder=window, link=links[window])
        told, skipped, newest = yield from self._following.look_at(sight.entered(), place.newest)
        place = msgspec.structs.replace(
            place, walks=(*place.walks, new), newest=newest, coming=newest
        )
        return Followed(
            changes=(*followed.changes, *told),
            since=written(place),
            more=True,
            skipped=(*followed.skipped, *skipped),
        )


class _InSight:
    """What a new window shows that the old one did not."""

    def __init__(self, old: str) -> None:
        low, _, high = old.partition("/")
        self._low, self._high = parsed(low), parsed(high)
        self._new: dict[str, None] = {}
        self._known: set[str] = set()

    def take(self, _window: str, entry: Mapping[str, Any]) -> None:
        """Note an entry of the new window. A series was in sight when an occurrence of it was."""
        identity, series = text(entry.get("id")), text(entry.get("seriesMasterId"))
        kind = entry.get("type")
        names = [name for name in (series, identity) if name]
        if kind == "occurrence":
            names = [series] if series else []
        if kind == "seriesMaster":
            return
        for name in names:
            if self._was_in_sight(entry):
                self._known.add(name)
            else:
                self._new[name] = None

    def entered(self) -> list[str]:
        """Ids of those that came into sight."""
        return [name for name in self._new if name not in self._known]

    def _was_in_sight(self, entry: Mapping[str, Any]) -> bool:
        start, end = begin_of(entry), end_of(entry)
        if start is None or end is None or self._low is None or self._high is None:
            return True
        return end > self._low and start < self._high
