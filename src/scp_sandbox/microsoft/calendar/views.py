"""Windows onto a calendar: what of it lies between two moments, series spelled out. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scp_sandbox.google.calendar.recurrence import instance, occurrences
from scp_sandbox.microsoft.calendar.store import Root
from scp_sandbox.world.event import Event, When


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment to another; what merely touches it is outside."""

    start: datetime
    end: datetime

    def shows(self, event: Event) -> bool:
        """Whether an event overlaps; one without length counts by its start."""
        begin, end = event.start.moment, event.end.moment
        return begin < self.end and (end > self.start or begin == end == self.start)


def kind_of(event: Event) -> str:
    """An event's `type`; exceptions are marked by `as_exception`."""
    if event.series_id is None:
        return "seriesMaster" if event.recurrence else "singleInstance"
    return "exception" if event.place < 0 else "occurrence"


def instances(root: Root, window: Window) -> list[Event]:
    """A series' occurrences and exceptions within a window, by their start."""
    master = root.event
    if master is None or not master.recurrence:
        return []
    length = master.end.moment - master.start.moment
    replaced = {e.original.stamp for e in root.exceptions if e.original}
    found = [as_exception(e) for e in root.exceptions if e.status != "cancelled"]
    found += [
        instance(master, when, length)
        for when in occurrences(master.start, master.recurrence, window.end)
        if when.stamp not in replaced and when.moment + length >= window.start
    ]
    return sorted((e for e in found if window.shows(e)), key=lambda e: (e.start.moment, e.id))


def within(roots: Iterable[Root], window: Window) -> list[Event]:
    """All events within a window, series spelled out, by their start."""
    found: list[Event] = []
    for root in roots:
        if root.event is None:
            continue
        if root.event.recurrence:
            found += instances(root, window)
        elif window.shows(root.event):
            found.append(root.event)
    return sorted(found, key=lambda e: (e.start.moment, e.id))


def rows(root: Root, window: Window) -> list[Event]:
    """What a delta round tells of a root: itself if it is seen, a series before its instances."""
    if root.event is None:
        return []
    if not root.event.recurrence:
        return [root.event] if window.shows(root.event) else []
    spelled = instances(root, window)
    return [root.event, *spelled] if spelled else []


def as_exception(event: Event) -> Event:
    """Marks a stored instance, so that `kind_of` tells it from a plain occurrence."""
    return event if event.place < 0 else replace(event, place=-event.place)


def find_instance(root: Root, stamp: str) -> Event | None:
    """The occurrence or exception that stands for an original start; None when there is none."""
    master = root.event
    if master is None:
        return None
    for exception in root.exceptions:
        if exception.original and exception.original.stamp == stamp:
            return None if exception.status == "cancelled" else as_exception(exception)
    length = master.end.moment - master.start.moment
    for when in _starts(master):
        if when.stamp == stamp:
            return instance(master, when, length)
    return None


def _starts(master: Event) -> Iterator[When]:
    return occurrences(
        master.start, master.recurrence, master.start.moment + timedelta(days=365 * 30)
    )
