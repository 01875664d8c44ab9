"""A session: one user's consent at one provider, given to one agent or app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scp_server.domain.secrets import Secret, masked_session
from scp_wire.stream_types import Provider, StreamType


class SessionState(StrEnum):
    """Where a session is in its life."""

    PENDING = "pending"
    """Opened, the user has not consented yet."""
    ACTIVE = "active"
    NEEDS_CONSENT = "needs_consent"
    """The grant is gone; a renewal brings it back with all streams."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose data it is. The key is issuer and subject, never the address."""

    issuer: str
    subject: str = field(repr=False)
    label: str | None = field(repr=False)
    """The address, for people to recognise; stored sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as stored. Its id is not in it: only the database's keyed hash knows that."""

    pk: int
    last4: str
    provider: Provider
    state: SessionState
    account: Account | None
    scopes: frozenset[str]
    """What the user granted."""
    stream_types: tuple[StreamType, ...]
    """What the consent was asked for."""
    agent_id: str | None
    """An unverified label; with `agent_pk`, the agent's name."""
    created_at: float
    last_used_at: float
    expires_at: float
    endpoints: Mapping[str, str]
    """The provider's addresses this session was made at."""
    agent_pk: int | None = None
    """The agent it belongs to: it answers only together with that agent's key. None: to its id."""

    @property
    def masked_id(self) -> str:
        """The id as others than its holder see it."""
        return masked_session(self.last4)

    @property
    def masked_secret(self) -> Secret:
        """The masked id, where an id is expected."""
        return Secret(self.masked_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A provider's tokens. `expires_at` in epoch seconds."""

    access_token: Secret
    refresh_token: Secret | None
    expires_at: float
    scopes: frozenset[str]
    lifetime: float = 3600.0
    """Seconds the access token was good for when it was issued: how early is early."""
    version: int = 0
    """Counts refreshes; what is written must follow the version that was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """A consent under way, from our login page to the provider's answer: one use, ten minutes."""

    session_pk: int
    provider: Provider
    renewal: bool
    """Whether the session was active before: then issuer and subject must be the same."""
    by_hand: bool
    """Started in a browser without an agent: the page shows the session's id once."""
    session_id: Secret | None
    """Kept, sealed, only for `by_hand` and `return_to`: to be handed over once."""
    return_to: str | None
    expires_at: float
    code_verifier: Secret | None = None
    nonce: str | None = None
    agent_pk: int | None = None
    """The agent that asked for it: nothing is handed over to another."""
    challenge: str | None = None
    """Of the app that asked: who redeems the return code must know what it was made from."""
    operator: bool = False
    """Whether the operator asked for it."""
