"""AgentStore: agents and the keyed hashes of their keys."""

from typing import Protocol

from scp_server.domain.agents import Agent, AgentPlan
from scp_server.domain.secrets import Secret


class AgentStore(Protocol):
    """Durable when a method returns. Names are never given to another agent.

    Every method raises StorageUnavailable when the database does not answer.
    """

    async def create(self, plan: AgentPlan, key: Secret) -> Agent | None:
        """Store a new agent; None when the name is taken."""
        ...

    async def replace(self, plan: AgentPlan, key: Secret) -> Agent | None:
        """Give the agent of that name another key, and what the plan says; None: there is none.

        The old key opens nothing any more. The agent's sessions stay its own.
        """
        ...

    async def find(self, key: Secret) -> Agent | None:
        """The agent of that key, also one whose time is over."""
        ...

    async def get(self, pk: int) -> Agent | None:
        """The agent of that number."""
        ...

    async def all(self) -> list[tuple[Agent, int]]:
        """Every agent there ever was, by name, and how many of its sessions have not ended."""
        ...

    async def revoke(self, name: str, *, now: float) -> Agent | None:
        """Forget an agent's key for good; None when there is no such agent."""
        ...
