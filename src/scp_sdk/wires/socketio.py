"""Socket.IO over one WebSocket: connect, subscribe, receive in order, acknowledge, close.

Engine.IO 4 and Socket.IO 5, the client's side (https://github.com/socketio/engine.io-protocol,
https://github.com/socketio/socket.io-protocol). No task runs here: who asks for an event reads
until one comes, and answers the pings it finds on the way. What is not asked for is not read:
aiohttp takes 64 KiB off the socket and leaves the rest where it is, and the server sends no more
than `WINDOW` events that are not acknowledged. So memory is bounded, and nothing is read that a
crash could lose: the server waits for our acknowledgement, not for our pong.
"""

from collections import deque
from typing import Any, Final

import aiohttp
import anyio
import msgspec

from scp_sdk.errors import ConnectionFailed, ProtocolError, error_from
from scp_sdk.wires.link import Wanted
from scp_socketio import ProtocolError as BadPacket
from scp_socketio.engine import packets as engine
from scp_socketio.protocol.packets import Kind, Packet, decode, encode
from scp_wire.events import Event

WINDOW: Final = 64
"""Events that may be on their way to us: some more than are acknowledged at once."""
MAX_FRAME: Final = 4 * 1024 * 1024
"""Bytes of one packet. No event has more than 1 MiB."""
MAX_DEPTH: Final = 200
"""How deep a provider's own object may nest; msgspec itself goes no deeper than some hundreds."""
PROOF_WITHIN: Final = 3.0
"""Seconds in which the last acknowledgement should be answered."""
CLOSE_WITHIN: Final = 2.0
"""Seconds a goodbye may take."""


class Handshake(msgspec.Struct, frozen=True):
    """Engine.IO's OPEN. Milliseconds."""

    ping_interval: int = msgspec.field(name="pingInterval")
    ping_timeout: int = msgspec.field(name="pingTimeout")


class SocketIOLink:
    """An open, subscribed connection. Made by `open_socketio`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._events: deque[Event] = deque()
        self._answers: dict[int, object] = {}
        self._calls = 0
        self._opened = False
        self._connected = False
        self._over = False
        self._refusal: object = None
        self.heard_at = anyio.current_time()
        self.silence = 60.0

    async def introduce(self, who: Wanted) -> None:
        """Say who we are and where we were.

        Raises:
            SCPError: refused, with the server's reason, or the connection is lost.
        """
        while not (self._opened or self._over):
            await self._read()
        auth = {
            "session_id": who.session_id,
            "agent_id": who.agent_id,
            "agent_key": who.agent_key,
            "last_event_id": who.last_event_id,
        }
        known = {name: said for name, said in auth.items() if said is not None}
        await self._send(encode(Kind.CONNECT, msgspec.json.encode(known)))
        while not (self._connected or self._over):
            await self._read()
        if isinstance(self._refusal, dict):
            raise error_from(self._refusal)
        if self._over:
            raise ConnectionFailed("The server closed the connection instead of letting us in.")

    async def subscribe(self, who: Wanted) -> None:
        """Ask for the type and no others.

        Raises:
            SCPError: refused, or the connection is lost.
        """
        wanted = {
            "session_id": who.session_id,
            "data_types": [who.stream_type],
            "batch": who.batch,
            "ack": True,
            "window": WINDOW,
        }
        answer = await self._call("subscribe_data", wanted)
        if answer is None:
            raise ConnectionFailed("The connection was lost while subscribing.")
        said = answer[0] if answer else None
        if not isinstance(said, dict) or said.get("success") is not True:
            raise error_from(said.get("error") if isinstance(said, dict) else None)

    async def receive(self) -> Event | None:
        """See `Link`."""
        while not (self._events or self._over):
            await self._read()
        return self._events.popleft() if self._events else None

    async def acknowledge(self, place: str) -> None:
        """See `Link`."""
        said = msgspec.json.encode(["stream_ack", {"event_id": place}])
        await self._send(encode(Kind.EVENT, said))

    async def finish(self, place: str) -> bool:
        """See `Link`. The server's answer says that it has seen to it."""
        with anyio.move_on_after(PROOF_WITHIN):
            return await self._call("stream_ack", {"event_id": place}) is not None
        return False

    async def aclose(self) -> None:
        """See `Link`."""
        with anyio.move_on_after(CLOSE_WITHIN, shield=True):
            if self._connected:
                await self._send(encode(Kind.DISCONNECT))
            self._over = True
            await self._socket.close()
        self._over = True

    async def _call(self, event: str, argument: object) -> list[Any] | None:
        """The answer to an event; None when the connection ends before it comes."""
        self._calls += 1
        number = self._calls
        said = msgspec.json.encode([event, argument])
        await self._send(encode(Kind.EVENT, said, id=number))
        while number not in self._answers:
            if self._over:
                return None
            await self._read()
        answer = self._answers.pop(number)
        return answer if isinstance(answer, list) else []

    async def _send(self, packet: str) -> None:
        await self._send_frame(engine.MESSAGE + packet)

    async def _send_frame(self, frame: str) -> None:
        if self._over:
            return
        try:
            await self._socket.send_str(frame)
        except (aiohttp.ClientError, OSError):
            # What came before it broke is still to be read; the end is found there.
            return

    async def _read(self) -> None:
        message = await self._socket.receive()
        self.heard_at = anyio.current_time()
        if message.type is aiohttp.WSMsgType.TEXT:
            await self._take(message.data)
        else:
            # Closed, broken, or binary, which is nothing that was agreed on.
            self._over = True

    async def _take(self, frame: str) -> None:
        kind, content = frame[:1], frame[1:]
        if kind == engine.MESSAGE:
            try:
                self._take_packet(decode(content, MAX_DEPTH))
            except BadPacket as cause:
                raise ProtocolError(f"What came is no Socket.IO packet: {cause}.") from cause
        elif kind == engine.PING:
            await self._send_frame(engine.PONG + content)
        elif kind == engine.OPEN:
            self._open(content)
        elif kind == engine.CLOSE:
            self._over = True

    def _open(self, content: str) -> None:
        try:
            handshake = msgspec.json.decode(content, type=Handshake)
        except msgspec.MsgspecError as cause:
            raise ProtocolError("What answered is no Engine.IO 4 server.") from cause
        self.silence = (handshake.ping_interval + handshake.ping_timeout) / 1000
        self._opened = True

    def _take_packet(self, packet: Packet) -> None:
        match packet:
            case Packet(kind=Kind.EVENT, data=["stream_event", said, *_]):
                self._events.append(_event(said))
            case Packet(kind=Kind.ACK, id=int() as number):
                self._answers[number] = packet.data
            case Packet(kind=Kind.CONNECT):
                self._connected = True
            case Packet(kind=Kind.CONNECT_ERROR, data=refusal):
                self._refusal = refusal.get("data") if isinstance(refusal, dict) else None
                self._over = True
            case Packet(kind=Kind.DISCONNECT):
                self._over = True
            case _:
                # `subscription_confirmed` and `error`: answers, which also come as such, or the
                # reason (`SLOW_CONSUMER`) why the connection ends now.
                pass


def _event(said: object) -> Event:
    try:
        return msgspec.convert(said, Event)
    except msgspec.ValidationError as cause:
        raise ProtocolError(f"An event does not have the agreed shape: {cause}.") from cause


async def open_socketio(
    http: aiohttp.ClientSession, base_url: str, who: Wanted, *, within: float
) -> SocketIOLink:
    """Connect and subscribe within so many seconds, or leave nothing behind.

    Raises:
        SCPError: refused, with the server's reason, or not reached.
    """
    try:
        with anyio.fail_after(within):
            socket = await http.ws_connect(
                f"{base_url}/socket.io/?EIO=4&transport=websocket",
                max_msg_size=MAX_FRAME,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN),
            )
            return await _introduced(SocketIOLink(socket), who)
    except TimeoutError as cause:
        raise ConnectionFailed(f"{base_url} did not answer within {within:g} s.") from cause
    except (aiohttp.ClientError, OSError) as cause:
        raise ConnectionFailed(
            f"Cannot connect to {base_url} by Socket.IO. Does the server run?"
        ) from cause


async def _introduced(link: SocketIOLink, who: Wanted) -> SocketIOLink:
    try:
        await link.introduce(who)
        await link.subscribe(who)
    except BaseException:
        await link.aclose()
        raise
    return link
