"""Arrival: what a connecting consumer brings along."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from scp_server.domain.event_ref import EventRef
from scp_server.engine.readers import Subscription
from scp_server.engine.seats import Seat
from scp_wire.stream_types import StreamType


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
    floors: Mapping[str, int] | None = None
    """Of a seat: up to where streams were proven when it was first taken."""
    agent_pk: int | None = None
    """The agent whose key it presented; the label is not proven by that."""
    allowed: frozenset[StreamType] | None = None
    """The only types that it may read; None: all."""
    takes_seat: bool = True
    """False: it says itself where it stood, and leaves the seats to others."""


def seated(arrival: Arrival, seat: Seat | None, epoch: str) -> Arrival:
    """The arrival with what its seat remembers.

    The place is the seat's, unless the consumer names one that is newer. Of two epochs the one
    that lasts is the newer; of two that are over nobody knows, and the consumer should.
    """
    if seat is None:
        return arrival
    wanted = arrival.wanted or seat.subscription
    named = arrival.place
    if named is not None and _is_newer(named, seat.place, epoch):
        return replace(arrival, wanted=wanted)
    return replace(arrival, place=seat.place, floors=seat.floors, wanted=wanted)


def narrowed(wanted: Subscription, allowed: frozenset[StreamType] | None) -> Subscription:
    """Of a subscription, what is allowed: that of a seat may be another's, who may more."""
    if allowed is None:
        return wanted
    types = allowed if wanted.types is None else wanted.types & allowed
    return msgspec.structs.replace(wanted, types=types)


def _is_newer(named: EventRef, place: EventRef, epoch: str) -> bool:
    if named.epoch == place.epoch:
        return named.n > place.n
    return place.epoch != epoch
