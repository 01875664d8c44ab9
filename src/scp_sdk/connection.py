"""One Socket.IO connection: connect, subscribe, receive in order, close. No second try.

python-socketio carries it, with what an SDK has to add: events stay in order, a reader that is
slow stops the reading instead of filling the memory, and nothing is logged (its own log lines
show the session's id).
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import anyio
import engineio
import msgspec
import socketio
from engineio import packet as engineio_packet
from socketio import packet as socketio_packet

from scp_sdk.errors import ConnectionFailed, ProtocolError, SCPError, error_from
from scp_wire.events import Event

AHEAD: Final = 16
"""Events kept for a reader that is busy, at most 1 MiB each. Beyond that nothing is read from the
socket, so that the server notices, holds back, and keeps our place."""
PROOF_WITHIN: Final = 3.0
"""Seconds in which the server should have asked for proof."""
CLOSE_WITHIN: Final = 2.0
"""Seconds a goodbye may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """Who connects, and where it was: the `auth` of the Socket.IO handshake."""

    session_id: str = field(repr=False)
    agent_id: str | None = None
    last_event_id: str | None = None

    def auth(self) -> dict[str, str]:
        """What is known of it."""
        known = {
            "session_id": self.session_id,
            "agent_id": self.agent_id,
            "last_event_id": self.last_event_id,
        }
        return {name: value for name, value in known.items() if value is not None}


class _Engine(engineio.AsyncClient):  # type: ignore[misc]  # untyped library
    """Reads the next packet only when there is room for it, and says which kind came."""

    room: Callable[[], Awaitable[None]]
    when_read: Callable[[int], None]

    def __del__(self) -> None:
        """Nothing to do: the HTTP session is ours. The library's makes an event loop to close it,
        in whatever thread happens to collect the garbage, and leaves that loop open.
        """

    async def _receive_packet(self, pkt: engineio_packet.Packet) -> None:
        await super()._receive_packet(pkt)
        self.when_read(pkt.packet_type)
        await self.room()


class _Client(socketio.AsyncClient):  # type: ignore[misc]  # untyped library
    """Says when the transport is gone, also when that is before it was ready."""

    when_lost: Callable[[], None]

    def _engineio_client_class(self) -> type[_Engine]:
        return _Engine

    async def _handle_eio_disconnect(self, reason: str) -> None:
        await super()._handle_eio_disconnect(reason)
        self.when_lost()


