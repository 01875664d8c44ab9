"""What HTTP and WebSocket scopes of ASGI have in common here."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from scp_socketio.engine.handshake import Request

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


def read_scope(scope: Scope) -> Request:
    """The request of a scope; its path is seen from where the application is mounted."""
    path, root = scope["path"], scope.get("root_path", "")
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    client = scope.get("client")
    return Request(
        method=scope.get("method", "GET"),
        path=path,
        query=scope.get("query_string", b""),
        headers=tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
        address=client[0] if client else "",
        secure=scope.get("scheme") in {"https", "wss"},
    )
