"""A supervisor over stores in memory and scripted providers, and consumers for it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import anyio
from anyio.abc import TaskGroup
from support.scripted_provider import Source, SourceLinks
from support.stores import MemoryAudit, MemorySessions
from support.streaming import DIARY, MAIL, Eater, MemoryLedger, PlainSeals, config_of
from support.time_and_chance import RecordedChance
from support.virtual_time import LoopClock

from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant, Session, SessionState
from scp_server.engine.arrivals import Arrival
from scp_server.engine.courses import Machinery
from scp_server.engine.readers import Subscription
from scp_server.engine.shares import ShareLimits
from scp_server.engine.supervisor import EngineValues, Supervisor
from scp_server.engine.views import StreamView
from scp_wire.stream_types import Provider, StreamType


@dataclass(frozen=True)
class RenewalLinks:
    """ports.renewals.Renewals. Every address is another one, and names its session."""

    sessions: MemorySessions
    given: Iterator[int] = field(default_factory=count)

    async def renewal_url(self, session: Session) -> str:
        """Fails as the store does."""
        await self.sessions.get(session.pk)
        return f"https://scp.example/renew/{session.pk}/{next(self.given)}"


@dataclass(kw_only=True)
class Room:
    """What survives a restart, and the engine that runs now."""

    mail: Source = field(default_factory=lambda: Source(items=60))
    diary: Source = field(default_factory=lambda: Source(name="e", items=40))
    share: ShareLimits = field(default_factory=ShareLimits)
    window_bytes: int = 1 << 40
    """What all sessions hold together."""
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    audit: MemoryAudit = field(default_factory=MemoryAudit)

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.sessions = MemorySessions(self.clock)
        self.chance = RecordedChance(uniform=0.0)
        self._engine: Supervisor | None = None
        self._tasks: TaskGroup | None = None

    @property
    def engine(self) -> Supervisor:
        assert self._engine is not None
        return self._engine

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run an engine, as one process would."""
        machinery = Machinery(
            streams=self.ledger,
            sessions=self.sessions,
            links=SourceLinks({MAIL: self.mail, DIARY: self.diary}),
            renewals=RenewalLinks(self.sessions),
            audit=self.audit,
            seals=PlainSeals(),
            clock=self.clock,
            chance=self.chance,
        )
        values = EngineValues(share=self.share, window_bytes=self.window_bytes)
        with anyio.fail_after(50_000):
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._engine = Supervisor(machinery, values)
                async with self._engine.running():
                    yield
                tasks.cancel_scope.cancel()

    async def consented(self, **changes: Any) -> Session:  # noqa: ANN401  (any field)
        """A session that is ready to stream."""
        secret = Secret(f"session-{self.chance.token(128)}")
        session = await self.sessions.open(
            secret,
            provider=Provider.GOOGLE,
            stream_types=(MAIL, DIARY),
            agent_id=None,
            endpoints={},
            expires_at=self.clock.now() + 1e6,
        )
        account = Account(issuer="https://idp.example", subject="1", label=None)
        grant = Grant(
            access_token=Secret("a"),
            refresh_token=None,
            expires_at=1e12,
            scopes=frozenset({"mail", "calendar"}),
        )
        await self.sessions.activate(session.pk, account, grant, expires_at=1e12)
        found = await self.sessions.get(session.pk)
        assert found is not None
        assert found.state is SessionState.ACTIVE
        return replace(found, **changes)

    async def start(
        self,
        session: Session,
        stream_type: StreamType = MAIL,
        *,
        cursor: str | None = None,
        **changes: Any,  # noqa: ANN401  (any field)
    ) -> StreamView:
        return await self.engine.start(session, config_of(stream_type, **changes), cursor=cursor)

    async def attach(
        self,
        session: Session,
        *,
        place: EventRef | str | None = None,
        agent: str | None = None,
        cursors: dict[str, str] | None = None,
        types: frozenset[StreamType] | None = None,
        proving: bool = True,
        eating: bool = True,
        limit: int = 16,
    ) -> Eater:
        """A consumer that connects."""
        if isinstance(place, str):
            epoch, _, n = place.rpartition("-")
            place = EventRef(epoch, int(n))
        wanted = None if types is None else Subscription(types=types)
        arrival = Arrival(agent_id=agent, place=place, cursors=cursors, wanted=wanted)
        eater = Eater(await self.engine.attach(session, arrival), proving=proving, limit=limit)
        if eating:
            self.feed(eater)
        return eater

    def feed(self, eater: Eater) -> None:
        """Let it eat by itself."""
        assert self._tasks is not None
        self._tasks.start_soon(self._eat, eater)

    async def _eat(self, eater: Eater) -> None:
        with eater.scope:
            await eater.run()

    def lose(
        self, session: Session, eater: Eater, *, agent: str | None = None, seat: bool = True
    ) -> None:
        """A consumer's connection ends."""
        eater.scope.cancel()
        self.engine.leave(session.pk, eater.reader, agent, seat=seat)
