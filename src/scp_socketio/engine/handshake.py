"""The request that opens or continues a session, and the answers to one that cannot."""

from collections.abc import Mapping
from dataclasses import dataclass


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
