"""The edge between ASGI and plain calls: reads a request, sends the reply, or breaks the line."""

import socket
import struct
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from scp_sandbox.call import Call, Reply, Wreck, parse_query

MOST_BODY_BYTES = 4 * 1024 * 1024
# Under this key of the scope, `serve` leaves the connection, so that a fault can break it.
TRANSPORT = "scp_sandbox.transport"

Answer = Callable[[Call], Awaitable[Reply]]


class BrokenOnPurpose(ConnectionAbortedError):
    """Raised where a fault orders a broken connection and only an exception can break it."""


class Edge:
    """An ASGI application that hands each request to `answer`."""

    def __init__(self, answer: Answer, base_url: str | None) -> None:
        self._answer = answer
        self._base_url = base_url.rstrip("/") if base_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        headers = _headers(scope)
        body = b"" if scope["method"] == "GET" else await _body(receive)
        if body is None:
            await _send(Reply(status=413, body=b"{}"), scope, receive, send)
            return
        call = Call(
            method=scope["method"],
            path=scope["path"],
            query=parse_query(scope["query_string"].decode("latin-1")),
            headers=headers,
            body=body,
            peer=scope["client"][0] if scope.get("client") else None,
            base=self._base_url or f"{scope['scheme']}://{headers.get('host', 'localhost')}",
        )
        await _send(await self._answer(call), scope, receive, send)


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name; the values of one that is repeated are joined, as lists are."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _body(receive: Receive) -> bytes | None:
    chunks = []
    size = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _send(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    if reply.wreck is Wreck.RESET:
        await _break(scope, receive, rudely=True)
        return
    headers = [(b"server", b"ESF"), (b"content-length", str(len(reply.body)).encode())]
    if reply.body or reply.status not in (204, 304):
        headers.append((b"content-type", reply.content_type.encode()))
    headers += [(name.encode(), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.wreck is Wreck.TRUNCATE:
        half = reply.body[: len(reply.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _break(scope, receive, rudely=False)
        return
    await send({"type": "http.response.body", "body": reply.body})


async def _break(scope: Scope, receive: Receive, *, rudely: bool) -> None:
    transport = scope.get("extensions", {}).get(TRANSPORT)
    if transport is None:
        raise BrokenOnPurpose("ordered by a fault")
    if rudely:
        # A linger of zero seconds turns the close into a RST.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    # The server is to see the loss before this request ends, or it would complain about it.
    while (await receive())["type"] != "http.disconnect":
        pass
