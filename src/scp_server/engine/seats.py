"""Seats: what a connection that was lost leaves behind, for the same agent's next one.

The guide's client names no place when it comes back. Its seat does: its subscription, its options
and the last event it had proven to have. So it goes on where it was and loses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scp_server.domain.event_ref import EventRef
from scp_server.engine.readers import Reader, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """`until` in monotonic seconds."""

    subscription: Subscription
    place: EventRef
    floors: Mapping[str, int]
    """By stream id: up to where it needed nothing although that lies after its place."""
    until: float


class Seats:
    """The seats of one session, by the label of the agent that held them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seats: dict[str | None, list[Seat]] = {}

    def leave(self, agent_id: str | None, reader: Reader, *, now: float) -> None:
        """A connection ended without saying goodbye."""
        seat = Seat(
            subscription=reader.subscription,
            place=reader.proven_ref,
            floors=reader.floors,
            until=now + self._seconds,
        )
        self._seats.setdefault(agent_id, []).append(seat)

    def give_back(self, agent_id: str | None, seat: Seat) -> None:
        """It was taken by a connection that came to nothing: it waits on as it was."""
        self._seats.setdefault(agent_id, []).insert(0, seat)

    def take(self, agent_id: str | None, *, now: float) -> Seat | None:
        """The seat that was left first by this agent and has not gone cold; it is taken once."""
        self.clear_cold(now=now)
        waiting = self._seats.get(agent_id)
        if not waiting:
            return None
        seat = waiting.pop(0)
        if not waiting:
            del self._seats[agent_id]
        return seat

    def occupied(self, agent_id: str | None, *, now: float) -> bool:
        """Whether a seat waits for this agent."""
        self.clear_cold(now=now)
        return bool(self._seats.get(agent_id))

    def clear(self) -> None:
        """Nobody is expected back."""
        self._seats.clear()

    @property
    def empty(self) -> bool:
        """Whether nobody is expected back."""
        return not self._seats

    def clear_cold(self, *, now: float) -> None:
        """Forget seats nobody came back to."""
        kept = {a: [s for s in seats if s.until > now] for a, seats in self._seats.items()}
        self._seats = {agent: seats for agent, seats in kept.items() if seats}
