"""Our server: the real way of an event, from the session's window to the socket. See serving.py.

Built as `scp_server.bootstrap` builds it, of the same classes with the same settings, but for: no
provider and no REST API (the events come from here), limits so large that none is reached, though
all of them count, and an audit trail that keeps nothing, unless a fifth argument is `audited`: then
each flush's rows are durable before it is written, as they always are in the product.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec
import shape
import structlog
import uvicorn
from msgspec.structs import replace
from serving import LOOP, Subject, main

from scp_cli.collecting import collect_less_often
from scp_server.access.gate import Gate
from scp_server.access.limits import Limits, LimitValues
from scp_server.access.refusals import Refusals
from scp_server.bus.memory import MemoryRateLimits
from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import load_keyring
from scp_server.delivery.pump import Outlet
from scp_server.delivery.socketio import Doors, Guest, SocketIO
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import Stream, StreamConfig, StreamState
from scp_server.domain.suspicion import AlarmValues
from scp_server.engine.courses import Machinery
from scp_server.engine.shares import Draft, Mark, Share
from scp_server.engine.supervisor import EngineValues, Supervisor
from scp_server.engine.window import Window
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.connector import Connector
from scp_server.ports.link import Link
from scp_server.storage.sql.database import Stores, open_database
from scp_server.telemetry.clock import SystemChance, SystemClock
from scp_server.telemetry.metrics import Metrics
from scp_socketio.server.lane import lane
from scp_wire.encode import encode_body
from scp_wire.events import ChangeKind, EventType, Origin, UpdateData
from scp_wire.filters import MailFilters
from scp_wire.items import Message
from scp_wire.stream_types import Provider, StreamType

PLENTY = 10_000_000
"""Of everything, a minute: counted, and never reached."""
STALL_SECONDS = 5.0
YEAR = 365 * 86_400.0
ITEM = msgspec.convert(shape.payload("", ""), Message)


class NoTrail:
    """An audit trail that keeps nothing."""

    async def record(self, *entries: AuditEntry) -> None:
        """Forget them."""


class NoProvider:
    """Links to nowhere, and nobody to renew a consent."""

    def available(self, stream_type: StreamType, provider: Provider | None = None) -> bool:
        """Nothing is."""
        return False

    def scopes(self, stream_type: StreamType, session: Session) -> frozenset[str]:
        """None."""
        return frozenset()

    def check(self, config: StreamConfig) -> None:
        """Nothing to refuse."""

    def connector(self, config: StreamConfig) -> Connector:
        """There is none."""
        _nowhere()

    def link(self, session: Session) -> Link:
        """There is none."""
        _nowhere()

    async def renewal_url(self, session: Session) -> str:
        """There is none."""
        _nowhere()


def _nowhere() -> NoReturn:
    raise RuntimeError("the benchmark reads no provider")


@dataclass(slots=True)
class Feed:
    """One session's stream, as a runner would fill it."""

    window: Window
    share: Share
    items: int = 0

    async def put(self) -> None:
        """Append the next item, once there is room."""
        self.items = n = self.items + 1
        item = replace(ITEM, subject=shape.stamp(), body_text=shape.text(n))
        data = UpdateData(
            data_type=StreamType.GMAIL_MESSAGES,
            payload=item,
            change=ChangeKind.CREATED,
            origin=Origin.BACKFILL,
            change_id="c" * 22,
        )
        draft = Draft(
            event_type=EventType.DATA_UPDATE,
            body=encode_body(data),
            timestamp=shape.TIMESTAMP,
            ordinal=n,
            item_id=item.id,
        )
        await self.window.reserve(self.share, draft.room)
        self.window.append(self.share, draft)


def _feed(window: Window, session_pk: int) -> Feed:
    stream = Stream(
        stream_id=shape.STREAM,
        session_pk=session_pk,
        config=StreamConfig(
            stream_type=StreamType.GMAIL_MESSAGES,
            provider=Provider.GOOGLE,
            filters=MailFilters(),
            given_filters={},
            batch_size=100,
            max_results=None,
            real_time=True,
            rate_limit_per_minute=PLENTY,
            include_raw=False,
            agent_id=None,
        ),
        state=StreamState.ACTIVE,
        state_reason=None,
        items_streamed=0,
        started_at=shape.TIMESTAMP,
        last_activity=shape.TIMESTAMP,
        ended_at=None,
        error=None,
    )
    return Feed(window, window.open(stream, _unsaved, 0))


