"""Recurrence rules (RFC 5545) as far as the world uses them, spelled out into instances. Pure."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from scp_sandbox.world.event import Event, When, zone

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Instances of one series at most: an endless daily rule over two years.
MOST_INSTANCES = 1000
_MOST_STEPS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An RRULE. `days` are (ordinal or 0, weekday) pairs; `until` is a moment in UTC."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    days: tuple[tuple[int, int], ...] = ()
    month_days: tuple[int, ...] = ()


def parse_rule(text: str) -> Rule | None:
    """Reads `RRULE:…`; None where it is not one that can be spelled out."""
    name, _, rest = text.partition(":")
    if name.upper() != "RRULE":
        return None
    parts = dict(p.upper().split("=", 1) for p in rest.split(";") if "=" in p)
    if parts.get("FREQ") not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        return None
    try:
        return Rule(
            freq=parts["FREQ"],
            interval=min(max(1, int(parts.get("INTERVAL", "1")[:9])), 1000),
            count=int(parts["COUNT"][:9]) if "COUNT" in parts else None,
            until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
            days=tuple(_weekday(d) for d in parts.get("BYDAY", "").split(",") if d),
            month_days=tuple(int(d) for d in parts.get("BYMONTHDAY", "").split(",") if d),
        )
    except ValueError:
        return None


def occurrences(start: When, recurrence: tuple[str, ...], before: datetime) -> Iterator[When]:
    """The starts of a series' instances up to `before`, in order, without those in an EXDATE."""
    rule = next((r for text in recurrence if (r := parse_rule(text))), None)
    if rule is None:
        yield start
        return
    excluded = {s for t in recurrence if t.startswith("EXDATE") for s in _stamps(t)}
    first = start.day or start.moment.astimezone(zone(start.zone)).date()
    for given, day in enumerate(_days(rule, first), 1):
        when = start.shifted(day - first)
        if when.moment >= before or (rule.until and when.moment > rule.until):
            return
        if when.stamp not in excluded:
            yield when
        if given >= (rule.count or MOST_INSTANCES):
            return


def instances(master: Event, exceptions: list[Event], before: datetime) -> Iterator[Event]:
    """A series spelled out up to `before`, its exceptions in the places of what they replace."""
    length = master.end.moment - master.start.moment
    moved = {e.original.stamp: e for e in exceptions if e.original}
    for when in occurrences(master.start, master.recurrence, before):
        yield moved.get(when.stamp) or instance(master, when, length)


def instance(master: Event, when: When, length: timedelta) -> Event:
    """One unchanged instance of a series."""
    return replace(
        master,
        id=f"{master.id}_{when.stamp}",
        recurrence=(),
        series_id=master.id,
        original=when,
        start=when,
        end=when.shifted(length),
    )


def ends_after(event: Event, moment: datetime) -> bool:
    """Whether an event, or any instance of a series, ends after `moment`."""
    if event.end.moment > moment or not event.recurrence:
        return event.end.moment > moment
    length = event.end.moment - event.start.moment
    far = moment + timedelta(days=800) if moment.year < 9990 else moment
    starts = occurrences(event.start, event.recurrence, far)
    return any(when.moment + length > moment for when in starts)


def _days(rule: Rule, first: date) -> Iterator[date]:
    for step in range(_MOST_STEPS):
        yield from (day for day in _period(rule, first, step * rule.interval) if day >= first)


def _period(rule: Rule, first: date, step: int) -> list[date]:
    """The days that a rule names within its `step`-th day, week, month or year."""
    if rule.freq == "DAILY":
        return [first + timedelta(days=step)]
    if rule.freq == "WEEKLY":
        monday = first - timedelta(days=first.weekday()) + timedelta(weeks=step)
        wanted = sorted(d for _, d in rule.days) or [first.weekday()]
        return [monday + timedelta(days=d) for d in wanted]
    months = step if rule.freq == "MONTHLY" else step * 12
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return _in_month(rule, first, year, month + 1) if year <= 9990 else []


def _in_month(rule: Rule, first: date, year: int, month: int) -> list[date]:
    length = calendar.monthrange(year, month)[1]
    if rule.days:
        found = []
        for ordinal, weekday in rule.days:
            fitting = [d for d in range(1, length + 1) if date(year, month, d).weekday() == weekday]
            if ordinal == 0:
                found += fitting
            elif -len(fitting) <= ordinal <= len(fitting):
                found.append(fitting[ordinal - 1 if ordinal > 0 else ordinal])
        return [date(year, month, d) for d in sorted(found)]
    wanted = rule.month_days or (first.day,)
    days = sorted(d if d > 0 else length + 1 + d for d in wanted)
    return [date(year, month, d) for d in days if 1 <= d <= length]


def _weekday(text: str) -> tuple[int, int]:
    ordinal, day = text[:-2], text[-2:]
    return int(ordinal or "0"), _DAYS.index(day)


def _until(text: str) -> datetime:
    pattern = "%Y%m%dT%H%M%SZ" if "T" in text else "%Y%m%d"
    found = datetime.strptime(text, pattern).replace(tzinfo=UTC)
    return found if "T" in text else found + timedelta(days=1, seconds=-1)


def _stamps(text: str) -> list[str]:
    return text.partition(":")[2].split(",")
