"""Socket.IO: lets clients in, answers their subscriptions, and carries their events.

https://socket.io/docs/v4/ for the client's side; docs/websocket_reference.md for ours.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
import msgspec
import socketio
import structlog
from anyio.abc import TaskGroup

from scp_server.access.gate import Gate
from scp_server.access.limits import Limits
from scp_server.delivery.carriers import read_hello
from scp_server.delivery.engineio import GuardedServer, Line, error_object, spell
from scp_server.delivery.packets import SUBSCRIBE
from scp_server.delivery.pump import Consumer, Outlet, pump
from scp_server.delivery.subscribing import Subscribe, read_subscription
from scp_server.domain.errors import ScpError, SessionNotFound, ShuttingDown, SlowConsumer
from scp_server.domain.event_ref import EventRef
from scp_server.domain.sessions import Session
from scp_server.engine.arrivals import Arrival
from scp_server.engine.readers import Reader, ReaderClosed
from scp_server.engine.signal import Signal
from scp_server.engine.supervisor import Supervisor

_LOG: Final = structlog.get_logger("scp.delivery")
_ENCODER: Final = msgspec.json.Encoder()

GOODBYE: Final = "client disconnect"
"""The library's reason for a DISCONNECT packet: such a client leaves no seat."""

FAREWELL_SECONDS: Final = 5.0
"""At the end, connections may take this long to be told and closed."""

UNSTORED: Final = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""On every answer: the address may hold a session's id, and the body holds the user's data."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the Socket.IO side works with."""

    gate: Gate
    limits: Limits
    supervisor: Supervisor
    outlet: Outlet
    origins: tuple[str, ...]
    """Origins a browser may come from; other clients send none."""
    allow_query_session: bool
    stall_seconds: float = 30.0


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """A client that was let in."""

    line: Line
    reader: Reader
    consumer: Consumer
    session: Session
    scope: anyio.CancelScope


