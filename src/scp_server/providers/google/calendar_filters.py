"""Whether a calendar event is in a filtered stream: by Google while backfilling, here while
following, since a sync token cannot be asked for together with a filter (Calendar's Events: list).

Here means: an event is within the window when it ends after `time_min` and starts before
`time_max`, as Google has it. All-day events lie in their calendar's time zone. A series is taken to
go on for ever, unless its only rule says UNTIL. `query` matches when each of its words (or "quoted
phrases") occurs, in any case, in the summary, description, location, or in the name or address of
the organiser or an attendee. What cannot be judged is in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from scp_server.domain.errors import StreamConfigError
from scp_server.providers.foreign import items, text, texts, thing
from scp_server.providers.moments import parsed, utc
from scp_server.providers.words import contain, terms
from scp_wire.filters import EventFilters

_UNTIL: Final = re.compile(r"UNTIL=(\d{8})(T\d{6})?")


def check_events(filters: EventFilters) -> None:
    """Refuse what Google refuses.

    Raises: StreamConfigError naming the field.
    """
    for field in ("time_min", "time_max"):
        moment: datetime | None = getattr(filters, field)
        try:
            _ = moment and utc(moment)
        except OverflowError:
            raise StreamConfigError(
                f"filters.{field} is outside of the years 1 to 9999 in UTC.",
                field=f"filters.{field}",
            ) from None
    if filters.time_min and filters.time_max and filters.time_min >= filters.time_max:
        raise StreamConfigError(
            "filters.time_max must be later than filters.time_min.",
            field="filters.time_max",
            value=utc(filters.time_max),
        )


def listing_params(filters: EventFilters) -> tuple[tuple[str, str], ...]:
    """The filters as parameters of events.list."""
    params = {
        "timeMin": filters.time_min and utc(filters.time_min),
        "timeMax": filters.time_max and utc(filters.time_max),
        "q": filters.query,
    }
    return tuple((name, value) for name, value in params.items() if value)


@dataclass(frozen=True, slots=True)
class EventJudge:
    """Judges by one stream's filters."""

    filters: EventFilters

    @property
    def by_words(self) -> bool:
        """Whether words matter, of which a cancelled event has none."""
        return self.filters.query is not None

    def includes(self, event: Mapping[str, Any], zone: str | None) -> bool:
        """Whether the event is in the stream. `zone`: its calendar's time zone."""
        return self._in_window(event, _zone(zone)) and self._has_words(event)

    def _in_window(self, event: Mapping[str, Any], zone: tzinfo) -> bool:
        low, high = self.filters.time_min, self.filters.time_max
        start = _moment(event.get("start"), zone) or _moment(event.get("originalStartTime"), zone)
        if start is None:
            return True
        end = _last_end(event, start, _moment(event.get("end"), zone) or start)
        early = low is not None and end is not None and end <= low
        return not early and (high is None or start < high)

    def _has_words(self, event: Mapping[str, Any]) -> bool:
        if self.filters.query is None:
            return True
        return contain(_words(event), terms(self.filters.query))


def _words(event: Mapping[str, Any]) -> Iterator[str]:
    for field in ("summary", "description", "location"):
        yield text(event.get(field)) or ""
    for person in (event.get("organizer"), *items(event.get("attendees"))):
        for field in ("email", "displayName"):
            yield text(thing(person).get(field)) or ""


def _last_end(event: Mapping[str, Any], start: datetime, end: datetime) -> datetime | None:
    """The end of the last occurrence; None when that is not known."""
    rules = texts(event.get("recurrence"))
    if not rules:
        return end
    repeating = [rule for rule in rules if not rule.upper().startswith("EXDATE")]
    until = _UNTIL.search(repeating[0].upper()) if len(repeating) == 1 else None
    if until is None:
        return None
    try:
        last = datetime.strptime(until[1] + (until[2] or "T235959"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - made aware in the next line
        # Up to a day later than it says, since a local time's zone is not told.
        return last.replace(tzinfo=UTC) + (end - start) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _moment(value: object, zone: tzinfo) -> datetime | None:
    instant, date = text(thing(value).get("dateTime")), text(thing(value).get("date"))
    if instant is not None:
        return parsed(instant)
    try:
        return datetime.fromisoformat(date or "").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC
