"""The library's server, with its doors guarded: the only file that knows python-socketio's insides.

Part 3 replaces the library; until then three things are mended here. Every inbound message is read
before the library sees it. Nothing but our own paced events can fill a client's queue: who sends
without reading is cut off. And pings and pongs are reported, for the proof of arrival.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import engineio
import msgspec
import socketio
from engineio import packet as eio_packet

from scp_server.delivery import packets
from scp_server.delivery.packets import PacketType
from scp_server.delivery.proof import Proof
from scp_server.domain.errors import InvalidRequest, ScpError
from scp_server.domain.event_ref import EventRef
from scp_server.engine.signal import Signal
from scp_wire.codes import ErrorObject

MAX_QUEUED: Final = 64
"""Packets that may wait for a client that still sends: beyond that it does not read."""
FEW_QUEUED: Final = 4
"""Events that may wait in a client's queue; the rest waits in the window."""

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(slots=True, eq=False)
class Line:
    """One client's connection, below Socket.IO."""

    eio_sid: str
    socket: Any
    proof: Proof
    moved: Signal
    """Fires when the client's queue got shorter."""
    on_proven: Callable[[EventRef], None] | None = None
    """Told every place that a pong proves."""

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


class GuardedServer(socketio.AsyncServer):  # type: ignore[misc]  # the library is not typed
    """python-socketio, reading every message first."""

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
        """The connection of a Socket.IO id."""
        return self._lines.get(self.manager.eio_sid_from_sid(sid, "/"))

    async def write(self, line: Line, message: str) -> None:
        """Put a message into a client's queue once only a few wait there."""
        while line.queued >= FEW_QUEUED and not line.socket.closed:
            await line.moved.wait()
        await self.eio.send(line.eio_sid, message)

    async def ping(self, line: Line) -> None:
        """Ask a client for a pong now."""
        await line.socket.send(eio_packet.Packet(eio_packet.PING))

    async def hang_up(self, line: Line) -> None:
        """Close a client's transport; unlike a DISCONNECT packet, it will come back by itself."""
        # Not through the server's own method: that waits until the client has read everything.
        await line.socket.close(wait=False, reason=self.reason.SERVER_DISCONNECT)
        # A WebSocket client does not heed Engine.IO's CLOSE: after None the library's writer
        # closes the transport.
        line.socket.queue.put_nowait(None)

    async def complain(self, eio_sid: str, error: ScpError) -> None:
        """Send an `error` event."""
        await self.eio.send(eio_sid, spell("error", _ENCODER.encode(error_object(error))))

    # -- the library's hooks -------------------------------------------------------------------

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        line = Line(eio_sid, self.eio.sockets[eio_sid], Proof(), Signal())
        self._lines[eio_sid] = line
        self._watch(line)
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        if reason == self.reason.CLIENT_DISCONNECT:
            # Engine.IO's CLOSE: a client sends it over polling also when a request failed. Only
            # Socket.IO's DISCONNECT says goodbye.
            reason = self.reason.TRANSPORT_CLOSE
        await super()._handle_eio_disconnect(eio_sid, reason)
        line = self._lines.pop(eio_sid, None)
        if line is not None:
            line.moved.fire()

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            packet = packets.read(data)
            if await self._is_for_the_library(eio_sid, packet):
                await super()._handle_eio_message(eio_sid, data)
        except InvalidRequest as error:
            await self.complain(eio_sid, error)

    async def _is_for_the_library(self, eio_sid: str, packet: packets.Packet) -> bool:
        if packet.namespace != "/":
            if packet.kind is PacketType.CONNECT:
                refusal = _ENCODER.encode({"message": "Invalid namespace"}).decode()
                await self.eio.send(eio_sid, f"4{packet.namespace},{refusal}")
            return False
        connected = self.manager.sid_from_eio_sid(eio_sid, "/") is not None
        if packet.kind is PacketType.CONNECT:
            # A second CONNECT would run the handler again for the same client.
            return not connected
        return connected and packet.kind is not PacketType.ACK

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return engineio.AsyncServer  # type: ignore[no-any-return]

    def _watch(self, line: Line) -> None:
        """See a connection's packets pass. The library makes its sockets: each is wrapped."""
        socket = line.socket
        receive, send, poll = socket.receive, socket.send, socket.poll

        async def receiving(packet: eio_packet.Packet) -> None:
            if line.queued > MAX_QUEUED:
                await socket.close(wait=False, abort=True, reason=self.reason.TRANSPORT_ERROR)
                return
            if packet.packet_type == eio_packet.PONG:
                ref = line.proof.ponged()
                if ref is not None and line.on_proven is not None:
                    line.on_proven(ref)
            await receive(packet)

        async def sending(packet: eio_packet.Packet) -> None:
            if packet.packet_type == eio_packet.PING:
                line.proof.pinged()
            await send(packet)

        async def polling() -> list[eio_packet.Packet]:
            taken: list[eio_packet.Packet] = await poll()
            line.moved.fire()
            return taken

        socket.receive, socket.send, socket.poll = receiving, sending, polling
