"""Gate: who is asking, and whether that is enough."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from scp_server.domain.agents import Agent
from scp_server.domain.errors import Forbidden, SessionNotFound, SessionPending, SessionRequired
from scp_server.domain.secrets import AGENT_PREFIX, SESSION_PREFIX, Secret
from scp_server.domain.sessions import Session, SessionState
from scp_server.ports.agents import AgentStore
from scp_server.ports.clock import Clock
from scp_server.ports.sessions import SessionStore

SECONDS_A_DAY: Final = 86_400.0
TOUCH_EVERY: Final = 60.0
"""A use is noted at most this often: a write per request would cost more than it tells."""
_LIKE_A_SESSION: Final = re.compile(rf"{SESSION_PREFIX}[A-Za-z0-9_-]{{1,248}}")
_LIKE_A_KEY: Final = re.compile(rf"{AGENT_PREFIX}[A-Za-z0-9_-]{{1,248}}")
"""What is of neither form is not looked up."""


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
    agent: Agent | None = None
    """Whose key was presented."""


class Gate:
    """Tells callers apart. Every wrong credential gets one answer, so that ids cannot be probed."""

    def __init__(
        self,
        sessions: SessionStore,
        agents: AgentStore,
        *,
        operator_key: Secret,
        clock: Clock,
        session_days: float,
    ) -> None:
        self._sessions = sessions
        self._agents = agents
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
        agent = None
        if credentials.key is not None and not operator:
            agent = await self._agent(credentials.key)
        if credentials.session_id is None:
            return Caller(operator=operator, agent=agent)
        session = await self._found(credentials.session_id)
        if not (operator or _answers_to(session, agent)):
            raise _not_found()
        await self.note_use(session)
        return Caller(
            session=session, presented=credentials.session_id, operator=operator, agent=agent
        )

    async def holder(self, session_pk: int, *, agent_pk: int | None, operator: bool) -> Caller:
        """Who holds a ticket for a session, which was given to that agent or to the operator; and
        note the use.

        Raises: SessionNotFound (also when the agent's time is over), StorageUnavailable.
        """
        session = await self._sessions.get(session_pk)
        agent = None if agent_pk is None else await self._agents.get(agent_pk)
        lapsed = agent_pk is not None and (agent is None or not agent.alive(self._clock.now()))
        if session is None or not self._alive(session) or lapsed:
            raise _not_found()
        if not (operator or _answers_to(session, agent)):
            raise _not_found()
        await self.note_use(session)
        return Caller(session=session, agent=agent)

    async def stays(self, caller: Caller) -> None:
        """Look again once a caller has been let in: what ended meanwhile did not see it there.

        Raises: SessionNotFound, StorageUnavailable.
        """
        session, agent, now = caller.session, caller.agent, self._clock.now()
        if session is not None:
            session = await self._sessions.get(session.pk)
            if session is None or not self._alive(session):
                raise _not_found()
            if not (caller.operator or _answers_to(session, agent)):
                raise _not_found()
        if agent is not None:
            agent = await self._agents.get(agent.pk)
            if agent is None or agent != caller.agent or not agent.alive(now):
                raise _not_found()

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

        Raises: SessionRequired when anonymous, Forbidden for a session or an agent.
        """
        if caller.operator:
            return
        if caller.session is None and caller.agent is None:
            raise SessionRequired(
                "This needs the operator key: send it as Authorization: Bearer operator-..."
            )
        raise Forbidden("Neither a session nor an agent may do this; the operator key may.")

    def need_key(self, caller: Caller) -> None:
        """Let only the operator and agents pass.

        Raises: SessionRequired when anonymous, Forbidden for a session by itself, and for an agent
        that was given the sessions it may use.
        """
        if caller.operator or (caller.agent is not None and caller.agent.opens):
            return
        if caller.agent is not None:
            raise Forbidden(
                "This agent's key is limited to the sessions it was given. The operator can make"
                " one that opens others."
            )
        if caller.session is None:
            raise SessionRequired(
                "This needs an agent's key or the operator's: send it as Authorization: Bearer."
            )
        raise Forbidden("A session may not do this; an agent's key or the operator's may.")

    async def _agent(self, key: Secret) -> Agent:
        agent = None
        if _LIKE_A_KEY.fullmatch(key.reveal()):
            agent = await self._agents.find(key)
        if agent is None or not agent.alive(self._clock.now()):
            raise _not_found()
        return agent

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


def _answers_to(session: Session, agent: Agent | None) -> bool:
    """Whether a session answers to who presents it with that agent's key, or with none."""
    return session.agent_pk is None if agent is None else agent.may_use(session)


def _digest(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode("utf-8", "surrogatepass")).digest()


def _not_found() -> SessionNotFound:
    return SessionNotFound(
        "There is no such session, or it has ended. Open a new one with POST /api/sessions."
    )
