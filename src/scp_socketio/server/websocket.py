"""WebSocket over ASGI, for any server: slower than the lane, and with two tasks a connection."""

from collections import deque
from typing import Final, Literal

import anyio

from scp_socketio.engine.handshake import Refusal
from scp_socketio.engine.packets import MESSAGE
from scp_socketio.errors import ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.asgi import Event, Receive, Scope, Send, read_scope
from scp_socketio.server.connection import Connection
from scp_socketio.server.probe import Probe
from scp_socketio.server.sessions import Sessions
from scp_socketio.server.transport import Transport

# Codes of RFC 6455 §7.4.1 by which the other side says that it has closed on purpose.
_ORDERLY: Final = frozenset({1000, 1001, 1005})
_NORMAL: Final = 1000


class AsgiWebSocket(Transport):
    """A WebSocket that an ASGI server reads and writes.

    What the server has accepted counts as given to the kernel: an ASGI ``send`` waits while the
    kernel takes no more.
    """

    __slots__ = (
        "_backlog",
        "_closing",
        "_low_water",
        "_max_message",
        "_resumed",
        "_scope",
        "_waiting",
        "_wake",
    )

    def __init__(self, max_message: int, low_water: int) -> None:
        self._max_message = max_message
        self._low_water = low_water
        self._waiting: deque[Message | str] = deque()
        self._backlog = 0
        self._closing = False
        self._wake = anyio.Event()
        self._resumed: anyio.Event | None = None
        self._scope = anyio.CancelScope()

    @property
    def name(self) -> Literal["polling", "websocket"]:
        """See `Transport`."""
        return "websocket"

    @property
    def backlog(self) -> int:
        """See `Transport`."""
        return self._backlog

    def write(self, message: Message) -> int:
        """See `Transport`."""
        self._add(message, message.size)
        return self.backlog

    def write_packet(self, text: str) -> None:
        """See `Transport`."""
        self._add(text, len(text))

    def pause(self) -> None:
        """See `Transport`."""
        if self._resumed is None:
            self._resumed = anyio.Event()

    def resume(self) -> None:
        """See `Transport`."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    def close(self) -> None:
        """See `Transport`."""
        self._closing = True
        self._wake.set()

    def abort(self) -> None:
        """See `Transport`: the server drops what it has accepted when it likes."""
        self._closing = True
        self._waiting.clear()
        self._backlog = 0
        self._scope.cancel()

    async def run(self, connection: Connection | Probe, receive: Receive, send: Send) -> None:
        """Carry packets until either side has closed."""
        error = True
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write_all, connection, send)
                    error = await self._read_all(connection, receive)
                    tasks.cancel_scope.cancel()
        finally:
            connection.lost(error=error and not self._closing)

    async def _read_all(self, connection: Connection | Probe, receive: Receive) -> bool:
        """Read until the WebSocket ends: whether in disorder."""
        while True:
            if self._resumed is not None:
                await self._resumed.wait()
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return event.get("code", 1005) not in _ORDERLY
            frame = _frame(event)
            if _size(frame) > self._max_message:
                connection.violated(ProtocolError("a frame is too large"))
            else:
                connection.received(frame)

    async def _write_all(self, connection: Connection | Probe, send: Send) -> None:
        """Write until told to close."""
        try:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._waiting:
                    await self._write_one(self._waiting.popleft(), send)
                    if self._backlog < self._low_water:
                        connection.writable()
                if self._closing:
                    await _told(send, {"type": "websocket.close", "code": _NORMAL})
                    break
        except OSError:  # the peer is gone (ASGI, "Send Exceptions")
            connection.lost(error=True)
        self._scope.cancel()

    async def _write_one(self, item: Message | str, send: Send) -> None:
        if isinstance(item, str):
            await _told(send, {"type": "websocket.send", "text": item})
            self._backlog -= len(item)
            return
        for packet in item.packets:
            if isinstance(packet, bytes):
                await _told(send, {"type": "websocket.send", "bytes": packet})
            else:
                await _told(send, {"type": "websocket.send", "text": MESSAGE + packet})
        self._backlog -= item.size

    def _add(self, item: Message | str, size: int) -> None:
        if self._closing:
            return
        self._waiting.append(item)
        self._backlog += size
        self._wake.set()


async def _told(send: Send, event: Event) -> None:
    """Send. Raises: OSError, also where the server has closed the WebSocket by itself.

    uvicorn does so when a frame is no UTF-8 or too large, and calls a send after that a fault of
    ours, before there is a `websocket.disconnect` to be read.
    """
    try:
        await send(event)
    except RuntimeError as ended:
        raise ConnectionAbortedError("the server has closed the WebSocket") from ended


async def serve_websocket(sessions: Sessions, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket."""
    await receive()  # websocket.connect
    settings = sessions.settings
    transport = AsgiWebSocket(settings.max_message, settings.low_water)
    opened = sessions.open_websocket(read_scope(scope), transport)
    if isinstance(opened, Refusal):
        await _deny(opened, scope, send)
        return
    headers = list(settings.headers)
    try:
        await send({"type": "websocket.accept", "headers": headers})
    except OSError:
        opened.lost(error=True)
        return
    await transport.run(opened, receive, send)


async def _deny(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Answer with the status and body where the server can (ASGI extension), else with 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"application/json")]
    start = {"type": "websocket.http.response.start", "status": refusal.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": refusal.body})


def _frame(event: Event) -> str | bytes:
    text = event.get("text")
    return text if isinstance(text, str) else bytes(event.get("bytes") or b"")


def _size(frame: str | bytes) -> int:
    if isinstance(frame, bytes) or frame.isascii():
        return len(frame)
    return len(frame.encode("utf-8", "surrogatepass"))
