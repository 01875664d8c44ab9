"""Ending: what happens to a session when it is over, whoever ended it."""

import anyio

from scp_server.domain.sessions import Session, SessionState
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.clock import Clock
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore


class Ending:
    """Destroys a session's tokens with their data key, then cuts what was open."""

    def __init__(
        self, sessions: SessionStore, notices: SessionNotices, audit: AuditTrail, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._notices = notices
        self._audit = audit
        self._clock = clock

    async def finish(self, session: Session, *, actor: str, result: str = "ok") -> None:
        """End the session for good. What was begun is done even when the caller goes away.

        Raises: StorageUnavailable; if it was the audit row that could not be written, consumers
        are cut off nevertheless.
        """
        with anyio.CancelScope(shield=True):
            await self._sessions.set_state(session.pk, SessionState.ENDED)
            try:
                await self._audit.record(
                    AuditEntry(
                        at=self._clock.now(),
                        session_pk=session.pk,
                        action="session.ended",
                        actor=actor,
                        result=result,
                    )
                )
            finally:
                await self._notices.session_ended(session.pk)
