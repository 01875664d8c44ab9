"""Which events a listing is about, in which order, and which of them it shows. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from scp_sandbox.google.calendar.asking import Asking
from scp_sandbox.google.calendar.recurrence import ends_after, instances
from scp_sandbox.world.diary import Diary
from scp_sandbox.world.event import Event

Key = tuple[int | str, ...]

# How far ahead an endless series is spelled out when no `timeMax` says it; Google's is not
# published, about a year and more is seen.
HORIZON = timedelta(days=500)
LEAST_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Row:
    """An event with its place in the order asked for."""

    key: Key
    event: Event


def rows(diary: Diary, what: Asking, since: int | None, now: datetime) -> list[Row]:
    """Every event in question, sorted; those changed after `since` when it is given."""
    before = what.time_max or now + HORIZON
    events = _spelled_out(diary, before) if what.single else iter(diary)
    found = [
        Row(_key(event, what, since), event)
        for event in events
        if (since is None or event.change > since)
        and _indexed(event, what)
        and (since is not None or _asked_for(diary, event, what))
    ]
    return sorted(found, key=lambda row: row.key)


def instance_rows(diary: Diary, series: Event, what: Asking, now: datetime) -> list[Row]:
    """The instances of one series within the bounds asked for, by their starts."""
    before = what.time_max or now + HORIZON
    found = [
        Row((event.start.moment.isoformat(), event.id), event)
        for event in instances(series, diary.exceptions(series.id), before)
        if (what.deleted or event.status != "cancelled") and _time_fits(event, what)
    ]
    return sorted(found, key=lambda row: row.key)


def page(
    found: list[Row], what: Asking, after: Key, *, syncing: bool
) -> tuple[list[Event], Key | None]:
    """The events of a page, and the key to go on after; None when there is no more.

    A page looks at so many rows and shows those that fit: it may be short or empty while there is
    more, which Google says of its own pages.
    """
    rest = [row for row in found if not after or row.key > after]
    items: list[Event] = []
    for looked_at, row in enumerate(rest, 1):
        if (syncing or not _called_off(row.event, what)) and _mentions(row.event, what.q):
            items.append(row.event)
        full = len(items) == what.limit or looked_at >= max(what.limit, LEAST_LOOKED_AT)
        if full and looked_at < len(rest):
            return items, row.key
    return items, None


def _indexed(event: Event, what: Asking) -> bool:
    return (
        what.typed
        and (what.ical_uid is None or event.ical_uid == what.ical_uid)
        and (what.updated_min_us is None or event.updated_us >= what.updated_min_us)
        and _time_fits(event, what)
    )


def _spelled_out(diary: Diary, before: datetime) -> Iterator[Event]:
    by_series: dict[str, list[Event]] = {}
    for event in diary:
        if event.series_id:
            by_series.setdefault(event.series_id, []).append(event)
    for event in diary:
        if event.recurrence:
            yield from instances(event, by_series.get(event.id, []), before)
        elif event.series_id is None:
            yield event


def _key(event: Event, what: Asking, since: int | None) -> Key:
    if since is not None:
        return (event.change, event.id)
    if what.order == "startTime":
        return (event.start.moment.isoformat(), event.id)
    if what.order == "updated":
        return (event.updated_us, event.id)
    return (event.place, event.id)


def _asked_for(diary: Diary, event: Event, what: Asking) -> bool:
    if what.deleted or what.updated_min_us is not None or what.single:
        return True
    return event.status != "cancelled" or event.series_id is None or diary.shown(event)


def _called_off(event: Event, what: Asking) -> bool:
    if event.status != "cancelled" or what.deleted or what.updated_min_us is not None:
        return False
    return event.series_id is None or what.single


def _time_fits(event: Event, what: Asking) -> bool:
    if what.time_max and event.start.moment >= what.time_max:
        return False
    return what.time_min is None or ends_after(event, what.time_min)


def _mentions(event: Event, q: str | None) -> bool:
    if q is None:
        return True
    texts = [event.summary, event.description or "", event.location or "", event.organizer]
    texts += [f"{a.name} {a.email}" for a in event.attendees]
    everything = " ".join(texts).lower()
    return all(word in everything for word in q.lower().split())
