"""Graph's patternedRecurrence as RFC 5545 lines.

A pattern speaks in the event's own time zone: so do the days of the rule. Where a month has fewer
days than a monthly or yearly pattern names, Outlook takes its last day, and so does the rule.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final

from scp_server.providers.foreign import text, texts, thing, whole
from scp_server.providers.microsoft.zones import zone_of

_DAYS: Final = {
    "monday": "MO",
    "tuesday": "TU",
    "wednesday": "WE",
    "thursday": "TH",
    "friday": "FR",
    "saturday": "SA",
    "sunday": "SU",
}
_INDEXES: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_FREQUENCIES: Final = {
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "absoluteMonthly": "MONTHLY",
    "relativeMonthly": "MONTHLY",
    "absoluteYearly": "YEARLY",
    "relativeYearly": "YEARLY",
}
_SURE_DAY: Final = 28
"""The last that every month has."""
_OCCURRENCE: Final = re.compile(r"\.(\d{4}-\d{2}-\d{2})\Z")
_MOST_EXCEPTIONS: Final = 1000


def recurrence_lines(
    body: Mapping[str, Any], start: datetime | None, *, all_day: bool
) -> list[str] | None:
    """RRULE and EXDATE of a series' master; None when the event has no recurrence.

    `start`: when the first occurrence begins, None when that is not known.
    """
    recurrence = body.get("recurrence")
    if not isinstance(recurrence, dict):
        return None
    span = thing(recurrence.get("range"))
    named = text(span.get("recurrenceTimeZone")) or text(body.get("originalStartTimeZone"))
    zone = zone_of(named or "UTC") or UTC
    rule = _rule(thing(recurrence.get("pattern")))
    if rule is None:
        return []
    lines = ["RRULE:" + ";".join([*rule, *_bounds(span, zone, all_day=all_day)])]
    cancelled = _cancelled(body, zone, start, all_day=all_day)
    return [*lines, cancelled] if cancelled else lines


def _rule(pattern: Mapping[str, Any]) -> list[str] | None:
    kind = text(pattern.get("type")) or ""
    frequency = _FREQUENCIES.get(kind)
    if frequency is None:
        return None
    interval = whole(pattern.get("interval")) or 1
    parts = [f"FREQ={frequency}", *([f"INTERVAL={interval}"] if interval > 1 else [])]
    month = whole(pattern.get("month")) or 0
    if frequency == "YEARLY" and 1 <= month <= 12:
        parts.append(f"BYMONTH={month}")
    if kind.startswith("absolute"):
        parts += _month_day(whole(pattern.get("dayOfMonth")) or 0)
    if kind.startswith("relative"):
        parts += _nth_day(pattern)
    if kind == "weekly":
        parts += _week(pattern)
    return parts


def _month_day(day: int) -> list[str]:
    if 1 <= day <= _SURE_DAY:
        return [f"BYMONTHDAY={day}"]
    if day > 31 or day < 1:
        return []
    days = ",".join(str(one) for one in range(_SURE_DAY, day + 1))
    return [f"BYMONTHDAY={days}", "BYSETPOS=-1"]


def _nth_day(pattern: Mapping[str, Any]) -> list[str]:
    days, index = _days(pattern), _INDEXES.get(text(pattern.get("index")) or "first", 1)
    if not days:
        return []
    if len(days) == 1:
        return [f"BYDAY={index}{days[0]}"]
    return [f"BYDAY={','.join(days)}", f"BYSETPOS={index}"]


def _week(pattern: Mapping[str, Any]) -> list[str]:
    days, first = _days(pattern), _DAYS.get(text(pattern.get("firstDayOfWeek")) or "")
    by_day = [f"BYDAY={','.join(days)}"] if days else []
    return [*by_day, *([f"WKST={first}"] if first else [])]


def _days(pattern: Mapping[str, Any]) -> list[str]:
    named = {name.lower() for name in texts(pattern.get("daysOfWeek"))}
    return [short for name, short in _DAYS.items() if name in named]


def _bounds(span: Mapping[str, Any], zone: tzinfo, *, all_day: bool) -> list[str]:
    kind = text(span.get("type"))
    count = whole(span.get("numberOfOccurrences")) or 0
    if kind == "numbered" and count > 0:
        return [f"COUNT={count}"]
    end = _date(text(span.get("endDate")))
    if kind != "endDate" or end is None:
        return []
    if all_day:
        return [f"UNTIL={end:%Y%m%d}"]
    last = _utc(datetime.combine(end, time(23, 59, 59), zone))
    return [] if last is None else [f"UNTIL={last}"]


def _cancelled(
    body: Mapping[str, Any], zone: tzinfo, start: datetime | None, *, all_day: bool
) -> str | None:
    """The occurrences that were deleted; Graph names them by "OID.<id of the master>.<date>"."""
    names = texts(body.get("cancelledOccurrences"))[:_MOST_EXCEPTIONS]
    found = (_date(match[1]) for name in names if (match := _OCCURRENCE.search(name)))
    days = [day for day in found if day is not None]
    if days and all_day:
        return "EXDATE;VALUE=DATE:" + ",".join(f"{day:%Y%m%d}" for day in days)
    if not days or start is None:
        return None
    at = start.astimezone(zone).time()
    moments = [_utc(datetime.combine(day, at, zone)) for day in days]
    return "EXDATE:" + ",".join(moment for moment in moments if moment)


def _date(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        return None


def _utc(moment: datetime) -> str | None:
    try:
        return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except OverflowError:
        return None