class Connection:
    """An open connection. Made by `connect`."""

    def __init__(self, http: aiohttp.ClientSession, timeout: float) -> None:
        # Not of the tree of loggers: nobody can switch it on, for it would log credentials.
        silent = logging.Logger("scp_sdk.connection", level=logging.CRITICAL + 1)
        client = _Client(
            reconnection=False,
            handle_sigint=False,
            logger=silent,
            engineio_logger=silent,
            http_session=http,
            request_timeout=timeout,
        )
        client.eio.room = self._room
        client.eio.when_read = self._read
        client.when_lost = self._lost
        self._sio: Any = client
        self._timeout = timeout
        self._events: deque[Event] = deque()
        self._refusal: object = None
        self._failure: SCPError | None = None
        self._over = False
        self._subscribed = False
        self._proven = True
        self._turn = anyio.Event()
        self._sio.on("stream_event", self._on_event)
        self._sio.on("error", self._on_error)
        self._sio.on("connect_error", self._on_refusal)

    async def connect(self, url: str, who: Introduction) -> None:
        """Introduce ourselves.

        Raises:
            SCPError: refused, with the server's reason, or not reached.
        """
        try:
            await self._sio.connect(
                url,
                auth=who.auth(),
                transports=["websocket"],
                wait_timeout=self._timeout,
            )
        except (
            socketio.exceptions.ConnectionError,
            aiohttp.ClientError,
            OSError,
            TimeoutError,
            ValueError,
        ) as cause:
            raise self._why(url) from cause

    async def subscribe(self, session_id: str, data_types: list[str]) -> None:
        """Ask for these types and no others, in batches.

        Raises:
            SCPError: refused, or the connection is lost.
        """
        wanted = {"session_id": session_id, "data_types": data_types, "batch": True}
        answers: list[object] = []

        def answered(*said: object) -> None:
            answers.extend(said[:1] or [None])
            self._wake()

        try:
            await self._sio.emit("subscribe_data", wanted, callback=answered)
        except socketio.exceptions.SocketIOError as cause:
            raise ConnectionFailed("The connection was lost at once.") from cause
        with anyio.move_on_after(self._timeout):
            while not answers and not self._over:
                await self._turn.wait()
        if not answers:
            raise ConnectionFailed("The connection was lost while subscribing.")
        answer = answers[0]
        if not isinstance(answer, dict) or answer.get("success") is not True:
            raise error_from(answer.get("error") if isinstance(answer, dict) else None)
        self._subscribed = True

    async def receive(self) -> Event | None:
        """The next event; None when the connection is over and all were received.

        Raises:
            ProtocolError: what came is no event.
        """
        while not self._events and not self._over:
            await self._turn.wait()
        if self._failure is not None and not self._events:
            raise self._failure
        event = self._events.popleft() if self._events else None
        self._wake()
        return event

    async def prove(self) -> None:
        """Stay until the server can know that everything arrived: its next ping is answered.

        It pings within a second of what is not proven yet; a server that does not is not waited
        for.
        """
        with anyio.move_on_after(PROOF_WITHIN):
            while not (self._proven or self._over):
                await self._turn.wait()
            await self._sio.eio.queue.join()

    async def aclose(self) -> None:
        """Say goodbye, so that no seat is kept; give up after two seconds."""
        self._over = True
        self._wake()
        with anyio.move_on_after(CLOSE_WITHIN, shield=True):
            if self._sio.connected:
                goodbye = socketio_packet.Packet(socketio_packet.DISCONNECT, namespace="/")
                await self._sio.eio.send(goodbye.encode())
                # Closing the transport at once would overtake the goodbye in the queue.
                await self._sio.eio.queue.join()
            await self._sio.eio.disconnect()

    async def _room(self) -> None:
        # The answer to a subscription may come behind many events: until then all is read.
        while self._subscribed and len(self._events) >= AHEAD and not self._over:
            await self._turn.wait()

    def _read(self, packet_type: int) -> None:
        if packet_type == engineio_packet.MESSAGE:
            self._proven = False
        elif packet_type == engineio_packet.PING:
            # Its pong is in the queue: the server will know that what came before is here.
            self._proven = True
            self._wake()

    def _wake(self) -> None:
        self._turn.set()
        self._turn = anyio.Event()

    def _on_event(self, said: object = None, *_: object) -> None:
        try:
            self._events.append(msgspec.convert(said, Event))
        except msgspec.ValidationError as cause:
            self._failure = ProtocolError(f"An event does not have the agreed shape: {cause}.")
            self._over = True
        self._wake()

    def _on_error(self, said: object = None, *_: object) -> None:
        # Refused subscriptions are answered by their acknowledgement; what else comes here
        # (`SLOW_CONSUMER`) is followed by the end of the connection.
        self._refusal = said

    def _on_refusal(self, said: object = None, *_: object) -> None:
        self._refusal = said.get("data") if isinstance(said, dict) else None

    def _lost(self) -> None:
        self._over = True
        self._wake()

    def _why(self, url: str) -> SCPError:
        if isinstance(self._refusal, dict):
            return error_from(self._refusal)
        return ConnectionFailed(f"Cannot connect to {url} by Socket.IO. Does the server run?")


async def open_connection(
    http: aiohttp.ClientSession, url: str, who: Introduction, *, within: float
) -> Connection:
    """Connect, or leave nothing behind.

    Raises:
        SCPError: refused, with the server's reason, or not reached.
    """
    connection = Connection(http, within)
    try:
        with anyio.fail_after(within):
            await connection.connect(url, who)
    except TimeoutError as cause:
        await connection.aclose()
        raise ConnectionFailed(f"{url} did not answer within {within:g} s.") from cause
    except BaseException:
        with suppress(Exception):
            await connection.aclose()
        raise
    return connection
