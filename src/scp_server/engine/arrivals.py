"""Arrival: what a connecting consumer brings along."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scp_server.domain.event_ref import EventRef
from scp_server.engine.readers import Subscription
from scp_server.engine.seats import Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Who comes, and where they stood."""

    agent_id: str | None = None
    place: EventRef | None = None
    """`last_event_id`."""
    cursors: Mapping[str, str] | None = None
    """Cursors by stream id; they go before the place."""
    wanted: Subscription | None = None
    """None takes over the seat's subscription, or everything."""


def seated(arrival: Arrival, seat: Seat | None) -> Arrival:
    """The arrival with what its seat remembers.

    The place is the seat's, unless the consumer names one that is newer or of another epoch.
    """
    if seat is None:
        return arrival
    named = arrival.place
    newer = named is not None and (named.epoch != seat.place.epoch or named.n > seat.place.n)
    return replace(
        arrival,
        place=named if newer else seat.place,
        wanted=arrival.wanted or seat.subscription,
    )
