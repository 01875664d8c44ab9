"""HTTP over ASGI: the requests of the polling transport."""

from typing import Final

from scp_socketio.engine.handshake import (
    BAD_REQUEST,
    NOT_FOUND,
    TOO_LARGE,
    Opening,
    Refusal,
    Request,
    origin_allowed,
    read_handshake,
    read_request,
)
from scp_socketio.server.asgi import Receive, Scope, Send, read_scope
from scp_socketio.server.sessions import Sessions
from scp_socketio.settings import Settings

_TEXT: Final = b"text/plain; charset=UTF-8"
_JSON: Final = b"application/json"
Headers = list[tuple[bytes, bytes]]


class Exchange:
    """One request and its answer."""

    __slots__ = ("_headers", "_send", "receive", "request")

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        self.request: Request = read_scope(scope)
        self.receive = receive
        self._send = send
        self._headers = answer_headers(self.request, settings)

    async def body(self, limit: int) -> bytes | Refusal:
        """The body; why not, if it is larger than `limit` or its sender went away."""
        if _announces_more(self.request, limit):
            return TOO_LARGE
        parts: list[bytes] = []
        size = 0
        while True:
            event = await self.receive()
            if event["type"] == "http.disconnect":
                return BAD_REQUEST
            part = event.get("body", b"")
            size += len(part)
            if size > limit:
                return TOO_LARGE
            parts.append(part)
            if not event.get("more_body", False):
                return b"".join(parts)

    async def answer(self, body: bytes) -> None:
        """Answer 200 with text."""
        await self._respond(200, _TEXT, body)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer no."""
        await self._respond(refusal.status, _JSON, refusal.body)

    async def allow(self) -> None:
        """Answer a browser that asks whether it may send (CORS preflight)."""
        self._headers += [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"content-type"),
        ]
        await self._respond(204, None, b"")

    async def _respond(self, status: int, kind: bytes | None, body: bytes) -> None:
        headers = list(self._headers)
        if kind is not None:
            headers += [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _announces_more(request: Request, limit: int) -> bool:
    """Whether the body is too large by its own account: then it is not waited for."""
    length = next((value for name, value in request.headers if name == b"content-length"), b"")
    return length.isdigit() and (len(length) > len(str(limit)) or int(length) > limit)


def answer_headers(request: Request, settings: Settings) -> Headers:
    """The headers of every answer: a page of an origin that may connect may read it (CORS)."""
    headers: Headers = [(b"cache-control", b"no-store"), *settings.headers]
    origin = dict(request.headers).get(b"origin")
    if origin is None:
        return headers
    if settings.origins is None:
        return [*headers, (b"access-control-allow-origin", b"*")]
    headers.append((b"vary", b"Origin"))
    if origin.decode("latin-1") in settings.origins:
        headers += [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
        ]
    return headers


async def serve_http(sessions: Sessions, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request."""
    exchange = Exchange(scope, receive, send, sessions.settings)
    if exchange.request.method == "OPTIONS":
        await _preflight(sessions.settings, exchange)
        return
    opening = read_request(exchange.request, sessions.settings, "polling")
    if isinstance(opening, Refusal):
        await exchange.refuse(opening)
    elif opening.sid is None:
        await _handshake(sessions, opening, exchange)
    elif exchange.request.method == "GET":
        await _get(sessions, opening.sid, exchange)
    else:
        await _post(sessions, opening.sid, exchange)


async def _preflight(settings: Settings, exchange: Exchange) -> None:
    handshake = read_handshake(exchange.request)
    here = exchange.request.path in {settings.path, settings.path.removesuffix("/")}
    if here and handshake is not None and origin_allowed(handshake.headers, settings):
        await exchange.allow()
    else:
        await exchange.refuse(BAD_REQUEST if here else NOT_FOUND)


async def _handshake(sessions: Sessions, opening: Opening, exchange: Exchange) -> None:
    transport = sessions.open_polling(opening)
    if isinstance(transport, Refusal):
        await exchange.refuse(transport)
    else:
        await exchange.answer(transport.opened())


async def _get(sessions: Sessions, sid: str, exchange: Exchange) -> None:
    transport = sessions.find_polling(sid)
    if isinstance(transport, Refusal):
        await exchange.refuse(transport)
    elif not await transport.poll(exchange.receive, exchange.answer):
        await exchange.refuse(BAD_REQUEST)


async def _post(sessions: Sessions, sid: str, exchange: Exchange) -> None:
    transport = sessions.find_polling(sid)
    if isinstance(transport, Refusal):
        await exchange.refuse(transport)
        return
    limit = sessions.settings.max_message
    refusal = await transport.post(lambda: exchange.body(limit))
    if refusal is None:
        await exchange.answer(b"ok")
    else:
        await exchange.refuse(refusal)
