"""Socket.IO: lets clients in, answers their subscriptions, and carries their events.

https://socket.io/docs/v4/ for the client's side; docs/websocket_reference.md for ours.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
import msgspec
import structlog

from scp_server.access.gate import Gate
from scp_server.access.limits import Limits
from scp_server.access.refusals import Refusals
from scp_server.delivery.courier import Courier
from scp_server.delivery.dispatch import Dispatch, Line, Recipient
from scp_server.delivery.entry import Admitted, Entry
from scp_server.delivery.pump import Outlet
from scp_server.delivery.subscribing import Subscribe, asks_the_same, read_ack, read_subscription
from scp_server.domain.agents import Agent
from scp_server.domain.errors import Forbidden, ScpError, SessionNotFound, SlowConsumer
from scp_server.domain.sessions import Session
from scp_server.engine.readers import Subscription
from scp_server.engine.signal import Signal
from scp_server.engine.supervisor import Supervisor
from scp_socketio import (
    Client,
    ConnectRefused,
    Handshake,
    Message,
    ProtocolError,
    Reason,
    Server,
    Settings,
)
from scp_wire.codes import ErrorObject

_LOG: Final = structlog.get_logger("scp.delivery")
_ENCODER: Final = msgspec.json.Encoder()

SUBSCRIBE: Final = "subscribe_data"
ACK: Final = "stream_ack"
MAX_MESSAGE: Final = 64 * 1024
"""Bytes a client may send in one message."""

HIGH_WATER: Final = 64 * 1024
"""Bytes that wait for a client beyond which it is given no more."""

CONNECT_SECONDS: Final = 10.0
"""Within these a connection has to be let in. Clients ask for it right after the handshake."""

MAX_HANDLERS: Final = 8
"""What one connection asks for is worked on so often at once; beyond, nothing is read from it."""

MESSAGES_PER_SECOND: Final = 50.0
MESSAGE_BURST: Final = 1100
"""A client may acknowledge each event of the largest window (1,000) by itself, and at once."""

FAREWELL_SECONDS: Final = 5.0
"""At the end, connections may take this long to be told and closed."""

UNSTORED: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""On every answer: the address may hold a session's id, and the body holds the user's data."""

STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")

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
    refusals: Refusals
    secure_only: bool = False
    """Whether what came in the clear, through no proxy that says otherwise, is refused."""
    stall_seconds: float = 30.0
    https: bool = False
    """Whether browsers reach us by TLS."""


@dataclass(slots=True, eq=False)
class Guest:
    """A client that was let in."""

    session: Session
    recipient: Recipient
    agent: Agent | None
    """Whose key was presented."""
    returned: bool = False
    """Whether it took a seat again and has not subscribed since."""


