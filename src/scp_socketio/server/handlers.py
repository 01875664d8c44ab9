"""What the application has to say: handlers by namespace, and hooks of the whole server."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final, TypeVarTuple, Unpack

from anyio.abc import TaskGroup

from scp_socketio.engine.handshake import Handshake
from scp_socketio.errors import ProtocolError
from scp_socketio.messages import RESERVED_EVENTS
from scp_socketio.server.client import Client, Reason

ConnectHandler = Callable[[Client, object, Handshake], Awaitable[object]]
EventHandler = Callable[..., Awaitable[object]]
DisconnectHandler = Callable[[Client, Reason], object]
PongHook = Callable[[Client, int], object]
BadPacketHook = Callable[[Client | None, ProtocolError], object]
ErrorHook = Callable[[Client | None, str, Exception], object]

Args = TypeVarTuple("Args")

_LOG: Final = logging.getLogger("scp_socketio")


class Namespace:
    """Handlers of one namespace, and the clients that are in it."""

    __slots__ = ("clients", "connect", "disconnect", "events")

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.connect: ConnectHandler | None = None
        self.disconnect: DisconnectHandler | None = None
        self.events: dict[str, EventHandler] = {}


class Handlers:
    """Everything the application has registered, and the tasks it runs in."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {"/": Namespace()}
        self.tasks: TaskGroup | None = None
        self.pong: PongHook | None = None
        self.bad_packet: BadPacketHook | None = None
        self.error: ErrorHook | None = None

    def namespace(self, name: str) -> Namespace:
        """The namespace of this name, made if need be.

        Raises:
            ValueError: it is no name of a namespace.
        """
        if not name.startswith("/") or "," in name:
            raise ValueError(f"A namespace starts with / and holds no comma: {name!r}")
        return self.namespaces.setdefault(name, Namespace())

    def add_event(self, namespace: str, event: str, handler: EventHandler) -> None:
        """Handle an event.

        Raises:
            ValueError: the name is reserved, or there is a handler already.
        """
        if event in RESERVED_EVENTS:
            raise ValueError(f"{event!r} is reserved; see on_connect and on_disconnect")
        events = self.namespace(namespace).events
        if event in events:
            raise ValueError(f"there is a handler of {event!r} already")
        events[event] = handler

    def start(
        self, run: Callable[[Unpack[Args]], Coroutine[None, None, None]], *args: *Args
    ) -> None:
        """Run a handler in a task of its own, which begins after all that were started before."""
        if self.tasks is not None:
            self.tasks.start_soon(run, *args)

    def departed(self, client: Client, reason: Reason) -> None:
        """Tell the application that a client has left: after the handlers started before it."""
        handler = self.namespaces[client.namespace].disconnect
        if handler is not None:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._guarded, client, "disconnect", handler, client, reason)

    def ponged(self, client: Client, number: int) -> None:
        """Tell of a pong."""
        if self.pong is not None:
            self._guarded(client, "pong", self.pong, client, number)

    def writable(self, client: Client) -> None:
        """Tell that a client can be written to again."""
        if client.on_writable is not None:
            self._guarded(client, "writable", client.on_writable)

    def misbehaved(self, client: Client | None, error: ProtocolError) -> None:
        """Tell of a broken protocol."""
        if self.bad_packet is not None:
            self._guarded(client, "bad_packet", self.bad_packet, client, error)

    def failed(self, client: Client | None, event: str, error: Exception) -> None:
        """Tell that a handler raised: the hook of `on_error`, else the log, without content."""
        if self.error is None:
            _LOG.error("the handler of %r raised %s", event, type(error).__qualname__)
            return
        try:
            self.error(client, event, error)
        except Exception as worse:  # noqa: BLE001 - a hook may not end the server
            _LOG.error("the hook of errors raised %s", type(worse).__qualname__)

    def _guarded(
        self, client: Client | None, event: str, hook: Callable[..., object], *args: object
    ) -> None:
        try:
            hook(*args)
        except Exception as error:  # noqa: BLE001 - reported; a hook may not end the server
            self.failed(client, event, error)
