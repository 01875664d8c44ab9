"""Seats: what a connection that was lost leaves behind, for the same agent's next one.

The guide's client names no place when it comes back. Its seat does: its subscription, its options
and the last event it had proven to have. So it goes on where it was and loses nothing.
"""

from dataclasses import dataclass

from scp_server.domain.event_ref import EventRef
from scp_server.engine.readers import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """`until` in monotonic seconds."""

    subscription: Subscription
    place: EventRef
    until: float


class Seats:
    """The seats of one session, by the label of the agent that held them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seats: dict[str | None, list[Seat]] = {}

    def leave(
        self, agent_id: str | None, subscription: Subscription, place: EventRef, *, now: float
    ) -> None:
        """A connection ended without saying goodbye."""
        seat = Seat(subscription=subscription, place=place, until=now + self._seconds)
        self._seats.setdefault(agent_id, []).append(seat)

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

    @property
    def empty(self) -> bool:
        """Whether nobody is expected back."""
        return not self._seats

    def clear_cold(self, *, now: float) -> None:
        """Forget seats nobody came back to."""
        kept = {a: [s for s in seats if s.until > now] for a, seats in self._seats.items()}
        self._seats = {agent: seats for agent, seats in kept.items() if seats}
