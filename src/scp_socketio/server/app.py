"""Server: the ASGI application, and what an application registers with it."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

import anyio
from anyio.lowlevel import checkpoint

from scp_socketio.engine.handshake import Refusal, Request
from scp_socketio.messages import Message
from scp_socketio.server.asgi import Receive, Scope, Send
from scp_socketio.server.client import Client
from scp_socketio.server.connection import Connection
from scp_socketio.server.handlers import (
    BadPacketHook,
    ConnectHandler,
    DisconnectHandler,
    ErrorHook,
    EventHandler,
    Handlers,
    PongHook,
)
from scp_socketio.server.http import serve_http
from scp_socketio.server.probe import Probe
from scp_socketio.server.sessions import Sessions
from scp_socketio.server.transport import Transport
from scp_socketio.server.websocket import serve_websocket
from scp_socketio.settings import Settings

OnConnect = TypeVar("OnConnect", bound=ConnectHandler)
OnEvent = TypeVar("OnEvent", bound=EventHandler)
OnDisconnect = TypeVar("OnDisconnect", bound=DisconnectHandler)
OnPong = TypeVar("OnPong", bound=PongHook)
OnBadPacket = TypeVar("OnBadPacket", bound=BadPacketHook)
OnError = TypeVar("OnError", bound=ErrorHook)


class Server:
    """A Socket.IO server: an ASGI application for ``http``, ``websocket`` and ``lifespan``.

    Everything runs in one event loop of asyncio. Handlers run in tasks that `running` owns; started
    as an application of its own, with ``lifespan``, the server does that itself.

    Handlers of one connection start in the order in which its packets arrived; each runs to its
    first await before the next one starts, and at most ``Settings.max_handlers`` of them run at
    once: beyond, nothing more is read from it. A handler that raises is reported by `on_error` and
    harms nobody; the event is then not acknowledged.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._handlers = Handlers()
        self._sessions = Sessions(self.settings, self._handlers)

    @property
    def refusing(self) -> bool:
        """Whether new sessions are refused (503); those that are open go on."""
        return self._sessions.refusing

    @refusing.setter
    def refusing(self, refusing: bool) -> None:
        self._sessions.refusing = refusing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            await serve_http(self._sessions, scope, receive, send)
        elif scope["type"] == "websocket":
            await serve_websocket(self._sessions, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Own the tasks of handlers.

        At the end every session is closed, after what waits for it, within five seconds; clients
        leave with ``Reason.SERVER_CLOSE``; handlers that still run are cancelled.

        Raises:
            RuntimeError: it runs already.
        """
        if self._handlers.tasks is not None:
            raise RuntimeError("the server runs already")
        async with anyio.create_task_group() as tasks:
            self._handlers.tasks = tasks
            try:
                yield self
            finally:
                with anyio.CancelScope(shield=True):
                    self._handlers.tasks = None
                    await self._sessions.close()
                    await checkpoint()  # in which the farewells of clients are told
                tasks.cancel_scope.cancel()

    def on_connect(self, namespace: str = "/") -> Callable[[OnConnect], OnConnect]:
        """Register ``async (client, auth, handshake) -> None``: whether a client is let in.

        ``auth`` is the object the client sent, or None. Raise ConnectRefused to keep it out. What
        is written to the client meanwhile follows the answer. Without a handler all are let in.

        Raises:
            ValueError: there is one already, or `namespace` is no name of a namespace.
        """

        def register(handler: OnConnect) -> OnConnect:
            place = self._handlers.namespace(namespace)
            _once(place.connect, "on_connect")
            place.connect = handler
            return handler

        return register

    def on(self, event: str, namespace: str = "/") -> Callable[[OnEvent], OnEvent]:
        """Register ``async (client, *args) -> result`` for an event.

        Where the client wants an acknowledgement, it is the result: nothing for None, the members
        of a tuple, else one value. Events without a handler are dropped, unacknowledged.

        Raises:
            ValueError: there is one already, the name is reserved, or `namespace` is none.
        """

        def register(handler: OnEvent) -> OnEvent:
            self._handlers.add_event(namespace, event, handler)
            return handler

        return register

    def on_disconnect(self, namespace: str = "/") -> Callable[[OnDisconnect], OnDisconnect]:
        """Register ``(client, reason) -> None``: once for each client whose connect handler
        ended well, after the handlers of what it had sent before have started.

        Raises:
            ValueError: there is one already, or `namespace` is no name of a namespace.
        """

        def register(handler: OnDisconnect) -> OnDisconnect:
            place = self._handlers.namespace(namespace)
            _once(place.disconnect, "on_disconnect")
            place.disconnect = handler
            return handler

        return register

    def on_pong(self) -> Callable[[OnPong], OnPong]:
        """Register ``(client, number) -> None``: the client answered ping `number`.

        Raises:
            ValueError: there is one already.
        """

        def register(hook: OnPong) -> OnPong:
            _once(self._handlers.pong, "on_pong")
            self._handlers.pong = hook
            return hook

        return register

    def on_bad_packet(self) -> Callable[[OnBadPacket], OnBadPacket]:
        """Register ``(client | None, error) -> None``: somebody broke the protocol and was closed.

        The error names the rule and never what was sent.

        Raises:
            ValueError: there is one already.
        """

        def register(hook: OnBadPacket) -> OnBadPacket:
            _once(self._handlers.bad_packet, "on_bad_packet")
            self._handlers.bad_packet = hook
            return hook

        return register

    def on_error(self) -> Callable[[OnError], OnError]:
        """Register ``(client | None, event, error) -> None``: a handler or hook raised.

        Without it the event and the error's type go to the logger ``scp_socketio``.

        Raises:
            ValueError: there is one already.
        """

        def register(hook: OnError) -> OnError:
            _once(self._handlers.error, "on_error")
            self._handlers.error = hook
            return hook

        return register

    def clients(self, namespace: str = "/") -> Iterable[Client]:
        """The clients that are in a namespace now; a snapshot."""
        place = self._handlers.namespaces.get(namespace)
        return () if place is None else tuple(place.clients.values())

    def broadcast(self, message: Message, clients: Iterable[Client]) -> None:
        """Write one message to many; nothing is awaited, nothing encoded twice."""
        for client in clients:
            client.write(message)

    def open_websocket(
        self, request: Request, transport: Transport
    ) -> Connection | Probe | Refusal:
        """A WebSocket asks for a session, or to take one over from polling.

        The connection may write to the transport, or close it, before this returns.
        """
        return self._sessions.open_websocket(request, transport)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with self.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})


def _once(registered: object, name: str) -> None:
    if registered is not None:
        raise ValueError(f"there is a handler for {name} already")
