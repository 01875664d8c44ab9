"""Services: all that the HTTP API stands on, handed in as one value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from scp_server.access.agents import Agents
from scp_server.access.gate import Gate
from scp_server.access.limits import Limits
from scp_server.access.refusals import Refusals
from scp_server.access.tickets import Tickets
from scp_server.consent.connect import LoginPage, Outcome
from scp_server.delivery.http_readers import HttpReaders
from scp_server.domain.agents import Agent
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session
from scp_server.domain.streams import StreamConfig
from scp_server.engine.views import StreamView
from scp_server.ports.audit import AuditReader
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.links import Links
from scp_server.ports.meter import Meter
from scp_server.ports.sessions import SessionStore
from scp_wire.rest import OpenSession, SessionEnded, SessionOpened
from scp_wire.stream_types import Provider


class Streams(Protocol):
    """What the API asks of the engine's supervisor, which says what is raised."""

    async def start(
        self, session: Session, config: StreamConfig, *, cursor: str | None
    ) -> StreamView:
        """Start a stream, or go on where a cursor points."""
        ...

    async def status(self, stream_id: str) -> StreamView:
        """A stream as it is now."""
        ...

    async def stop(self, stream_id: str) -> StreamView:
        """Stop a stream; stopping one that has ended changes nothing."""
        ...

    async def of_session(self, session_pk: int) -> list[StreamView]:
        """All streams of a session."""
        ...

    async def all(self) -> list[StreamView]:
        """All streams there are."""
        ...

    def connections(self, session_pk: int | None) -> int:
        """Open Socket.IO connections of a session; None: of all."""
        ...


class Consents(Protocol):
    """What the API asks of `consent.connect.Connect`, which says what is raised."""

    async def open(
        self, request: OpenSession, *, operator: bool, agent: Agent | None = None
    ) -> SessionOpened:
        """Open a session."""
        ...

    async def login(self, provider: Provider, request: Secret | None) -> LoginPage:
        """Begin a consent in a browser."""
        ...

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
        """The provider's answer."""
        ...

    async def renewal_url(self, session: Session) -> str:
        """A one-use address at which the user can consent again."""
        ...

    async def exchange(
        self, code: Secret, *, verifier: Secret | None = None, agent: Agent | None = None
    ) -> Secret:
        """The session id behind a return code."""
        ...


class Endings(Protocol):
    """What the API asks of `consent.revoke.Revoke`."""

    async def end(self, session: Session, *, operator: bool) -> SessionEnded:
        """End a session."""
        ...

    async def sweep(self) -> int:
        """End every session whose time is over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiValues:
    """Plain settings of the API.

    Raises: ValueError when an allowed origin is no exact origin.
    """

    public_url: str
    """Without a trailing slash."""
    allowed_origins: frozenset[str] = frozenset()
    """Exact origins (`https://app.example`) beside our own."""
    require_session: bool = False
    """Whether a stream id alone opens nothing."""
    allow_query_session: bool = True
    trust_loopback: bool = False
    """Whether a client on loopback is the operator's own: no proxy stands before us."""
    secure_only: bool = False
    """Whether API requests that came in the clear are refused: a proxy before us does TLS."""
    missing_settings: Mapping[Provider, tuple[str, ...]] = field(default_factory=dict)
    """For each provider, the settings that would switch it on; empty: it is on."""
    max_rate_limit_per_minute: int = 600
    """The operator's ceiling of a stream's `rate_limit_per_minute`; 0: none."""
    sandbox: bool = False

    def __post_init__(self) -> None:
        for origin in self.allowed_origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(
                    f"SCP_ALLOWED_ORIGINS: {origin!r} is not an exact origin. Write it as"
                    " https://app.example (scheme, host, port if not the usual one, no path, no *)."
                )

    @property
    def https(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self.public_url.startswith("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes use."""

    gate: Gate
    agents: Agents
    connect: Consents
    revoke: Endings
    limits: Limits
    supervisor: Streams
    readers: HttpReaders
    tickets: Tickets
    sessions: SessionStore
    """To mask the ids of sessions that are not the caller's."""
    audit: AuditReader
    refusals: Refusals
    links: Links
    clock: Clock
    chance: Chance
    meter: Meter
    values: ApiValues
    metrics_text: Callable[[], bytes]
    """Prometheus text format."""
    ready: Callable[[], Awaitable[bool]]
    """Whether the database answers."""
    draining: Callable[[], bool]