class SocketIO:
    """An ASGI application for the path `/socket.io/`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._tasks: TaskGroup | None = None
        self._connections: dict[str, Connection] = {}
        self._server = GuardedServer(origins=list(doors.origins))
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on(SUBSCRIBE, self._subscribe)
        self._asgi = socketio.ASGIApp(self._server)
        self._open = 0
        self._one_closed = Signal()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or WebSocket."""

        async def unstored(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *UNSTORED]}
            await send(message)

        self._open += 1
        try:
            await self._asgi(scope, receive, unstored)
        finally:
            self._open -= 1
            self._one_closed.fire()

    async def emptied(self) -> None:
        """Wait until every consumer has been told and is gone, but not for ever.

        For the end, between the engine's `drain` and the closing of connections: else those would
        be closed before anybody read why.
        """
        with anyio.move_on_after(FAREWELL_SECONDS):
            while self._open:
                await self._one_closed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the connections' tasks until the context is left."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._server.shutdown()

    # -- coming and going ----------------------------------------------------------------------

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        line = self._server.line_of(sid)
        if line is None or self._tasks is None:
            raise _refusal(ShuttingDown("The server is not running. Connect again later."))
        try:
            connection = await self._let_in(line, environ, auth)
        except ScpError as error:
            raise _refusal(error) from None
        except Exception:  # noqa: BLE001  (the boundary: what we do not know is said in our words)
            _LOG.exception("connect_crashed")
            raise _refusal(ScpError("The server failed. Connect again later.")) from None
        self._connections[sid] = connection
        if self._server.line_of(sid) is None:
            # It left while it was let in, and nobody will tell of that any more.
            self._part(sid, seat=True)
            raise _refusal(SessionNotFound("The connection has ended."))
        line.on_proven = connection.reader.proven
        self._tasks.start_soon(self._serve, sid, connection)

    async def _let_in(self, line: Line, environ: dict[str, Any], auth: object) -> Connection:
        doors = self._doors
        hello = read_hello(
            auth,
            environ.get("QUERY_STRING", ""),
            {
                "authorization": environ.get("HTTP_AUTHORIZATION", ""),
                "x-session-id": environ.get("HTTP_X_SESSION_ID", ""),
            },
            allow_query=doors.allow_query_session,
        )
        caller = await doors.gate.identify(hello.credentials)
        session = doors.gate.need_session(caller)
        if caller.presented is None:
            raise SessionNotFound("There is no such session.")
        if hello.arrival.cursors:
            # Reading again from a cursor costs what a start costs.
            await doors.limits.starts(session.pk)
        reader = await self._attached(session, hello.arrival)
        consumer = Consumer(
            connection=line.eio_sid,
            session_pk=session.pk,
            session_id=caller.presented,
            agent_id=hello.arrival.agent_id,
            provider=session.provider,
        )
        return Connection(
            line=line, reader=reader, consumer=consumer, session=session, scope=anyio.CancelScope()
        )

    async def _attached(self, session: Session, arrival: Arrival) -> Reader:
        """Only who is let in counts as a connection, and only who takes no seat again.

        It is counted before, so that many who come at once are not let in first and counted then.
        """
        limits, supervisor = self._doors.limits, self._doors.supervisor
        expected = supervisor.seat_waits(session.pk, arrival.agent_id)
        counted = None if expected else await limits.connections(session.pk)
        try:
            reader = await supervisor.attach(session, arrival)
        except BaseException:
            if counted is not None:
                with anyio.CancelScope(shield=True):
                    await limits.not_accepted(counted)
            raise
        if counted is not None and reader.seated:
            await limits.not_accepted(counted)
        elif counted is None and not reader.seated:
            await self._count_late(session, arrival, reader)
        return reader

    async def _count_late(self, session: Session, arrival: Arrival, reader: Reader) -> None:
        """The seat that waited was taken by another connection that came at the same time."""
        try:
            await self._doors.limits.connections(session.pk)
        except BaseException:
            self._doors.supervisor.leave(session.pk, reader, arrival.agent_id, seat=False)
            raise

    async def _disconnect(self, sid: str, reason: str) -> None:
        self._part(sid, seat=reason != GOODBYE)

    def _part(self, sid: str, *, seat: bool) -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:
            return
        connection.scope.cancel()
        self._doors.supervisor.leave(
            connection.session.pk, connection.reader, connection.consumer.agent_id, seat=seat
        )

    # -- carrying ------------------------------------------------------------------------------

    async def _serve(self, sid: str, connection: Connection) -> None:
        with connection.scope:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._watch, connection.line, tasks.cancel_scope)
                    await self._carry(connection)
                    tasks.cancel_scope.cancel()
            except Exception:  # noqa: BLE001  (the boundary: one client's fault stays its own)
                _LOG.exception("connection_crashed")
        if not connection.scope.cancel_called:
            await self._server.hang_up(connection.line)

    async def _carry(self, connection: Connection) -> None:
        wire = _LineWire(self._server, connection.line)
        try:
            await pump(connection.reader, wire, connection.consumer, self._doors.outlet)
        except ReaderClosed as closed:
            _LOG.info("connection_closed", reason=closed.reason)
        except ScpError as error:
            await self._server.complain(connection.line, error)

    async def _watch(self, line: Line, carrying: anyio.CancelScope) -> None:
        """Ask for proof; end the carrying of who takes nothing of what it is owed.

        Waiting for our own pacing is not stalling: then nothing is owed, and no ping is out.
        """
        seconds = self._doors.stall_seconds
        while True:
            await line.proof.until_ping_is_due()
            await self._server.ping(line)
            with anyio.move_on_after(seconds) as waiting:
                await line.proof.answered()
            if waiting.cancelled_caught:
                break
        stalled = SlowConsumer(
            f"Nothing of what was sent has been taken for {seconds:g} seconds. Connect again to "
            "go on after the last event that arrived."
        )
        await self._server.complain(line, stalled)
        carrying.cancel()

    # -- subscribing ---------------------------------------------------------------------------

    async def _subscribe(self, sid: str, data: object = None) -> dict[str, Any]:
        connection = self._connections.get(sid)
        if connection is None:
            return {"success": False}
        try:
            asked = await self._subscribed(connection, data)
        except ScpError as error:
            await self._server.complain(connection.line, error)
            return {"success": False, "error": msgspec.to_builtins(error_object(error))}
        confirmed = {
            "session_id": connection.consumer.session_id.reveal(),
            "data_types": list(asked.data_types),
        }
        await self._server.say(
            connection.line, spell("subscription_confirmed", _ENCODER.encode(confirmed))
        )
        return {"success": True, "data": confirmed}

    async def _subscribed(self, connection: Connection, data: object) -> Subscribe:
        doors = self._doors
        await doors.limits.subscriptions(connection.session.pk)
        asked, wanted = read_subscription(data)
        if asked.session_id not in {None, connection.consumer.session_id.reveal()}:
            raise SessionNotFound(
                "There is no such session for this connection. Leave session_id out, or connect "
                "with the other one."
            )
        await doors.supervisor.resubscribe(connection.session, connection.reader, wanted)
        return asked


def _refusal(error: ScpError) -> Exception:
    """What makes the library answer `connect_error` with the error object as its data."""
    detail = msgspec.to_builtins(error_object(error))
    refusal: Exception = socketio.exceptions.ConnectionRefusedError(error.message, detail)
    return refusal


@dataclass(frozen=True, slots=True)
class _LineWire:
    """A client's connection as the pump sees it."""

    server: GuardedServer
    line: Line

    async def send(self, event: bytes, ref: EventRef | None) -> None:
        """Write one `stream_event`."""
        await self.server.write(self.line, spell("stream_event", event))
        if ref is not None:
            self.line.proof.sent(ref)