def _unsaved(mark: Mark) -> None:
    """No place of a provider is behind these events."""


class Feeds:
    """The streams of all sessions whose clients are here."""

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio
        self._feeds: dict[Window, Feed] = {}
        self._found: list[Feed] = []

    def joined(self) -> int:
        """Open a stream for every session: how many clients there are."""
        clients = list(self._socketio.server.clients())
        for client in clients:
            guest = client.data
            assert isinstance(guest, Guest)  # noqa: S101  (whoever is joined is one)
            window = guest.recipient.courier.reader.window
            assert isinstance(window, Window)  # noqa: S101  (the engine has no other)
            if window not in self._feeds:
                self._feeds[window] = _feed(window, guest.session.pk)
        self._found = list(self._feeds.values())
        return len(clients)

    def put(self, to: int | None) -> Awaitable[None]:
        """Send to one, or to all, who are of one session then."""
        return self._found[to or 0].put()


def _socketio(
    stores: Stores, seals: KeyringSeals, trail: AuditTrail
) -> tuple[SocketIO, Supervisor]:
    clock, metrics = SystemClock(), Metrics()
    machinery = Machinery(
        streams=stores.streams,
        sessions=stores.sessions,
        links=NoProvider(),
        renewals=NoProvider(),
        audit=trail,
        seals=seals,
        clock=clock,
        chance=SystemChance(),
    )
    supervisor = Supervisor(machinery, EngineValues())
    values = LimitValues(
        connections_per_session=PLENTY,
        stream_events_per_minute=PLENTY,
        data_requests_per_minute=PLENTY,
        subscriptions_per_minute=PLENTY,
        starts_per_minute=PLENTY,
    )
    limits = Limits(MemoryRateLimits(clock), values, clock)
    operator = Secret("operator-" + "o" * 32)
    gate = Gate(
        stores.sessions, stores.agents, operator_key=operator, clock=clock, session_days=30.0
    )
    doors = Doors(
        gate=gate,
        limits=limits,
        supervisor=supervisor,
        outlet=Outlet(limits=limits, audit=trail, clock=clock, meter=metrics),
        origins=(),
        allow_query_session=False,
        refusals=Refusals(trail, clock, metrics, seals, AlarmValues()),
        stall_seconds=STALL_SECONDS,
    )
    return SocketIO(doors), supervisor


async def _open_sessions(stores: Stores, count: int) -> Sequence[str]:
    ids = [f"{shape.SESSION[:-8]}{k:08d}" for k in range(count)]
    for session_id in ids:
        session = await stores.sessions.open(
            Secret(session_id),
            provider=Provider.GOOGLE,
            stream_types=(StreamType.GMAIL_MESSAGES,),
            agent_id=None,
            endpoints={},
            expires_at=SystemClock().now() + YEAR,
        )
        await stores.sessions.set_state(session.pk, SessionState.ACTIVE)
    return ids


@asynccontextmanager
async def serving(port: int, sessions: int) -> AsyncIterator[Subject]:
    """Serve on a port, with so many sessions."""
    with tempfile.TemporaryDirectory() as folder:
        keyring = load_keyring(Path(folder) / "keys")
        seals, envelopes = KeyringSeals(keyring), KeyringEnvelopes(keyring)
        url = f"sqlite:///{folder}/scp.db"
        async with open_database(
            url, seals=seals, envelopes=envelopes, clock=SystemClock()
        ) as stores:
            trail = stores.audit if sys.argv[5:] == ["audited"] else NoTrail()
            socketio, supervisor = _socketio(stores, seals, trail)
            ids = await _open_sessions(stores, sessions)
            hello = ["40" + msgspec.json.encode({"session_id": each}).decode() for each in ids]
            feeds = Feeds(socketio)
            async with socketio.running(), supervisor.running(), _listening(socketio, port):
                collect_less_often()
                yield Subject(hello=hello, joined=feeds.joined, put=feeds.put, bounded=True)


@asynccontextmanager
async def _listening(socketio: SocketIO, port: int) -> AsyncIterator[None]:
    config = uvicorn.Config(
        socketio,
        host="127.0.0.1",
        port=port,
        ws=lane(socketio.server),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        loop=LOOP,
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield
        server.should_exit = server.force_exit = True


if __name__ == "__main__":
    # Standard output is for answers.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.disable(logging.WARNING)
    main(serving)
