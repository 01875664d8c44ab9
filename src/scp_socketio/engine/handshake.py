"""The request that opens or continues a session, and the answers to one that cannot.

Codes and messages are those of Node's engine.io, which its clients show to their users.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from scp_socketio.engine.session import TransportName
from scp_socketio.settings import Settings

MAX_PARAMETERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request as a transport saw it.

    ``path`` without the query; ``query`` as sent, without "?"; ``headers`` as in ASGI: names in
    lower case; ``address`` of the peer, "" if unknown.
    """

    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    address: str = ""
    method: str = "GET"
    secure: bool = False
    """Whether it came by TLS, as far as a trusted proxy says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a connect handler is told of the request that opened the session.

    ``query``: every value of every parameter. ``headers``: names in lower case, values of a
    repeated header joined by ", ". ``address`` of the peer, "" if unknown.
    """

    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    address: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer that says no: ``body`` is JSON ``{"code", "message"}`` as Node gives it."""

    status: int
    body: bytes


def _refusal(status: HTTPStatus, code: int, message: str) -> Refusal:
    return Refusal(status.value, msgspec.json.encode({"code": code, "message": message}))


UNKNOWN_TRANSPORT: Final = _refusal(HTTPStatus.BAD_REQUEST, 0, "Transport unknown")
UNKNOWN_SESSION: Final = _refusal(HTTPStatus.BAD_REQUEST, 1, "Session ID unknown")
BAD_METHOD: Final = _refusal(HTTPStatus.BAD_REQUEST, 2, "Bad handshake method")
BAD_REQUEST: Final = _refusal(HTTPStatus.BAD_REQUEST, 3, "Bad request")
TOO_LARGE: Final = _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 3, "Bad request")
FORBIDDEN: Final = _refusal(HTTPStatus.FORBIDDEN, 4, "Forbidden")
UNSUPPORTED_VERSION: Final = _refusal(HTTPStatus.BAD_REQUEST, 5, "Unsupported protocol version")
# Node has no code for these three.
CLOSING: Final = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, 4, "Server is closing")
IN_THE_CLEAR: Final = _refusal(HTTPStatus.BAD_REQUEST, 3, "Use https")
NOT_FOUND: Final = _refusal(HTTPStatus.NOT_FOUND, 3, "Not found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request that passed: no ``sid`` asks for a new session."""

    transport: TransportName
    sid: str | None
    handshake: Handshake


def read_request(request: Request, settings: Settings, carrier: TransportName) -> Opening | Refusal:
    """Check a request that came by `carrier`: its path, origin, query and method.

    A request for a new session must name the revision in ``EIO``; one with a ``sid`` continues
    what was agreed on then.
    """
    if request.path not in {settings.path, settings.path.removesuffix("/")}:
        return NOT_FOUND
    handshake = read_handshake(request)
    if handshake is None:
        return BAD_REQUEST
    query = {name: values[-1] for name, values in handshake.query.items()}
    wanted = query.get("transport")
    if wanted not in settings.transports:
        return UNKNOWN_TRANSPORT
    if (barred := _barred(request, handshake, settings)) is not None:
        return barred
    if wanted != carrier or "j" in query:  # JSONP: a script of any page could read the answer
        return BAD_REQUEST
    sid = query.get("sid")
    refusal = _check_new(request, query) if sid is None else _check_known(request)
    return refusal or Opening(transport=carrier, sid=sid, handshake=handshake)


def _barred(request: Request, handshake: Handshake, settings: Settings) -> Refusal | None:
    if settings.secure_only and not (request.secure or _from_here(handshake)):
        return IN_THE_CLEAR
    return None if origin_allowed(handshake.headers, settings) else FORBIDDEN


def _from_here(handshake: Handshake) -> bool:
    """Whether a request never left this machine, as far as it shows."""
    if any(name in handshake.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    try:
        return ipaddress.ip_address(handshake.address).is_loopback
    except ValueError:
        return False


def _check_new(request: Request, query: Mapping[str, str]) -> Refusal | None:
    if request.method != "GET":
        return BAD_METHOD
    return None if query.get("EIO") == "4" else UNSUPPORTED_VERSION


def _check_known(request: Request) -> Refusal | None:
    return None if request.method in {"GET", "POST"} else BAD_METHOD


def read_handshake(request: Request) -> Handshake | None:
    """What a handler may know of a request; None if its query cannot be read."""
    try:
        pairs = parse_qsl(
            request.query.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        return None
    query: dict[str, tuple[str, ...]] = {}
    for key, text in pairs:
        query[key] = (*query.get(key, ()), text)
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Handshake(query=query, headers=headers, address=request.address)


def origin_allowed(headers: Mapping[str, str], settings: Settings) -> bool:
    """Whether a browser's page may connect: from a listed origin, or of the host it asks.

    That host is what the page says (`same_host`): behind DNS rebinding it is another's.
    Who sends no ``Origin`` is no browser's page of another site (RFC 6454 §7.3).
    """
    origin = headers.get("origin")
    if settings.origins is None or origin is None or origin in settings.origins:
        return True
    if not settings.same_host:
        return False
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(netloc) and netloc.lower() == headers.get("host", "").lower()
