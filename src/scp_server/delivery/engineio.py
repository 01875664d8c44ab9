"""The library's server, with its doors guarded: the only file that knows python-socketio's insides.

Part 3 replaces the library; until then these things are mended here. Every inbound packet is read
before the library parses it. Nothing but our own paced events can fill a client's queue: who sends
without reading is cut off. Who is hung up on reads why before its transport closes. And pings and
pongs are reported, for the proof of arrival.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import engineio
import msgspec
import socketio
import structlog
from engineio import packet as eio_packet

from scp_server.delivery import packets
from scp_server.delivery.packets import PacketType
from scp_server.delivery.proof import Proof
from scp_server.delivery.websockets import ABORT
from scp_server.domain.errors import InvalidRequest, ScpError
from scp_server.domain.event_ref import EventRef
from scp_server.engine.signal import Signal
from scp_wire.codes import ErrorObject

MAX_QUEUED: Final = 64
"""Packets that may wait for a client that still sends: beyond that it does not read."""
FEW_QUEUED: Final = 4
"""Events that may wait in a client's queue; the rest waits in the window."""
PARTING_SECONDS: Final = 3.0
"""Who does not read for so long what waits, though it sends or is to leave, is cut off."""

PONGS_UNKNOWN: Final = 2
"""Who has answered so many pings, 25 s apart, and is not let in must go: nobody knows who it is."""

_LOG: Final = structlog.get_logger("scp.delivery")
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(slots=True, eq=False)
class Line:
    """One client's connection, below Socket.IO."""

    eio_sid: str
    socket: Any
    proof: Proof = field(default_factory=Proof)
    moved: Signal = field(default_factory=Signal)
    """Fires when the client's queue got shorter."""
    gone: anyio.Event = field(default_factory=anyio.Event)
    """Set when the transport has ended."""
    pongs: int = 0
    """How many pings it has answered."""
    on_proven: Callable[[EventRef], None] | None = None
    """Told every place that a pong proves."""
    abort: Callable[[], None] | None = None
    """Drops a WebSocket's TCP connection, whatever waits in it."""

    @property
    def queued(self) -> int:
        """Packets that wait to be written."""
        return int(self.socket.queue.qsize())


def error_object(error: ScpError) -> ErrorObject:
    """An error as it is spelled on the wire."""
    return ErrorObject(code=error.code, message=error.message, details=dict(error.details))


def spell(name: str, body: bytes) -> str:
    """A Socket.IO EVENT with one argument that is JSON already."""
    return f"2{_ENCODER.encode([name])[:-1].decode()},{body.decode()}]"


class _Engine(engineio.AsyncServer):  # type: ignore[misc]  # the library is not typed
    """The layer below. What a client does wrong is no error of ours."""

    def _log_error_once(self, _message: str, message_key: str) -> None:
        # The message quotes the client; the key is from a short list.
        _LOG.debug("engineio_refused", reason=message_key)


