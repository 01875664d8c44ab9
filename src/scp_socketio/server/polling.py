"""The polling transport: what waits, until the client asks for it.

https://github.com/socketio/engine.io-protocol#http-long-polling. GET fetches what waits, POST
brings packets; one of each at a time.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import anyio

from scp_socketio.engine.handshake import BAD_REQUEST, Refusal
from scp_socketio.engine.packets import MESSAGE, NOOP, join_payload, split_payload
from scp_socketio.errors import ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.asgi import Receive
from scp_socketio.server.client import Reason
from scp_socketio.server.connection import Connection
from scp_socketio.server.transport import Transport

# Packets in one answer: python-engineio's client refuses a payload of more.
POLL_PACKETS: Final = 16

Answer = Callable[[bytes], Awaitable[None]]


class PollingTransport(Transport):
    """A session's packets on their way to its polls.

    A poll whose client goes away before it is answered ends the session: what it was to fetch may
    be lost, and no client comes back after that (the protocol's own do not).
    """

    __slots__ = (
        "_closing",
        "_connection",
        "_hurry",
        "_polling",
        "_posting",
        "_resumed",
        "_sending",
        "_surrendered",
        "_waiting",
        "_waiting_size",
        "_wake",
    )

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._waiting: deque[Message | str] = deque()
        self._waiting_size = 0
        self._sending = 0
        self._wake: anyio.Event | None = None
        self._resumed: anyio.Event | None = None
        self._polling = False
        self._posting = False
        self._hurry = False
        self._surrendered = False
        self._closing = False

    def join(self, connection: Connection) -> None:
        """The connection whose transport this is."""
        self._connection = connection

    # Transport.

    @property
    def name(self) -> Literal["polling", "websocket"]:
        """See `Transport`."""
        return "polling"

    @property
    def backlog(self) -> int:
        """See `Transport`: what waits for a poll, and what a poll is being answered with."""
        return self._waiting_size + self._sending

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
        """See `Transport`: the poll that waits is answered, or else the next one."""
        self._closing = True
        self.resume()
        self._awake()

    def abort(self) -> None:
        """See `Transport`."""
        self._drop()
        self.close()

    # What a probe calls.

    def hurry(self, *, on: bool) -> None:
        """Answer polls at once."""
        self._hurry = on
        if on:
            self._awake()

    def surrender(self) -> list[Message | str]:
        """Give up what waits; polls get nothing but NOOP from now on."""
        waiting = list(self._waiting)
        self._drop()
        self._surrendered = True
        self._awake()
        return waiting

    # What requests call.

    @property
    def asked(self) -> bool:
        """Whether a poll waits."""
        return self._polling

    def opened(self) -> bytes:
        """The body of the answer to the handshake."""
        return self._take()

    async def poll(self, receive: Receive, answer: Answer) -> bool:
        """Wait for packets and answer a GET with them. False if there is nothing to say: 400.

        A second poll beside a first ends the session.
        """
        connection = self._joined()
        if self._polling:
            connection.violated(ProtocolError("two polls of a session at once"))
            return False
        self._polling = True
        try:
            if not self._answerable() and not await self._woken(receive):
                connection.lost(error=True)
                return False
            if not self._answerable():
                return False
            await self._answer(answer)
        finally:
            self._polling = False
        return True

    async def post(self, read: Callable[[], Awaitable[bytes | Refusal]]) -> Refusal | None:
        """Take the packets of a POST, in order: None if they are well.

        `read` gives the body, or why it cannot be had: that ends the session, as does a second
        POST beside a first.
        """
        connection = self._joined()
        if self._posting:
            connection.violated(ProtocolError("two POSTs of a session at once"))
        if connection.reason is not None:
            return BAD_REQUEST
        self._posting = True
        try:
            body = await read()
            if isinstance(body, Refusal):
                connection.violated(ProtocolError("the body of a POST is too large, or cut off"))
                return body
            for frame in split_payload(body, connection.settings.max_payload_packets):
                if self._resumed is not None:
                    await self._resumed.wait()
                connection.received(frame)
        except ProtocolError as error:
            connection.violated(error)
        finally:
            self._posting = False
        return BAD_REQUEST if connection.reason is Reason.BAD_PACKET else None

    def _joined(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("a polling transport is joined to its connection first")
        return self._connection

    async def _answer(self, answer: Answer) -> None:
        before = self._waiting_size
        body = self._take() if self._waiting else NOOP.encode()
        self._sending = before - self._waiting_size
        try:
            await answer(body)
        finally:
            self._sending = 0
        connection = self._joined()
        if self._surrendered:
            return
        if self._closing and not self._waiting:
            connection.lost(error=False)
        else:
            connection.writable()

    async def _woken(self, receive: Receive) -> bool:
        """Whether there is something to say before the client goes away."""
        gone = False
        self._wake = wake = anyio.Event()

        async def watch() -> None:
            nonlocal gone
            while (await receive())["type"] != "http.disconnect":
                pass
            gone = True
            wake.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await wake.wait()
            tasks.cancel_scope.cancel()
        self._wake = None
        return not gone or self._surrendered

    def _answerable(self) -> bool:
        return bool(self._waiting) or self._hurry or self._surrendered

    def _add(self, item: Message | str, size: int) -> None:
        if self._surrendered:
            return
        self._waiting.append(item)
        self._waiting_size += size
        self._awake()

    def _take(self) -> bytes:
        """The body of an answer: what waits, as far as a client takes it at once."""
        frames: list[str | bytes] = []
        while self._waiting and len(frames) < POLL_PACKETS:
            item = self._waiting.popleft()
            if isinstance(item, str):
                self._waiting_size -= len(item)
                frames.append(item)
                continue
            self._waiting_size -= item.size
            packets, room = item.packets, POLL_PACKETS - len(frames)
            frames += [p if isinstance(p, bytes) else MESSAGE + p for p in packets[:room]]
            if len(packets) > room:
                rest = Message(packets[room:])
                self._waiting.appendleft(rest)
                self._waiting_size += rest.size
        return join_payload(frames)

    def _drop(self) -> None:
        self._waiting.clear()
        self._waiting_size = 0

    def _awake(self) -> None:
        if self._wake is not None:
            self._wake.set()