class SocketIO:
    """An ASGI application for the path `/socket.io/`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._entry = Entry(
            gate=doors.gate,
            limits=doors.limits,
            supervisor=doors.supervisor,
            audit=doors.outlet.audit,
            refusals=doors.refusals,
            clock=doors.outlet.clock,
            allow_query_session=doors.allow_query_session,
        )
        self.server = Server(
            Settings(
                connect_timeout=CONNECT_SECONDS,
                max_handlers=MAX_HANDLERS,
                message_rate=_message_rate(doors.limits.stream_events.limit),
                message_burst=MESSAGE_BURST,
                max_message=MAX_MESSAGE,
                high_water=HIGH_WATER,
                origins=frozenset(doors.origins),
                same_host=False,
                secure_only=doors.secure_only,
                headers=(*UNSTORED, STRICT_TRANSPORT) if doors.https else UNSTORED,
            )
        )
        """The protocol below: for uvicorn's fast lane."""
        self.server.on_connect()(self._connect)
        self.server.on_disconnect()(self._disconnect)
        self.server.on_pong()(self._ponged)
        self.server.on_bad_packet()(_bad_packet)
        self.server.on(SUBSCRIBE)(self._subscribe)
        self.server.on(ACK)(self._acknowledge)
        self._dispatch = Dispatch(
            doors.outlet, self, stall_seconds=doors.stall_seconds, high_water=HIGH_WATER
        )
        self._one_left = Signal()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or WebSocket."""
        await self.server(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the context is left."""
        async with self.server.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(self._dispatch.run)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()

    async def emptied(self) -> None:
        """Wait until every consumer has been told and is gone, but not for ever.

        For the end, between the engine's `drain` and the closing of connections: else those would
        be closed before anybody read why.
        """
        with anyio.move_on_after(FAREWELL_SECONDS):
            while any(True for _ in self.server.clients()):
                await self._one_left.wait()

    # -- coming and going ----------------------------------------------------------------------

    async def _connect(self, client: Client, auth: object, handshake: Handshake) -> None:
        try:
            admitted = await self._entry.admit(client.id, auth, handshake)
        except ScpError as error:
            raise _refusal(error) from None
        except Exception:  # noqa: BLE001  (the boundary: what we do not know is said in our words)
            _LOG.exception("connect_crashed")
            raise _refusal(ScpError("The server failed. Connect again later.")) from None
        if not client.open:
            # It left while it was let in, and nobody will tell of that any more.
            self._leave(admitted, seat=client.reason is not Reason.CLIENT_DISCONNECT)
            raise _refusal(SessionNotFound("The connection has ended."))
        limits = self._doors.limits
        courier = Courier(admitted.reader, admitted.consumer, limits.stream_events)
        recipient = Recipient(client, courier)
        returned = admitted.reader.seated
        client.data = Guest(admitted.session, recipient, admitted.agent, returned=returned)
        self._dispatch.admit(recipient)

    def _disconnect(self, client: Client, reason: Reason) -> None:
        guest = client.data
        self._one_left.fire()
        if not isinstance(guest, Guest):
            return
        client.data = None
        recipient, courier = guest.recipient, guest.recipient.courier
        self._dispatch.dismiss(recipient)
        self._leave(
            Admitted(session=guest.session, reader=courier.reader, consumer=courier.consumer),
            seat=reason is not Reason.CLIENT_DISCONNECT,
        )

    def _leave(self, admitted: Admitted, *, seat: bool) -> None:
        self._doors.supervisor.leave(
            admitted.session.pk, admitted.reader, admitted.consumer.agent_id, seat=seat
        )

    # -- what Dispatch finds -------------------------------------------------------------------

    def over(self, recipient: Recipient, reason: str) -> None:
        """Its reader was closed: it was told why, and its transport ends. It may come back."""
        _LOG.info("connection_closed", reason=reason)
        recipient.client.close()

    def failed(self, recipient: Recipient, error: ScpError) -> None:
        """It cannot be served: it is told why, if it reads, and its transport ends."""
        client = recipient.client
        _LOG.info("connection_failed", code=str(error.code))
        _complain(client, error)
        if isinstance(error, SlowConsumer) and client.backlog:
            # It would not read a farewell either: what waits for it is let go at once.
            client.abort()
        else:
            client.close()

    def _ponged(self, client: Client, number: int) -> None:
        if isinstance(client.data, Guest):
            self._dispatch.ponged(client.data.recipient, number)

    # -- subscribing ---------------------------------------------------------------------------

    async def _subscribe(self, client: Client, data: object = None, *more: object) -> object:
        guest = client.data
        if not isinstance(guest, Guest):
            return {"success": False}
        try:
            asked = await self._subscribed(guest, data)
        except ScpError as error:
            self._doors.refusals.note(error, host="", session_pk=guest.session.pk)
            _complain(client, error)
            return {"success": False, "error": _object(error)}
        confirmed = {
            "session_id": guest.recipient.courier.consumer.session_id.reveal(),
            "data_types": list(asked.data_types),
        }
        client.write(Message.event("subscription_confirmed", _ENCODER.encode(confirmed)))
        return {"success": True, "data": confirmed}

    async def _subscribed(self, guest: Guest, data: object) -> Subscribe:
        doors, courier = self._doors, guest.recipient.courier
        # Coming back is not subscribing: a client that says on each connection what it wants would
        # else have to wait after ten that were lost within a minute.
        repeats = guest.returned and asks_the_same(data, courier.reader.subscription)
        guest.returned = False
        if not repeats:
            await doors.limits.subscriptions(guest.session.pk)
        asked, wanted = read_subscription(data)
        if asked.session_id not in {None, courier.consumer.session_id.reveal()}:
            raise SessionNotFound(
                "There is no such session for this connection. Leave session_id out, or connect "
                "with the other one."
            )
        _check_allowed(guest.agent, wanted)
        await doors.supervisor.resubscribe(guest.session, courier.reader, wanted)
        return asked

    async def _acknowledge(self, client: Client, data: object = None, *more: object) -> None:
        guest = client.data
        if not isinstance(guest, Guest):
            return
        try:
            ref = read_ack(data, guest.recipient.courier.reader.subscription)
            self._dispatch.acknowledged(guest.recipient, ref)
        except ScpError as error:
            _complain(client, error)


def _check_allowed(agent: Agent | None, wanted: Subscription) -> None:
    """Raises: Forbidden for a type that the agent's key is not for."""
    allowed = None if agent is None else agent.stream_types
    if allowed is not None and not (wanted.types or frozenset()) <= allowed:
        raise Forbidden(
            "This agent's key is not for all of these stream types.",
            field="data_types",
            allowed_values=sorted(allowed),
        )


def _message_rate(events_per_minute: int) -> float:
    """Of one connection, a second: an honest client sends about one for each event it is given."""
    return max(MESSAGES_PER_SECOND, events_per_minute / 30) if events_per_minute else 0.0


def _bad_packet(client: Client | None, error: ProtocolError) -> None:
    """Somebody broke the protocol and was closed; the error names the rule, never what was sent."""
    _LOG.info("connection_broke_protocol", rule=str(error), let_in=client is not None)


def _object(error: ScpError) -> Any:  # noqa: ANN401  (JSON)
    return msgspec.to_builtins(
        ErrorObject(code=error.code, message=error.message, details=dict(error.details))
    )


def _complain(client: Line, error: ScpError) -> None:
    if client.open:
        client.emit("error", _object(error))


def _refusal(error: ScpError) -> ConnectRefused:
    """What answers `connect_error` with the error object as its data."""
    return ConnectRefused(error.message, _object(error))
