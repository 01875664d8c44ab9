"""What stands beside consent: who is told, and what can be read."""

from typing import TypeVar

from scp_server.domain.sessions import Session
from scp_server.domain.streams import StreamConfig
from scp_server.ports.connector import Connector, Reading
from scp_server.ports.link import Link
from scp_wire.events import RateLimitData
from scp_wire.stream_types import Provider, StreamType

T = TypeVar("T")


class HeardNotices:
    """ports.notices.SessionNotices: remembers what it was told, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    async def token_refreshed(self, session_pk: int, *, expires_at: float) -> None:
        self.heard.append(("token_refreshed", session_pk))

    async def consent_lost(self, session_pk: int) -> None:
        self.heard.append(("consent_lost", session_pk))

    async def consent_renewed(self, session_pk: int) -> None:
        self.heard.append(("consent_renewed", session_pk))

    async def session_ended(self, session_pk: int) -> None:
        self.heard.append(("session_ended", session_pk))

    def rate_limit_near(self, session_pk: int, data: RateLimitData) -> None:
        self.heard.append(("rate_limit_near", session_pk))


class NoLink:
    """ports.link.Link of a test in which nothing is read."""

    async def perform(self, reading: Reading[T]) -> T:
        raise AssertionError("nothing is read here")

    def delayed(self) -> float:
        return 0.0


class SomeTypes:
    """ports.links.Links that knows which types there are, and reads none."""

    def __init__(self, *available: StreamType) -> None:
        self._available = frozenset(available)

    def available(self, stream_type: StreamType, provider: Provider | None = None) -> bool:
        return stream_type in self._available

    def scopes(self, stream_type: StreamType, session: Session) -> frozenset[str]:
        return frozenset()

    def check(self, config: StreamConfig) -> None:
        return

    def connector(self, config: StreamConfig) -> Connector:
        raise AssertionError("nothing is read here")

    def delayed(self) -> float:
        return 0.0

    def link(self, session: Session) -> Link:
        return NoLink()
