"""Recurrence rules as Graph writes them (`patternedRecurrence`). Pure."""

from typing import Any

from scp_sandbox.google.calendar.recurrence import Rule, parse_rule
from scp_sandbox.world.event import Event

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INDEX = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "last", -1: "last", 0: "first"}


def recurrence(event: Event, zone: str) -> dict[str, Any] | None:
    """An event's `recurrence`; None for one that does not recur."""
    rule = next((r for text in event.recurrence if (r := parse_rule(text))), None)
    if rule is None:
        return None
    first = event.start.wall_day.isoformat()
    return {"pattern": _pattern(rule, event), "range": _range(rule, first, zone)}


def _pattern(rule: Rule, event: Event) -> dict[str, Any]:
    start = event.start.wall_day
    days = [_DAYS[day] for _, day in rule.days] or [_DAYS[start.weekday()]]
    ordinal = next((n for n, _ in rule.days), 0)
    pattern: dict[str, Any] = {
        "type": rule.freq.lower(),
        "interval": rule.interval,
        "month": 0,
        "dayOfMonth": 0,
        "daysOfWeek": [],
        "firstDayOfWeek": "sunday",
        "index": "first",
    }
    match rule.freq:
        case "WEEKLY":
            pattern["daysOfWeek"] = days
        case "MONTHLY" if rule.days:
            pattern |= {"type": "relativeMonthly", "daysOfWeek": days, "index": _INDEX[ordinal]}
        case "MONTHLY":
            pattern |= {"type": "absoluteMonthly", "dayOfMonth": start.day}
        case "YEARLY":
            pattern |= {"type": "absoluteYearly", "dayOfMonth": start.day, "month": start.month}
        case _:
            pass
    return pattern


def _range(rule: Rule, first: str, zone: str) -> dict[str, Any]:
    kind, last = "noEnd", "0001-01-01"
    if rule.count is not None:
        kind = "numbered"
    elif rule.until is not None:
        kind, last = "endDate", rule.until.date().isoformat()
    return {
        "type": kind,
        "startDate": first,
        "endDate": last,
        "recurrenceTimeZone": zone,
        "numberOfOccurrences": rule.count or 0,
    }
