"""The access log: method, path and status of a request; never its query, never an id."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from scp_server.ports.clock import Clock

_log: Final = logging.getLogger("scp_server.access")

SOCKET_IO: Final = "/socket.io"
NOWHERE: Final = "(no route)"
"""Shown for a path that leads nowhere: a client may have put anything into it."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class AccessLog:
    """ASGI middleware that writes a record for each HTTP request and WebSocket, at its end."""

    __slots__ = ("_app", "_clock")

    def __init__(self, app: Application, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what became of it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = self._clock.monotonic()
        status: int | None = None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close" and status is None:
                status = 403  # a WebSocket that is closed before it is accepted (ASGI 3)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            _log.info(
                "request",
                extra={
                    "method": scope.get("method", "WEBSOCKET"),
                    "path": path_shown(scope),
                    "status": status,
                    "ms": round((self._clock.monotonic() - began) * 1000, 1),
                },
            )


def path_shown(scope: Scope) -> str:
    """The template of the path that a router has left in the scope; no path anybody made up."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    return SOCKET_IO if scope["path"] in {SOCKET_IO, SOCKET_IO + "/"} else NOWHERE
