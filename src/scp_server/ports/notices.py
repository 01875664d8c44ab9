"""SessionNotices: what consent tells the rest of the core about a session."""

from typing import Protocol


class SessionNotices(Protocol):
    """Implemented by the engine's supervisor; called by consent. None of them raises."""

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
