"""An agent: a program that the operator knows by a key, and what that key is good for."""

from dataclasses import dataclass

from scp_server.domain.sessions import Session
from scp_wire.stream_types import StreamType


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent as stored. Its key is not in it: only the database's keyed hash knows that."""

    pk: int
    name: str
    """Given by the operator, and so verified where the key was presented."""
    last4: str
    """Of its key."""
    stream_types: frozenset[StreamType] | None
    """The only ones it may ask for and read; None: all."""
    opens: bool
    """Whether it may open sessions, and use those that belong to no agent. If not, it may use
    those that were given to it."""
    created_at: float
    expires_at: float | None
    revoked_at: float | None

    def alive(self, now: float) -> bool:
        """Whether its key opens anything at all."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired

    def may_use(self, session: Session) -> bool:
        """Whether the session answers to its key."""
        return session.agent_pk == self.pk or (session.agent_pk is None and self.opens)

    def may_read(self, stream_type: StreamType) -> bool:
        """Whether streams of that type are for it."""
        return self.stream_types is None or stream_type in self.stream_types


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlan:
    """What the operator wants an agent to be; the fields are `Agent`'s."""

    name: str
    stream_types: frozenset[StreamType] | None = None
    opens: bool = True
    expires_at: float | None = None


def actor_of(label: str | None, *, verified: bool) -> str:
    """Who acts, as audit rows name it: only with a key is a label more than a claim."""
    if label is None:
        return "session"
    return f"key:{label}" if verified else f"agent:{label}"
