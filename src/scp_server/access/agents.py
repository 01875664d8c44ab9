"""Agents: made known by the operator, and forgotten again."""

from typing import Final

from scp_server.domain.agents import Agent, AgentPlan, actor_of
from scp_server.domain.errors import InvalidRequest, SessionNotFound
from scp_server.domain.secrets import AGENT_PREFIX, Secret
from scp_server.domain.sessions import Session, SessionState
from scp_server.ports.agents import AgentStore
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.cuts import Cuts
from scp_server.ports.sessions import SessionStore

KEY_BITS: Final = 256
_OVER: Final = "The agent's key has expired, or was taken back. Ask the operator for another."


class Agents:
    """What the operator does about agents."""

    def __init__(
        self,
        agents: AgentStore,
        sessions: SessionStore,
        cuts: Cuts,
        audit: AuditTrail,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._agents = agents
        self._sessions = sessions
        self._cuts = cuts
        self._audit = audit
        self._clock = clock
        self._chance = chance

    async def create(
        self, plan: AgentPlan, *, session_ids: tuple[Secret, ...] = (), replace: bool = False
    ) -> tuple[Agent, Secret]:
        """A new agent and its key, or with `replace` another key for one that is there.

        The sessions are given to it: whoever reads them without its key is cut off.

        Raises: InvalidRequest (name), SessionNotFound, StorageUnavailable.
        """
        if plan.expires_at is not None and plan.expires_at <= self._clock.now():
            raise InvalidRequest("expires_at is past.", field="expires_at")
        given = [await self._session(session_id) for session_id in session_ids]
        key = Secret(AGENT_PREFIX + self._chance.token(KEY_BITS))
        store = self._agents.replace if replace else self._agents.create
        agent = await store(plan, key)
        if agent is None:
            raise _wrong_name(replace=replace)
        await self._record("agent.replaced" if replace else "agent.created", agent)
        for session in given:
            await self._sessions.bind(session.pk, agent.pk, agent_id=agent.name)
        bound = {session.pk for session in given}
        self._cuts.cut_off(
            lambda pk, by: (pk in bound and by != agent.pk) or (replace and by == agent.pk), _OVER
        )
        return agent, key

    async def all(self) -> list[tuple[Agent, int]]:
        """Every agent there ever was, and how many sessions it has.

        Raises: StorageUnavailable.
        """
        return await self._agents.all()

    async def revoke(self, name: str) -> int | None:
        """Take an agent's key back; how many connections were closed. None: there is no such agent.

        Its sessions answer to nobody but the operator, who can end them, or give it another key.

        Raises: StorageUnavailable; if it was the audit row that could not be written, connections
        are closed nevertheless.
        """
        agent = await self._agents.revoke(name, now=self._clock.now())
        if agent is None:
            return None
        closed = self._cuts.cut_off(lambda _, by: by == agent.pk, _OVER)
        await self._record("agent.revoked", agent)
        return closed

    async def sweep(self) -> int:
        """Cut off who came with a key that has expired since. To be called about once a minute.

        Raises: StorageUnavailable.
        """
        over = set[int]()
        for pk in self._cuts.agents_here():
            agent = await self._agents.get(pk)
            if agent is None or not agent.alive(self._clock.now()):
                over.add(pk)
        return self._cuts.cut_off(lambda _, by: by in over, _OVER) if over else 0

    async def _session(self, session_id: Secret) -> Session:
        session = await self._sessions.find(session_id)
        ended = session is None or session.state is SessionState.ENDED
        if session is None or ended or session.expires_at <= self._clock.now():
            raise SessionNotFound(
                "One of session_ids is unknown or has ended.", field="session_ids"
            )
        return session

    async def _record(self, action: str, agent: Agent) -> None:
        await self._audit.record(
            AuditEntry(
                at=self._clock.now(),
                session_pk=None,
                action=action,
                # Whose it is; only the operator can do any of this.
                actor=actor_of(agent.name, verified=True),
            )
        )


def _wrong_name(*, replace: bool) -> InvalidRequest:
    if replace:
        return InvalidRequest("There is no agent of this name to replace.", field="name")
    return InvalidRequest(
        "There is, or was, an agent of this name. Choose another, or send replace: true to give"
        " that one another key.",
        field="name",
    )
