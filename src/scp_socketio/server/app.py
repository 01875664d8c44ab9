"""Server: the ASGI application, its handlers and its sessions."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from scp_socketio.engine.handshake import Refusal, Request
from scp_socketio.messages import Message
from scp_socketio.server.client import Client
from scp_socketio.server.connection import Connection, Probe, Transport
from scp_socketio.settings import Settings

Handler = TypeVar("Handler", bound=Callable[..., object])
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Server:
    """A Socket.IO server: an ASGI application for ``http``, ``websocket`` and ``lifespan``."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.refusing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        raise NotImplementedError

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        """Own the tasks of handlers; at the end close every transport."""
        raise NotImplementedError
        yield self

    def on_connect(self, namespace: str = "/") -> Callable[[Handler], Handler]:
        """``async (client, auth, handshake) -> None``; may raise ConnectRefused."""
        raise NotImplementedError

    def on(self, event: str, namespace: str = "/") -> Callable[[Handler], Handler]:
        """``async (client, *args) -> result``; the result is the acknowledgement."""
        raise NotImplementedError

    def on_disconnect(self, namespace: str = "/") -> Callable[[Handler], Handler]:
        """``(client, reason) -> None``, once for each client that was let in."""
        raise NotImplementedError

    def on_pong(self) -> Callable[[Handler], Handler]:
        """``(client, number) -> None``: the number of the ping that was answered."""
        raise NotImplementedError

    def on_bad_packet(self) -> Callable[[Handler], Handler]:
        """``(client | None, error) -> None``."""
        raise NotImplementedError

    def on_error(self) -> Callable[[Handler], Handler]:
        """``(client, event, error) -> None``: a handler raised."""
        raise NotImplementedError

    def clients(self, namespace: str = "/") -> Iterable[Client]:
        """The clients in a namespace now."""
        raise NotImplementedError

    def broadcast(self, message: Message, clients: Iterable[Client]) -> None:
        """Write one message to many; nothing is awaited."""
        raise NotImplementedError

    def open_websocket(
        self, request: Request, transport: Transport
    ) -> Connection | Probe | Refusal:
        """A WebSocket asks for a session."""
        raise NotImplementedError
