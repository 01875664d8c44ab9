"""Revoke: a session is given back."""

from collections.abc import Mapping
from typing import Final

from scp_server.consent.ending import Ending
from scp_server.consent.origin import authority_of
from scp_server.domain.errors import OperatorFault
from scp_server.domain.sessions import Grant, Session, SessionState
from scp_server.ports.audit import AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.clock import Clock
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.rest import SessionEnded
from scp_wire.stream_types import Provider

REQUESTED: Final = "requested"
NOT_NEEDED: Final = "not_needed"
FAILED: Final = "failed"
UNAVAILABLE: Final = "unavailable"
"""The provider has no way for us to give a grant back: only the user can, on its own pages."""


class Revoke:
    """Ends sessions: on demand, and when their time is over."""

    def __init__(
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._authorities = authorities
        self._clock = clock
        self._ending = Ending(sessions, notices, audit, clock)

    async def end(self, session: Session, *, operator: bool) -> SessionEnded:
        """End a session: tokens and data key destroyed, streams stopped, connections closed.

        The provider is told afterwards: when no other session of the account is left, or when the
        operator demands it. At Google, telling it ends all grants of that user to this app.
        Microsoft cannot be told: what is destroyed here cannot be used again, but its list of
        allowed apps keeps this one until the user removes it.

        Raises: StorageUnavailable.
        """
        grant = await self._sessions.grant(session.pk)
        tell = operator or await self._sessions.others_of_account(session.pk) == 0
        await self._ending.finish(session, actor="operator" if operator else "user")
        revocation = NOT_NEEDED
        if tell and grant is not None:
            revocation = await self._tell_provider(session, grant)
        return SessionEnded(state=SessionState.ENDED.value, provider_revocation=revocation)

    async def sweep(self) -> int:
        """End every session whose time is over; how many. To be called about once a minute.

        The provider is not told: the user did not ask for it.

        Raises: StorageUnavailable.
        """
        overdue = await self._sessions.overdue(now=self._clock.now())
        for session in overdue:
            await self._ending.finish(session, actor="server")
        return len(overdue)

    async def _tell_provider(self, session: Session, grant: Grant) -> str:
        try:
            authority = authority_of(self._authorities, session)
        except OperatorFault:
            return FAILED
        if not authority.revokes:
            return UNAVAILABLE
        return REQUESTED if await authority.revoke(grant) else FAILED
