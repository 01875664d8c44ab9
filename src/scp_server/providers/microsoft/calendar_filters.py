"""Which events an outlook_events stream has: the window it looks at, and the words in it.

Graph tells of a calendar only within a window that is fixed when following begins. Where
`time_min` or `time_max` is given it is that; where not, it moves with the days: from 30 days ago
to 365 days ahead, unless the operator's settings say otherwise. `query` matches when each of its
words (or "quoted phrases") occurs, in any case, in the subject, body, location, or in the name or
address of the organiser or an attendee: Graph has no search of its own for events that could be
followed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from scp_server.domain.errors import RequestRefused, StreamConfigError
from scp_server.providers.foreign import items, text, thing
from scp_server.providers.microsoft.shapes_calendar import begin_of, body_text, end_of
from scp_server.providers.moments import utc
from scp_server.providers.words import contain, terms
from scp_wire.filters import EventFilters

DAYS_BACK: Final = 30
DAYS_AHEAD: Final = 365
MOST_DAYS: Final = 1825
"""Graph refuses a wider calendar view (ErrorCalendarViewRangeTooBig)."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """How far a window that moves with the days reaches."""

    back: int = DAYS_BACK
    ahead: int = DAYS_AHEAD


def check_events(filters: EventFilters) -> None:
    """Refuse what Graph refuses.

    Raises: StreamConfigError naming the field.
    """
    low, high = filters.time_min, filters.time_max
    for field, moment in (("time_min", low), ("time_max", high)):
        try:
            _ = moment and utc(moment)
        except OverflowError:
            raise StreamConfigError(
                f"filters.{field} is outside of the years 1 to 9999 in UTC.",
                field=f"filters.{field}",
            ) from None
    if low is None or high is None:
        return
    if low >= high:
        raise StreamConfigError(
            "filters.time_max must be later than filters.time_min.",
            field="filters.time_max",
            value=utc(high),
        )
    if high - low > MOST_DAYS * _DAY:
        raise StreamConfigError(
            f"Microsoft shows at most {MOST_DAYS} days of a calendar at once: bring "
            "filters.time_min and filters.time_max closer together.",
            field="filters.time_max",
            value=utc(high),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How far a stream looks. None as `low` or `high`: so many days from today."""

    low: datetime | None
    high: datetime | None
    days_back: int = DAYS_BACK
    days_ahead: int = DAYS_AHEAD

    @property
    def moves(self) -> bool:
        """Whether it is another one tomorrow."""
        return self.high is None or self.low is None

    def on(self, now: float) -> tuple[str, str]:
        """The window on the day of `now` (epoch seconds), as RFC 3339.

        A side that is given is not moved; the other one is brought so near that Graph accepts it.

        Raises: RequestRefused when today is too far from `time_min` for that.
        """
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        low = self.low or today - self.days_back * _DAY
        high = self.high or today + self.days_ahead * _DAY
        if self.low is None:
            low = max(min(low, high - _DAY), high - MOST_DAYS * _DAY)
        elif self.high is None:
            if today - low >= MOST_DAYS * _DAY:
                raise RequestRefused(
                    f"Microsoft shows at most {MOST_DAYS} days of a calendar at once, and "
                    "filters.time_min is longer ago than that: give a filters.time_max as well."
                )
            high = min(max(high, low + _DAY), low + MOST_DAYS * _DAY)
        return utc(low), utc(high)


@dataclass(frozen=True, slots=True)
class EventJudge:
    """Judges by one stream's filters."""

    filters: EventFilters

    def includes(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is in the stream.

        A series goes on, so its master is in whatever its first day; Graph has looked at its
        occurrences.
        """
        return self._has_words(event) and (
            event.get("type") == "seriesMaster" or self._in_window(event)
        )

    def _in_window(self, event: Mapping[str, Any]) -> bool:
        low, high = self.filters.time_min, self.filters.time_max
        start, end = begin_of(event), end_of(event)
        if low is not None and end is not None and end <= low:
            return False
        return high is None or start is None or start < high

    def _has_words(self, event: Mapping[str, Any]) -> bool:
        if self.filters.query is None:
            return True
        return contain(_words(event), terms(self.filters.query))


def _words(event: Mapping[str, Any]) -> Iterator[str]:
    yield text(event.get("subject")) or ""
    yield body_text(event) or ""
    yield text(thing(event.get("location")).get("displayName")) or ""
    for person in (event.get("organizer"), *items(event.get("attendees"))):
        mailbox = thing(thing(person).get("emailAddress"))
        yield text(mailbox.get("address")) or ""
        yield text(mailbox.get("name")) or ""
