"""NoticeRelay: passes notices on to the supervisor, which is built after those who give them."""

from scp_server.ports.notices import SessionNotices
from scp_wire.events import RateLimitData


class NoticeRelay:
    """Implements `SessionNotices`. Until `engine` is set, notices are dropped: nobody is there."""

    def __init__(self) -> None:
        self.engine: SessionNotices | None = None

    async def token_refreshed(self, session_pk: int, *, expires_at: float) -> None:
        """Pass it on."""
        if self.engine is not None:
            await self.engine.token_refreshed(session_pk, expires_at=expires_at)

    async def consent_lost(self, session_pk: int) -> None:
        """Pass it on."""
        if self.engine is not None:
            await self.engine.consent_lost(session_pk)

    async def consent_renewed(self, session_pk: int) -> None:
        """Pass it on."""
        if self.engine is not None:
            await self.engine.consent_renewed(session_pk)

    async def session_ended(self, session_pk: int) -> None:
        """Pass it on."""
        if self.engine is not None:
            await self.engine.session_ended(session_pk)

    def rate_limit_near(self, session_pk: int, data: RateLimitData) -> None:
        """Pass it on."""
        if self.engine is not None:
            self.engine.rate_limit_near(session_pk, data)
