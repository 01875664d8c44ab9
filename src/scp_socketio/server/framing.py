"""A WebSocket over an asyncio transport: frames read and written here, writes merged per turn.

It is the `Transport` of a Connection and asyncio's protocol at once. What is written waits in a
list of shared bytes and goes to the socket at the end of the turn (`Flusher`). While the socket
takes nothing, the list is all that grows: a stalled client copies no message.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Final, Literal, Protocol, cast

from scp_socketio.errors import ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.flusher import Flusher, Timer
from scp_socketio.settings import Settings
from scp_socketio.websocket import frames
from scp_socketio.websocket.frames import Close, FrameReader, Ping, Pong, Violation

# Handed to a socket at once: enough to make the system call cheap, little to copy for one client.
WRITE_BYTES: Final = 64 * 1024
# What the kernel may hold for a client that does not read. Linux doubles it, for its bookkeeping.
SEND_BUFFER_BYTES: Final = 128 * 1024
# From our close frame to the client's; then the connection is cut. uvicorn waits as long.
CLOSE_SECONDS: Final = 10.0

_NO_ROOM: Final = -1


# How far a connection has come. Plain numbers: to look up a member of an Enum takes CPython 3.11
# longer than all that is done with it.
OPENING: Final = 0
"""The handshake is not answered: what is written waits."""
OPEN: Final = 1
CLOSING: Final = 2
"""Our close frame is written, or the client's has come: nothing more is delivered."""
ENDED: Final = 3


class Receiver(Protocol):
    """What a transport tells of what happens to it: a Connection, or what asks to become one's."""

    def received(self, frame: str | bytes) -> None: ...
    def violated(self, error: ProtocolError) -> None: ...
    def lost(self, *, error: bool) -> None: ...
    def writable(self) -> None: ...


