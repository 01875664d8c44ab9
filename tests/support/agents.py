"""Agents in memory, by the word of their port, and cuts that are only noted."""

from collections.abc import Callable
from dataclasses import replace

from support.stores import MemorySessions

from scp_server.domain.agents import Agent, AgentPlan
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_server.ports.clock import Clock


class MemoryAgents:
    """ports.agents.AgentStore."""

    def __init__(self, clock: Clock, sessions: MemorySessions) -> None:
        self._clock = clock
        self._sessions = sessions
        self._agents: dict[int, Agent] = {}
        self._keys: dict[Secret, int] = {}

    async def create(self, plan: AgentPlan, key: Secret) -> Agent | None:
        if self._named(plan.name) is not None:
            return None
        return self._put(len(self._agents) + 1, plan, key, self._clock.now())

    async def replace(self, plan: AgentPlan, key: Secret) -> Agent | None:
        before = self._named(plan.name)
        if before is None:
            return None
        self._forget(before.pk)
        return self._put(before.pk, plan, key, before.created_at)

    async def find(self, key: Secret) -> Agent | None:
        return self._agents.get(self._keys.get(key, 0))

    async def get(self, pk: int) -> Agent | None:
        return self._agents.get(pk)

    async def all(self) -> list[tuple[Agent, int]]:
        agents = sorted(self._agents.values(), key=lambda agent: agent.name)
        return [(agent, await self._bound(agent.pk)) for agent in agents]

    async def revoke(self, name: str, *, now: float) -> Agent | None:
        agent = self._named(name)
        if agent is None:
            return None
        self._forget(agent.pk)
        revoked = self._agents[agent.pk] = replace(agent, revoked_at=now)
        return revoked

    async def _bound(self, pk: int) -> int:
        found = [session for session in self._sessions.rows if session.agent_pk == pk]
        return sum(session.state is not SessionState.ENDED for session in found)

    def _put(self, pk: int, plan: AgentPlan, key: Secret, created_at: float) -> Agent:
        agent = self._agents[pk] = Agent(
            pk=pk,
            name=plan.name,
            last4=key.reveal()[-4:],
            stream_types=plan.stream_types,
            opens=plan.opens,
            created_at=created_at,
            expires_at=plan.expires_at,
            revoked_at=None,
        )
        self._keys[key] = pk
        return agent

    def _named(self, name: str) -> Agent | None:
        return next((agent for agent in self._agents.values() if agent.name == name), None)

    def _forget(self, pk: int) -> None:
        self._keys = {key: other for key, other in self._keys.items() if other != pk}


class HeardCuts:
    """ports.cuts.Cuts, over who is said to be here: numbers of session and agent."""

    def __init__(self) -> None:
        self.here: list[tuple[int, int | None]] = []

    def cut_off(self, whom: Callable[[int, int | None], bool], why: str) -> int:
        assert why
        before = len(self.here)
        self.here = [who for who in self.here if not whom(*who)]
        return before - len(self.here)

    def agents_here(self) -> frozenset[int]:
        return frozenset(agent for _, agent in self.here if agent is not None)
