"""Agents in SQL."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from scp_server.domain.agents import Agent, AgentPlan
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_server.ports.clock import Clock
from scp_server.ports.seals import Seals
from scp_server.storage.sql.failures import Conflict
from scp_server.storage.sql.remembered import Remembered
from scp_server.storage.sql.tables import agents, sessions
from scp_server.storage.sql.tombstones import FOREVER, Tombstones
from scp_server.storage.sql.transactions import Transactions
from scp_wire.stream_types import StreamType

REMEMBERED: Final = 1024
"""Agents, at some hundred bytes each."""
_TYPES: Final = msgspec.json.Decoder(list[StreamType])
_HERE: Final = select(agents)


class SqlAgents:
    """Agents in SQL, the last used ones from memory. See the port `AgentStore`."""

    __slots__ = ("_by_hash", "_clock", "_seals", "_tombstones", "_transactions")

    def __init__(
        self, transactions: Transactions, *, seals: Seals, clock: Clock, tombstones: Tombstones
    ) -> None:
        self._transactions = transactions
        self._tombstones = tombstones
        self._seals = seals
        self._clock = clock
        self._by_hash: Remembered[bytes, Agent] = Remembered(REMEMBERED)

    async def create(self, plan: AgentPlan, key: Secret) -> Agent | None:
        """Store a new agent; None when the name is taken."""
        values = self._values(plan, key) | {
            "name": plan.name,
            "created_at": self._clock.now(),
        }

        def work(connection: Connection) -> Agent | None:
            taken = select(agents.c.pk).where(agents.c.name == plan.name)
            if connection.execute(taken).first() is not None:
                return None
            row = connection.execute(insert(agents).returning(*agents.c), values).one()
            return _agent(row)

        try:
            return await self._transactions.write(work)
        except Conflict:  # another was first
            return None

    async def replace(self, plan: AgentPlan, key: Secret) -> Agent | None:
        """Give the agent of that name another key, and what the plan says; None: there is none."""
        return await self._changed(plan.name, self._values(plan, key) | {"revoked_at": None})

    async def find(self, key: Secret) -> Agent | None:
        """The agent of that key, also one whose time is over."""
        key_hash = self._seals.fingerprint("agent key", key.reveal().encode())
        known = self._by_hash.get(key_hash)
        if known is not None:
            return known
        generation = self._by_hash.generation
        agent = await self._one(agents.c.key_hash == key_hash)
        if agent is not None:
            self._by_hash.put(key_hash, agent, generation)
        return agent

    async def get(self, pk: int) -> Agent | None:
        """The agent of that number."""
        return await self._one(agents.c.pk == pk)

    async def all(self) -> list[tuple[Agent, int]]:
        """Every agent there ever was, by name, and how many of its sessions have not ended."""
        query = (
            select(*agents.c, func.count(sessions.c.pk).label("bound"))
            .outerjoin(
                sessions,
                (sessions.c.agent_pk == agents.c.pk) & (sessions.c.state != SessionState.ENDED),
            )
            .group_by(*agents.c)
            .order_by(agents.c.name)
        )
        rows = await self._transactions.read(lambda connection: connection.execute(query).all())
        return [(_agent(row), row.bound) for row in rows]

    async def revoke(self, name: str, *, now: float) -> Agent | None:
        """Forget an agent's key for good; None when there is no such agent."""
        return await self._changed(name, {"key_hash": None, "revoked_at": now})

    async def _changed(self, name: str, values: Mapping[str, object]) -> Agent | None:
        changing = update(agents).where(agents.c.name == name).values(values).returning(*agents.c)

        def work(connection: Connection) -> Any:  # noqa: ANN401  (a row)
            former = connection.execute(_HERE.where(agents.c.name == name)).one_or_none()
            if former is not None and former.key_hash is not None:
                # First: see `tombstones`. A key without an end is dead for ever.
                self._tombstones.add(former.key_hash, former.expires_at or FOREVER)
            return connection.execute(changing).one_or_none()

        try:
            row = await self._transactions.write(work)
        finally:
            self._by_hash.forget_all()
        return None if row is None else _agent(row)

    async def _one(self, where: Any) -> Agent | None:  # noqa: ANN401  (an SQL condition)
        row = await self._transactions.read(
            lambda connection: connection.execute(_HERE.where(where)).one_or_none()
        )
        return None if row is None else _agent(row)

    def _values(self, plan: AgentPlan, key: Secret) -> dict[str, object]:
        kinds = plan.stream_types
        return {
            "key_hash": self._seals.fingerprint("agent key", key.reveal().encode()),
            "last4": key.reveal()[-4:],
            "stream_types": None if kinds is None else msgspec.json.encode(sorted(kinds)).decode(),
            "opens": plan.opens,
            "expires_at": plan.expires_at,
        }


def _agent(row: Any) -> Agent:  # noqa: ANN401  (SQLAlchemy's rows are typed by their length)
    kinds = row.stream_types
    return Agent(
        pk=row.pk,
        name=row.name,
        last4=row.last4,
        stream_types=None if kinds is None else frozenset(_TYPES.decode(kinds)),
        opens=row.opens,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
