"""Freshness: a valid access token now, and one refresh at a time."""

from collections.abc import Mapping

from scp_server.domain.secrets import Secret
from scp_server.ports.audit import AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.stream_types import Provider


class Freshness:
    """Implements ports.tokens.Tokens."""

    def __init__(
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
        chance: Chance,
    ) -> None:
        raise NotImplementedError

    async def access_token(self, session_pk: int) -> Secret:
        """A valid token, refreshed ahead of its expiry."""
        raise NotImplementedError

    async def refused(self, session_pk: int, token: Secret) -> None:
        """The provider answered 401 to this token: make sure the next one is another."""
        raise NotImplementedError
