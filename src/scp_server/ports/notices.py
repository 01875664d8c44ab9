"""SessionNotices: what is told to the engine about a session, by consent and by providers."""

from typing import Protocol

from scp_wire.events import RateLimitData


class SessionNotices(Protocol):
    """Implemented by the engine's supervisor. None of them raises."""

    async def token_refreshed(self, session_pk: int, *, expires_at: float) -> None:
        """A new access token: consumers get a `token_refresh`. `expires_at` in epoch seconds."""
        ...

    async def consent_lost(self, session_pk: int) -> None:
        """The grant is gone: streams wait, positions are kept."""
        ...

    async def consent_renewed(self, session_pk: int) -> None:
        """The user consented (again): waiting streams go on."""
        ...

    async def session_ended(self, session_pk: int) -> None:
        """The session is over: consumers are told and disconnected, streams stopped."""
        ...

    def rate_limit_near(self, session_pk: int, data: RateLimitData) -> None:
        """The provider's quota is nearly used up: consumers get a `rate_limit_warning`."""
        ...