class FramedTransport(asyncio.Protocol):
    """One client's WebSocket. Everything is called from the loop's thread."""

    __slots__ = (
        "_blocked",
        "_deadline",
        "_flusher",
        "_held",
        "_pending",
        "_phase",
        "_pong",
        "_reader",
        "_room",
        "_session",
        "_settings",
        "_socket",
        "_waiting",
    )

    _socket: asyncio.Transport

    name: Literal["websocket"] = "websocket"

    def __init__(self, flusher: Flusher, settings: Settings) -> None:
        self._flusher = flusher
        self._settings = settings
        self._session: Receiver | None = None
        self._reader = FrameReader(settings.max_message)
        self._phase = OPENING
        self._pending: list[bytes] = []
        self._waiting = 0  # bytes in _pending
        self._room = settings.high_water  # so many may wait before `_crowded` is asked
        self._blocked = True  # the socket takes nothing now
        self._held = False  # the connection wants nothing now
        self._pong: bytes | None = None
        self._deadline: Timer | None = None

    # What the connection calls

    @property
    def backlog(self) -> int:
        """Bytes that the kernel has not taken; under TLS, some that are encrypted do not count."""
        if self._phase == ENDED:
            return 0
        return self._waiting + self._socket.get_write_buffer_size()

    def write(self, message: Message) -> int:
        """Have the message leave with this turn. Costs one append, whoever else gets it."""
        pending = self._pending
        if not pending:
            self._flusher.add(self)
        pending.append(message.frames)
        self._waiting = waiting = self._waiting + message.size
        if waiting > self._room:
            self._crowded()
            return self.backlog
        return waiting

    def write_packet(self, text: str) -> None:
        """Have one Engine.IO packet leave with this turn."""
        self._append(frames.frame(frames.TEXT, text.encode()))

    def pause(self) -> None:
        """Deliver nothing until `resume`; what was read already waits in the reader."""
        self._held = True
        self._socket.pause_reading()

    def resume(self) -> None:
        """Deliver again, from the next turn on."""
        if self._held:
            self._held = False
            self._socket.resume_reading()
            self._flusher.loop.call_soon(self._deliver)

    def close(self) -> None:
        """Write what waits and a close frame, then wait for the client's, at most CLOSE_SECONDS."""
        self._close(frames.NORMAL)

    def abort(self) -> None:
        """Drop what waits and the connection, now."""
        if self._phase != ENDED:
            self._end(ENDED)
            self._socket.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there; nothing of it is changed before the handshake is answered."""
        self._socket = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read frames; before the handshake is answered, see `_opening`."""
        if self._phase == OPENING:
            self._opening(data)
        elif self._phase != ENDED:
            self._reader.feed(data)
            self._deliver()

    def pause_writing(self) -> None:
        """The socket is full: what is written waits here."""
        self._blocked = True
        self._room = _NO_ROOM

    def resume_writing(self) -> None:
        """The socket has room again: go on with what waits."""
        self._blocked = False
        if self._phase == OPEN:
            self._room = self._settings.high_water
        if self._pong is not None:
            pong, self._pong = self._pong, None
            self._append(pong)
        self._hand_on()
        self._tell_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, by whatever cause."""
        error = exc is not None or self._phase != CLOSING
        self._end(ENDED)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._lose(error=error)

    # What the flusher calls

    def flush(self) -> None:
        """Hand on what was written in this turn."""
        waiting = self._waiting
        self._hand_on()
        # None waiting: it was handed on within the turn, after somebody saw it as backlog.
        if not 0 < waiting < self._settings.low_water:
            self._tell_writable()

    # Opening

    def _opening(self, data: bytes) -> None:
        """The handshake, which subclasses answer by `_start`."""
        raise NotImplementedError

    def _start(self, session: Receiver, head: bytes) -> None:
        """Answer the handshake with `head`, ahead of all that was written meanwhile."""
        if self._phase == ENDED:
            return
        self._bound_buffers()
        self._session = session
        self._flusher.add(self)
        self._pending.insert(0, head)
        self._waiting += len(head)
        self._blocked = False
        if self._phase == OPENING:
            self._phase = OPEN

    def _bound_buffers(self) -> None:
        """What the layers below may hold for a client that does not read."""
        # Blocked exactly while as much as the low-water mark waits below: so "not blocked, and
        # nothing pending" means that the backlog is under it.
        low = max(1, self._settings.low_water - 1)
        self._socket.set_write_buffer_limits(high=low, low=low)
        raw = self._socket.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                # asyncio does it only for sockets that name their protocol.
                if raw.family in (socket.AF_INET, socket.AF_INET6):
                    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Reading

    def _deliver(self) -> None:
        """Pass on what was read, as long as it is wanted."""
        try:
            while not self._held and self._phase < ENDED:
                received = self._reader.next_received()
                if received is None:
                    return
                if isinstance(received, str | bytes):
                    if self._phase == OPEN and self._session is not None:
                        self._session.received(received)
                else:
                    self._control(received)
        except Violation as violation:
            self._fail(violation)

    def _control(self, received: Ping | Pong | Close) -> None:
        if isinstance(received, Close):
            self._client_closes(received.code)
        elif isinstance(received, Ping) and self._phase == OPEN:
            pong = frames.frame(frames.PONG, received.data)
            if self._blocked:
                # Only the last ping is answered then, as RFC 6455 §5.5.3 allows: a client that
                # pings and does not read makes nothing grow.
                self._pong = pong
            else:
                self._append(pong)

    # Writing

    def _append(self, data: bytes) -> None:
        if not self._pending:
            self._flusher.add(self)
        self._pending.append(data)
        self._waiting += len(data)
        if self._waiting > self._room:
            self._crowded()

    def _crowded(self) -> None:
        """More waits than there is room for: hand it on now, or drop what comes too late."""
        if self._phase > OPEN:
            self._waiting -= len(self._pending.pop())
        elif not self._blocked:
            self._hand_on()

    def _hand_on(self) -> None:
        """Give the socket what waits, until it is full."""
        pending = self._pending
        while pending and not self._blocked:
            if self._waiting > WRITE_BYTES:
                self._socket.write(self._flusher.join(self._take()))
                continue
            data = pending[0] if len(pending) == 1 else self._flusher.join(pending)
            pending.clear()
            self._waiting = 0
            self._socket.write(data)

    def _take(self) -> list[bytes]:
        """As many parts as make a write, whole frames each."""
        count = size = 0
        while size < WRITE_BYTES:
            size += len(self._pending[count])
            count += 1
        parts = self._pending[:count]
        del self._pending[:count]
        self._waiting -= size
        return parts

    def _tell_writable(self) -> None:
        if not self._blocked and self._session is not None:
            self._session.writable()

    # Ending

    def _close(self, code: int) -> None:
        """Say goodbye after what waits."""
        if self._phase > OPEN:
            return
        self._append(frames.close_frame(code))
        self._phase, self._room = CLOSING, _NO_ROOM
        self._reap()
        if self._held:
            self.resume()

    def _client_closes(self, code: int | None) -> None:
        """Answer a close frame, unless it is the answer to ours, and end (§5.5.1)."""
        asked = self._phase == CLOSING
        self._end(CLOSING)
        if not asked:
            echo = frames.frame(frames.CLOSE, b"") if code is None else frames.close_frame(code)
            self._socket.write(echo)
        self._socket.close()
        self._reap()
        self._lose(error=False)

    def _fail(self, violation: Violation) -> None:
        """The client broke the protocol (§7.1.7)."""
        asked = self._phase == CLOSING
        self._end(CLOSING)
        if not asked:
            self._socket.write(frames.close_frame(violation.code))
        self._socket.close()
        self._reap()
        if self._session is not None:
            self._session.violated(ProtocolError(str(violation)))
        self._lose(error=True)

    def _end(self, phase: int) -> None:
        """Write nothing more."""
        self._phase, self._room = phase, _NO_ROOM
        self._pending.clear()
        self._waiting, self._pong = 0, None

    def _reap(self) -> None:
        """Do not wait for ever for a client that is to go."""
        if self._deadline is None:
            self._deadline = self._flusher.loop.call_later(CLOSE_SECONDS, self.abort)

    def _lose(self, *, error: bool) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.lost(error=error)
