"""The opening handshake of a WebSocket as a server checks and answers it (RFC 6455 §4.2)."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = "13"


class OpeningError(Exception):
    """The request opens no WebSocket: answer `status`, with `headers` besides one's own."""

    def __init__(self, status: HTTPStatus, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request as it came: `target` is path and query; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


def read_opening(head: bytes) -> Opening:
    """Read a request from its first line to the empty line after its headers.

    A header that comes more than once has its values joined by ", " (RFC 9110 §5.3).

    Raises:
        OpeningError: 400, it is no HTTP/1.1 request.
    """
    lines = head.decode("latin-1").split("\r\n")
    first = lines[0].split(" ")
    if len(first) != 3 or first[2] != "HTTP/1.1" or lines[-2:] != ["", ""]:
        raise OpeningError(HTTPStatus.BAD_REQUEST, "Send an HTTP/1.1 request.")
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon:
            raise OpeningError(HTTPStatus.BAD_REQUEST, "Send headers as `name: value`.")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Opening(method=first[0], target=first[1], headers=headers)


def accept(opening: Opening) -> bytes:
    """The value of `Sec-WebSocket-Accept` that answers the request (§4.2.2).

    Raises:
        OpeningError: 400, 405 or 426, and what to send instead.
    """
    if opening.method != "GET":
        raise OpeningError(
            HTTPStatus.METHOD_NOT_ALLOWED, "Open a WebSocket with GET.", (b"allow", b"GET")
        )
    headers = opening.headers
    upgrades = "upgrade" in _tokens(headers, "connection")
    if not upgrades or "websocket" not in _tokens(headers, "upgrade"):
        raise OpeningError(
            HTTPStatus.BAD_REQUEST, "Send `Connection: Upgrade` and `Upgrade: websocket`."
        )
    if headers.get("sec-websocket-version") != _VERSION:
        raise OpeningError(
            HTTPStatus.UPGRADE_REQUIRED,
            "Speak version 13 of the WebSocket protocol.",
            (b"sec-websocket-version", _VERSION.encode()),
            (b"upgrade", b"websocket"),
        )
    key = headers.get("sec-websocket-key", "")
    if not _is_key(key):
        raise OpeningError(
            HTTPStatus.BAD_REQUEST, "Send one `Sec-WebSocket-Key` of 16 bytes in base64."
        )
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest)


def switching(accepted: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The 101 answer; neither an extension nor a subprotocol is taken up."""
    fixed = (
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", accepted),
    )
    return _head(HTTPStatus.SWITCHING_PROTOCOLS, (*fixed, *headers))


def refusal(status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole answer that refuses, after which the connection is closed.

    JSON is told by its first byte; anything else goes out as plain text.
    """
    kind = b"application/json" if body[:1] in (b"{", b'"') else b"text/plain; charset=utf-8"
    fixed = (
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    )
    return _head(status, (*fixed, *headers)) + body


def _head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    phrase = HTTPStatus(status).phrase.encode()
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, phrase)]
    lines += [b"%s: %s\r\n" % header for header in headers]
    return b"".join(lines) + b"\r\n"


def _tokens(headers: Mapping[str, str], name: str) -> set[str]:
    return {token.strip(" \t").lower() for token in headers.get(name, "").split(",")}


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
