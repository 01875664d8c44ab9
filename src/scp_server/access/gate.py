"""Gate: who is asking, and whether that is enough."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from scp_server.domain.errors import Forbidden, SessionNotFound, SessionPending, SessionRequired
from scp_server.domain.secrets import SESSION_PREFIX, Secret
from scp_server.domain.sessions import Session, SessionState
from scp_server.ports.clock import Clock
from scp_server.ports.sessions import SessionStore

SECONDS_A_DAY: Final = 86_400.0
TOUCH_EVERY: Final = 60.0
"""A use is noted at most this often: a write per request would cost more than it tells."""
_LIKE_A_SESSION: Final = re.compile(rf"{SESSION_PREFIX}[A-Za-z0-9_-]{{1,248}}")
"""What is not of this form is not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request carried. `key`: an `operator-...` or `agent-...` bearer."""

    session_id: Secret | None = None
    key: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking. All empty: nobody in particular."""

    session: Session | None = None
    presented: Secret | None = None
    """The session id as it was presented, to be shown back to its holder only."""
    operator: bool = False


class Gate:
    """Tells callers apart. Every wrong credential gets one answer, so that ids cannot be probed."""

    def __init__(
        self, sessions: SessionStore, *, operator_key: Secret, clock: Clock, session_days: float
    ) -> None:
        self._sessions = sessions
        self._operator_digest = _digest(operator_key)
        self._clock = clock
        self._session_seconds = session_days * SECONDS_A_DAY

    async def identify(self, credentials: Credentials) -> Caller:
        """Who presents these, and note the use. Nothing presented: an anonymous caller.

        Raises: SessionNotFound (unknown, ended, expired, or a wrong key), SessionPending,
        StorageUnavailable.
        """
        caller = await self.pending_ok(credentials)
        if caller.session is not None and caller.session.state is SessionState.PENDING:
            raise SessionPending(
                "The user has not consented yet. Open the session's authorization_url in a"
                " browser, then try again."
            )
        return caller

    async def pending_ok(self, credentials: Credentials) -> Caller:
        """As `identify`, but a session that waits for its consent passes.

        Raises: SessionNotFound, StorageUnavailable.
        """
        operator = credentials.key is not None and self._is_operator(credentials.key)
        if credentials.key is not None and not operator:
            raise _not_found()
        if credentials.session_id is None:
            return Caller(operator=operator)
        session = await self._found(credentials.session_id)
        await self.note_use(session)
        return Caller(session=session, presented=credentials.session_id, operator=operator)

    async def holder(self, session_pk: int) -> Session:
        """The session of who holds a ticket for it, and note the use.

        Raises: SessionNotFound, StorageUnavailable.
        """
        session = await self._sessions.get(session_pk)
        if session is None or not self._alive(session):
            raise _not_found()
        await self.note_use(session)
        return session

    async def note_use(self, session: Session) -> None:
        """A session is used (an open connection is use): its end moves away again."""
        now = self._clock.now()
        if session.state is SessionState.PENDING or now - session.last_used_at < TOUCH_EVERY:
            return
        await self._sessions.touch(session.pk, now=now, expires_at=now + self._session_seconds)

    def need_session(self, caller: Caller) -> Session:
        """The caller's session.

        Raises: SessionRequired when there is none.
        """
        if caller.session is None:
            raise SessionRequired(
                "This needs a session id: send it as Authorization: Bearer, X-Session-ID, or"
                " session_id in the body."
            )
        return caller.session

    def need_operator(self, caller: Caller) -> None:
        """Let only the operator pass.

        Raises: SessionRequired when anonymous, Forbidden for a session.
        """
        if caller.operator:
            return
        if caller.session is None:
            raise SessionRequired(
                "This needs the operator key: send it as Authorization: Bearer operator-..."
            )
        raise Forbidden("A session may not do this; the operator key may.")

    async def _found(self, session_id: Secret) -> Session:
        session = None
        if _LIKE_A_SESSION.fullmatch(session_id.reveal()):
            session = await self._sessions.find(session_id)
        if session is None or not self._alive(session):
            raise _not_found()
        return session

    def _is_operator(self, key: Secret) -> bool:
        # Digests have one length, so the comparison tells nothing about the key's.
        return hmac.compare_digest(_digest(key), self._operator_digest)

    def _alive(self, session: Session) -> bool:
        return session.state is not SessionState.ENDED and session.expires_at > self._clock.now()


def _digest(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode("utf-8", "surrogatepass")).digest()


def _not_found() -> SessionNotFound:
    return SessionNotFound(
        "There is no such session, or it has ended. Open a new one with POST /api/sessions."
    )
