"""What consumers were told, as tests ask about it."""

from collections.abc import Iterable

from scp_wire.events import Event


def numbers(events: Iterable[Event]) -> list[int]:
    """Each event's number, of those that have one."""
    return [int(e.event_id.rpartition("-")[2]) for e in events if e.event_id]


def epoch_of(event: Event) -> str:
    assert event.event_id is not None
    return event.event_id.rpartition("-")[0]


def repeats_are_the_same(events: Iterable[Event]) -> bool:
    """Whether each item has one change_id, however often it came."""
    found: dict[str, set[str]] = {}
    for event in events:
        if event.event_type == "data_update":
            found.setdefault(event.data["payload"]["id"], set()).add(event.data["change_id"])
    return all(len(ids) == 1 for ids in found.values())


def is_item(event: Event) -> bool:
    return event.event_type == "data_update"


def named(events: Iterable[Event], event_id: str | None) -> Event:
    return next(e for e in events if e.event_id == event_id)