class GuardedServer(socketio.AsyncServer):  # type: ignore[misc]  # the library is not typed
    """python-socketio, reading every packet first."""

    def __init__(self, *, origins: list[str]) -> None:
        super().__init__(
            async_mode="asgi",
            async_handlers=False,
            cors_allowed_origins=origins,
            http_compression=False,
            max_http_buffer_size=packets.MAX_MESSAGE,
            ping_interval=25,
            ping_timeout=20,
        )
        self._lines: dict[str, Line] = {}

    def line_of(self, sid: str) -> Line | None:
        """The connection of a Socket.IO id, None when it has ended."""
        return self._lines.get(self.manager.eio_sid_from_sid(sid, "/"))

    async def write(self, line: Line, message: str) -> None:
        """Put a message into a client's queue once only a few wait there."""
        while line.queued >= FEW_QUEUED and not line.socket.closed:
            await line.moved.wait()
        await self.say(line, message)

    async def say(self, line: Line, message: str) -> None:
        """Put a message into a client's queue now: an answer."""
        if not line.socket.closed:
            await line.socket.send(eio_packet.Packet(eio_packet.MESSAGE, data=message))

    async def complain(self, line: Line, error: ScpError) -> None:
        """Send an `error` event."""
        await self.say(line, spell("error", _ENCODER.encode(error_object(error))))

    async def ping(self, line: Line) -> None:
        """Ask a client for a pong now."""
        if not line.socket.closed:
            await line.socket.send(eio_packet.Packet(eio_packet.PING))

    async def hang_up(self, line: Line) -> None:
        """Close a client's transport behind what waits for it. It may come back, and will.

        The client is forgotten at once; what it sends from now on goes unheard.
        """
        await self._handle_eio_disconnect(line.eio_sid, self.reason.SERVER_DISCONNECT)
        if line.socket.closed:
            return
        line.socket.queue.put_nowait(eio_packet.Packet(eio_packet.CLOSE))
        with anyio.move_on_after(PARTING_SECONDS):
            await line.gone.wait()
            return
        await self._cut_off(line)

    async def _cut_off(self, line: Line) -> None:
        """End a connection whose client does not read, without another word."""
        await line.socket.close(wait=False, abort=True, reason=self.reason.TRANSPORT_ERROR)
        self.eio.sockets.pop(line.eio_sid, None)
        line.socket.queue.put_nowait(None)
        if line.abort is not None:
            line.abort()

    # -- the library's hooks -------------------------------------------------------------------

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        line = Line(eio_sid, self.eio.sockets[eio_sid])
        self._lines[eio_sid] = line
        self._watch(line)
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        if reason == self.reason.CLIENT_DISCONNECT:
            # Engine.IO's CLOSE: a client sends it over polling also when a request failed. Only
            # Socket.IO's DISCONNECT says goodbye.
            reason = self.reason.TRANSPORT_CLOSE
        line = self._lines.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)
        if line is not None:
            line.moved.fire()

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        line = self._lines.get(eio_sid)
        if line is None:
            return
        try:
            packet = packets.read(data)
            if await self._is_for_the_library(line, packet):
                await super()._handle_eio_message(eio_sid, data)
        except InvalidRequest as error:
            await self.complain(line, error)

    async def _is_for_the_library(self, line: Line, packet: packets.Packet) -> bool:
        if packet.namespace != packets.MAIN:
            refusal = _ENCODER.encode({"message": "Invalid namespace"}).decode()
            await self.say(line, f"4{packet.namespace},{refusal}")
            return False
        sid = self.manager.sid_from_eio_sid(line.eio_sid, packets.MAIN)
        if packet.kind is PacketType.CONNECT:
            # A second CONNECT would run the handler again for the same client.
            return sid is None
        if packet.kind is PacketType.EVENT and not self.manager.is_connected(sid, packets.MAIN):
            raise InvalidRequest("Send CONNECT first, and wait for its answer.", field="type")
        return sid is not None and packet.kind is not PacketType.ACK

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return _Engine

    # -- watching a connection -----------------------------------------------------------------

    def _watch(self, line: Line) -> None:
        """See a connection's packets pass. The library makes its sockets: each is wrapped."""
        self._watch_outward(line)
        self._watch_inward(line)
        self._watch_transports(line)

    def _watch_outward(self, line: Line) -> None:
        socket = line.socket
        send, poll = socket.send, socket.poll

        async def sending(packet: eio_packet.Packet) -> None:
            if packet.packet_type == eio_packet.PING:
                line.proof.pinged()
            await send(packet)

        async def polling() -> list[eio_packet.Packet]:
            taken: list[eio_packet.Packet] = await poll()
            line.moved.fire()
            if any(packet.packet_type == eio_packet.CLOSE for packet in taken):
                await self._closed(line)
            return taken

        socket.send, socket.poll = sending, polling

    def _watch_inward(self, line: Line) -> None:
        socket = line.socket
        receive = socket.receive

        async def receiving(packet: eio_packet.Packet) -> None:
            if packet.packet_type == eio_packet.PONG:
                self._ponged(line)
            await receive(packet)
            if packet.packet_type == eio_packet.CLOSE:
                # Whoever still waits for packets of this client need not.
                socket.queue.put_nowait(None)

        socket.receive = receiving

    def _ponged(self, line: Line) -> None:
        ref = line.proof.ponged()
        if ref is not None and line.on_proven is not None:
            line.on_proven(ref)
        line.pongs += 1
        unknown = self.manager.sid_from_eio_sid(line.eio_sid, packets.MAIN) is None
        if unknown and line.pongs >= PONGS_UNKNOWN:
            line.socket.queue.put_nowait(eio_packet.Packet(eio_packet.CLOSE))

    def _watch_transports(self, line: Line) -> None:
        socket = line.socket
        # This file knows the insides.
        opened, carried = socket._upgrade_websocket, socket._websocket_handler  # noqa: SLF001

        async def opening(environ: dict[str, Any]) -> Any:  # noqa: ANN401  (the library's)
            line.abort = environ["asgi.scope"].get("extensions", {}).get(ABORT)
            return await opened(environ)

        async def carrying(ws: Any) -> None:  # noqa: ANN401  (the library's)
            try:
                await carried(_Checked(self, line, ws))
            finally:
                line.gone.set()

        async def posted(environ: dict[str, Any]) -> None:
            await self._posted(line, await environ["wsgi.input"].read(packets.MAX_MESSAGE + 1))

        socket._upgrade_websocket, socket._websocket_handler = opening, carrying  # noqa: SLF001
        socket.handle_post_request = posted

    async def _closed(self, line: Line) -> None:
        """The client is being given our CLOSE: nothing comes after it."""
        await line.socket.close(wait=False, abort=True, reason=self.reason.SERVER_DISCONNECT)
        # A WebSocket client does not heed CLOSE: at None the library closes the transport.
        line.socket.queue.put_nowait(None)
        if not line.socket.upgraded:
            line.gone.set()

    async def _posted(self, line: Line, body: bytes) -> None:
        try:
            frames = packets.split_payload(body)
        except InvalidRequest as error:
            if await self.reads(line):
                await self.complain(line, error)
            return
        for frame in frames:
            if await self.admits(line, frame) and not line.socket.closed:
                await line.socket.receive(eio_packet.Packet(encoded_packet=frame))

    async def admits(self, line: Line, frame: str | bytes) -> bool:
        """Whether the library may parse this; if not, the client has been told."""
        if not await self.reads(line):
            return False
        try:
            packets.check_frame(frame)
        except InvalidRequest as error:
            await self.complain(line, error)
            return False
        return True

    async def reads(self, line: Line) -> bool:
        """Whether the client takes what it is sent; if not, it is cut off after a while."""
        with anyio.move_on_after(PARTING_SECONDS):
            while line.queued > MAX_QUEUED and not line.socket.closed:
                await line.moved.wait()
        if line.queued > MAX_QUEUED:
            await self._cut_off(line)
        return not line.socket.closed


@dataclass(frozen=True, slots=True)
class _Checked:
    """A WebSocket as the library's loop sees it: only packets come that it can parse."""

    server: GuardedServer
    line: Line
    ws: Any

    async def wait(self) -> str:
        while True:
            frame: str = await self.ws.wait()
            if await self.server.admits(self.line, frame):
                return frame

    async def send(self, message: str) -> None:
        await self.ws.send(message)

    async def close(self) -> None:
        await self.ws.close()
