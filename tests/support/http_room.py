"""The API's own ASGI application over an engine room, and clients that can be slow, or go away.

No socket is involved, so time can be virtual.
"""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import anyio
import msgspec
from anyio.abc import TaskGroup
from starlette.types import ASGIApp
from support.agents import MemoryAgents
from support.api_server import OPERATOR_KEY, UNLIMITED, furnished
from support.engine import SilentMeter
from support.engine_room import Room
from support.streaming import MAIL
from support.time_and_chance import RecordedChance

from scp_server.access.gate import Gate
from scp_server.access.limits import Limits
from scp_server.access.tickets import Tickets
from scp_server.api.app import build_app
from scp_server.bus.memory import MemoryRateLimits
from scp_server.delivery.asgi_line import EXTENSION, TransportLine
from scp_server.delivery.http_readers import HttpReaders
from scp_server.delivery.pump import Outlet
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session
from scp_wire.events import Event
from scp_wire.stream_types import StreamType

HIGH_WATER = 64 * 1024
STALL_SECONDS = 30.0

Message = MutableMapping[str, Any]


@dataclass(eq=False)
class Reply:
    """A response as its client gets it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    count: int = 0
    """Events that have come."""
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    """What was written, and when."""
    waiting: int = 0
    """Bytes that the client has not taken."""
    reading: bool = True
    ended: bool = False
    """Whether the response came to its own end."""
    aborted: bool = False
    _asked: bool = False
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _gone: anyio.Event = field(default_factory=anyio.Event)
    done: anyio.Event = field(default_factory=anyio.Event)
    """Set when the server has nothing more to do with it."""

    def changed(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def stop_reading(self) -> None:
        self.reading = False

    def read_on(self) -> None:
        self.reading, self.waiting = True, 0
        self.changed()

    def go(self) -> None:
        """The client's connection is cut."""
        self._gone.set()
        self.changed()

    def abort(self) -> None:
        self.aborted = True
        self.go()

    async def send(self, message: Message) -> None:
        """As uvicorn: what is written when too much waits, waits as well."""
        while self.waiting > HIGH_WATER and not self._gone.is_set():
            await self._changed.wait()
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            piece = message.get("body", b"")
            self.count += piece.count(b'{"event_type":')
            self.pieces.append((anyio.current_time(), piece))
            self.waiting += 0 if self.reading else len(piece)
            self.ended = not message.get("more_body", False)
        self.changed()

    @property
    def body(self) -> bytes:
        """All that was written."""
        return b"".join(piece for _, piece in self.pieces)

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def until(self, count: int) -> None:
        """Wait for so many events."""
        while self.count < count:
            await self._changed.wait()

    @property
    def json(self) -> Any:  # noqa: ANN401  (JSON)
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """Of a refusal."""
        return str(self.json["error"]["code"])

    @property
    def events(self) -> list[Event]:
        """What has come, in either form."""
        texts = self.body.split(b"\n")
        if "event-stream" in self.headers.get("content-type", ""):
            texts = [t.removeprefix(b"data: ") for t in texts if t.startswith(b"data: ")]
        return [msgspec.json.decode(text, type=Event) for text in texts if text]

    @property
    def ids(self) -> list[str]:
        """Of the items, those in batches, too."""
        found: list[str] = []
        for event in self.events:
            if event.event_type == "data_update":
                found.append(event.data["payload"]["id"])
            elif event.event_type == "data_batch":
                found += [item["payload"]["id"] for item in event.data["items"]]
        return found

    @property
    def kinds(self) -> list[str]:
        return [event.event_type for event in self.events]

    @property
    def last(self) -> str:
        """The last event id there was."""
        return [event.event_id for event in self.events if event.event_id][-1]


@dataclass(kw_only=True)
class HttpRoom(Room):
    """A room whose engine is asked over HTTP."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.meter = SilentMeter()
        self.app: ASGIApp | None = None
        self.readers: HttpReaders | None = None
        self.crowd: TaskGroup | None = None

    @asynccontextmanager
    async def serving(self, **values: Any) -> AsyncIterator[None]:  # noqa: ANN401  (of ApiValues)
        """Run an engine and the API over it, as one process would."""
        async with self.running(), anyio.create_task_group() as crowd:
            self.crowd = crowd
            self._build(values)
            yield
            crowd.cancel_scope.cancel()

    def _build(self, values: dict[str, Any]) -> None:
        house = furnished(values)
        limits = Limits(MemoryRateLimits(self.clock), UNLIMITED, self.clock)
        agents = MemoryAgents(self.clock, self.sessions)
        gate = Gate(
            self.sessions,
            agents,
            operator_key=Secret(OPERATOR_KEY),
            clock=self.clock,
            session_days=30,
        )
        outlet = Outlet(limits=limits, audit=self.audit, clock=self.clock, meter=self.meter)
        self.readers = HttpReaders(self.engine.audience, outlet, STALL_SECONDS)
        services = replace(
            house.services,
            gate=gate,
            limits=limits,
            supervisor=self.engine,
            readers=self.readers,
            tickets=Tickets(self.sessions, gate, self.clock, RecordedChance()),
            sessions=self.sessions,
            clock=self.clock,
            meter=self.meter,
            draining=lambda: self.engine.draining,
        )
        self.app = build_app(services)

    async def session_id(self) -> tuple[str, int]:
        """A new session that is ready to stream: its id, and its key in the stores."""
        session = await self.consented()
        token = next(t for _, t in reversed(self.chance.given) if t.endswith(session.last4))
        return f"session-{token}", session.pk

    async def found(self, session: str) -> Session:
        """The session of an id."""
        found = await self.sessions.find(Secret(session))
        assert found is not None
        return found

    async def begin(self, session: str, stream_type: StreamType = MAIL, **changes: Any) -> str:  # noqa: ANN401
        """Start a stream; its id."""
        view = await self.start(await self.found(session), stream_type, **changes)
        return view.stream.stream_id

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        session: str | None = None,
        headers: dict[str, str] | None = None,
        line: bool = True,
        **query: object,
    ) -> Reply:
        """A request that is on its way; `line`: whether the server sees the connection."""
        assert self.crowd is not None
        named = dict(headers or {})
        if session is not None:
            named["authorization"] = f"Bearer {session}"
        reply = Reply()
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query).encode(),
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 5000),
        }
        if line:
            below = TransportLine(lambda: reply.waiting, reply.abort)
            scope["extensions"] = {EXTENSION: {"line": below}}
        self.crowd.start_soon(self._serve, scope, reply)
        return reply

    async def _serve(self, scope: dict[str, Any], reply: Reply) -> None:
        assert self.app is not None
        await self.app(scope, reply.receive, reply.send)
        reply.done.set()
        reply.changed()

    def read(self, stream_id: str, session: str | None, **more: Any) -> Reply:  # noqa: ANN401
        """Read a stream's events."""
        return self.ask(f"/api/stream/{stream_id}/events", session=session, **more)

    async def whole(self, stream_id: str, session: str | None, **more: Any) -> Reply:  # noqa: ANN401
        """Read until the response ends."""
        reply = self.read(stream_id, session, **more)
        await reply.done.wait()
        return reply
