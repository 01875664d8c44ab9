"""Connect: how a user's consent is asked for, and what becomes of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session
from scp_server.ports.audit import AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.links import Links
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.rest import OpenSession, SessionOpened
from scp_wire.stream_types import Provider, StreamType


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage:
    """What the login page says, where its button leads, and the cookie it sets."""

    provider: Provider
    agent_id: str | None
    """Who asks, an unverified label; None when the user began by hand."""
    stream_types: tuple[StreamType, ...]
    redirect: str
    """The provider's own page."""
    cookie: Secret
    """Binds the answer to this browser: HttpOnly, SameSite=Lax, ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a completed consent leads to."""

    session: Session
    shown_id: Secret | None
    """To be shown on the page, this once: the session was begun by hand."""
    return_url: str | None
    """Where to send the browser, with a one-time code in it."""
    renewed: bool


class Connect:
    """The authorization code flow of this server: open, login, callback, exchange."""

    def __init__(  # noqa: PLR0913, PLR0917  (the ports it stands on, handed in one by one)
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        links: Links,
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
        chance: Chance,
        *,
        public_url: str,
        return_to: frozenset[str],
        session_days: float,
    ) -> None:
        raise NotImplementedError

    async def open(self, request: OpenSession, *, operator: bool) -> SessionOpened:
        """Open a session that waits for its user, or, with `tokens`, one that is ready."""
        raise NotImplementedError

    async def login(self, provider: Provider, request: Secret | None) -> LoginPage:
        """Begin a consent in a browser. `request` None: by hand, a new session of all types."""
        raise NotImplementedError

    async def callback(
        self,
        provider: Provider,
        *,
        code: Secret | None,
        state: Secret | None,
        cookie: Secret | None,
        error: str | None,
        iss: str | None,
    ) -> Outcome:
        """The provider's answer, in the browser that asked."""
        raise NotImplementedError

    async def renewal_url(self, session: Session) -> str:
        """A one-use address of this server at which the user can consent again."""
        raise NotImplementedError

    async def exchange(self, code: Secret) -> Secret:
        """The session id behind a return code."""
        raise NotImplementedError
