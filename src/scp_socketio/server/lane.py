"""The fast lane: a WebSocket class for uvicorn that reads and writes frames itself.

`uvicorn.Config(app, ws=lane(server))` sends Socket.IO's WebSockets past ASGI: no task, queue or
timer for a connection, no copy of a message for each of its receivers, and all that is written to a
socket in one turn of the loop leaves in one system call. Everything else, polling too, goes through
ASGI as before. What uvicorn asks of such a class no document settles: it is what uvicorn 0.54 asks
of its own `WebSocketsSansIOProtocol`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import quote, unquote

from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from scp_socketio.engine.handshake import Refusal, Request
from scp_socketio.server.flusher import Flusher
from scp_socketio.server.framing import ENDED, FramedTransport, Receiver
from scp_socketio.server.transport import Transport
from scp_socketio.settings import Settings
from scp_socketio.websocket import frames, opening
from scp_socketio.websocket.opening import Opening, OpeningError

Address = tuple[str, int]


class Host(Protocol):
    """What the lane needs of a Server."""

    @property
    def settings(self) -> Settings: ...
    def open_websocket(self, request: Request, transport: Transport) -> Receiver | Refusal: ...


class ProtocolClass(Protocol):
    """How uvicorn calls a WebSocket class."""

    def __call__(
        self, *, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> asyncio.Protocol: ...


def lane(server: Host, *, others: type[asyncio.Protocol] | None = None) -> type[asyncio.Protocol]:
    """A class for uvicorn's `Config(ws=…)`, for one uvicorn server.

    WebSockets whose path is not `Settings.path` get 404, so that this library needs no second
    implementation of WebSockets; an application that has others names a class of uvicorn's that is
    to have them: `lane(server, others=WebSocketsSansIOProtocol)`.
    """
    entrance: Entrance | None = None

    class BoundLane(Lane):
        __slots__ = ()

        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            nonlocal entrance
            if entrance is None or entrance.state is not server_state:
                entrance = Entrance(server, config, server_state)
            super().__init__(entrance, _other(others, config, server_state, app_state))

    return BoundLane


def _other(
    others: type[asyncio.Protocol] | None,
    config: Config,
    state: ServerState,
    app_state: dict[str, Any],
) -> Callable[[], asyncio.Protocol] | None:
    if others is None:
        return None
    protocol = cast("ProtocolClass", others)
    return lambda: protocol(config=config, server_state=state, app_state=app_state)


class Entrance:
    """What the lanes of one uvicorn server share."""

    __slots__ = ("_access", "_proxies", "_tls", "flusher", "server", "state")

    def __init__(self, server: Host, config: Config, state: ServerState) -> None:
        self.server = server
        self.state = state
        self.flusher = Flusher(asyncio.get_running_loop())
        access = logging.getLogger("uvicorn.access")
        self._tls = config.is_ssl
        self._access = access if access.hasHandlers() else None
        self._proxies = (
            ProxyHeadersMiddleware(_nothing, config.forwarded_allow_ips)
            if config.proxy_headers
            else None
        )

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer carries: uvicorn's date and the like, and the settings'."""
        return (*self.state.default_headers, *self.server.settings.headers)

    def request(self, asked: Opening, peer: Address | None) -> Request:
        """The request as the server wants it."""
        path, _, query = asked.target.partition("?")
        headers = tuple(
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in asked.headers.items()
        )
        client, scheme = self._named_by_proxies(peer, headers)
        return Request(
            path=unquote(path),
            query=query.encode("latin-1"),
            headers=headers,
            address=client[0] if client else "",
            method=asked.method,
            secure=scheme in {"https", "wss"},
        )

    def log(self, request: Request, peer: Address | None, status: int) -> None:
        """Log as uvicorn logs HTTP, but without the query: it may name a session."""
        if self._access is not None:
            client = "{}:{}".format(*peer) if peer else ""
            path = quote(request.path)
            self._access.info(
                '%s - "%s %s HTTP/%s" %d', client, request.method, path, "1.1", status
            )

    def _named_by_proxies(
        self, peer: Address | None, headers: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[Address | None, str]:
        """Client and scheme as uvicorn would tell an ASGI application: a trusted proxy may name
        them.
        """
        scheme = "wss" if self._tls else "ws"
        if self._proxies is None:
            return peer, scheme
        scope = {"type": "websocket", "scheme": scheme, "client": peer, "headers": [*headers]}
        # A middleware that awaits nothing of its own runs to its end in one step.
        with suppress(StopIteration):
            self._proxies(cast("Any", scope), _nothing, _nothing).send(None)
        return cast("Address | None", scope["client"]), cast("str", scope["scheme"])


async def _nothing(*_: object) -> Any:  # noqa: ANN401  (stands for an ASGI application)
    return None


class Lane(FramedTransport):
    """One WebSocket, from uvicorn's upgrade on."""

    __slots__ = ("_entrance", "_other")

    def __init__(self, entrance: Entrance, other: Callable[[], asyncio.Protocol] | None) -> None:
        super().__init__(entrance.flusher, entrance.server.settings)
        self._entrance = entrance
        self._other = other

    def connection_lost(self, exc: Exception | None) -> None:
        """See FramedTransport."""
        self._entrance.state.connections.discard(cast("Any", self))
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Uvicorn is going down, and waits until its connections have ended."""
        self._close(frames.SERVICE_RESTART)

    def _opening(self, data: bytes) -> None:
        """The request, whole: uvicorn has parsed it and written it out again."""
        try:
            asked = opening.read_opening(data)
            if self._other is not None and not self._is_ours(asked):
                self._hand_over(data, self._other())
                return
            self._enter(asked)
        except OpeningError as error:
            self._refuse(error.status, str(error).encode(), *error.headers)
        finally:
            self._other = None

    def _is_ours(self, asked: Opening) -> bool:
        return unquote(asked.target.partition("?")[0]) == self._entrance.server.settings.path

    def _accept(self, asked: Opening) -> bytes:
        if not self._is_ours(asked):
            raise OpeningError(HTTPStatus.NOT_FOUND, "Not Found")
        return opening.accept(asked)

    def _enter(self, asked: Opening) -> None:
        entrance = self._entrance
        peer = get_remote_addr(self._socket)
        request = entrance.request(asked, peer)
        try:
            accepted = self._accept(asked)
        except OpeningError as error:
            entrance.log(request, peer, error.status)
            raise
        answer = entrance.server.open_websocket(request, self)
        if isinstance(answer, Refusal):
            entrance.log(request, peer, answer.status)
            self._refuse(answer.status, answer.body)
            return
        entrance.log(request, peer, HTTPStatus.SWITCHING_PROTOCOLS)
        entrance.state.connections.add(cast("Any", self))
        self._start(answer, opening.switching(accepted, entrance.headers()))

    def _refuse(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        self._end(ENDED)
        self._socket.write(opening.refusal(status, body, (*headers, *self._entrance.headers())))
        self._socket.close()

    def _hand_over(self, data: bytes, other: asyncio.Protocol) -> None:
        """Let another class have the connection; uvicorn puts us in place after this call."""
        self._end(ENDED)
        asyncio.get_running_loop().call_soon(self._socket.set_protocol, other)
        other.connection_made(self._socket)
        other.data_received(data)
