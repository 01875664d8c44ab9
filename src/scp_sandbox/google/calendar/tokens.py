"""Page tokens and sync tokens: opaque to clients, and good for one calendar only. Pure."""

import base64
import binascii
import hashlib

import msgspec


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a page goes on.

    `change` is the counter when the first page was given (what the round's sync token will say),
    `since` the counter a sync round started from (None: no sync round), `after` the last row's key,
    `query` a digest of the parameters.
    """

    place: str
    change: int
    since: int | None
    after: tuple[int | str, ...]
    query: str


class SyncToken(msgspec.Struct, frozen=True, array_like=True):
    """Up to which change a calendar is known."""

    place: str
    change: int
    spice: str = "sync"


def digest(*texts: str) -> str:
    """A short name for what a token is bound to."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def sealed(token: PageToken | SyncToken) -> str:
    """A token as text. The check before it keeps out garbled ones, not clever ones."""
    payload = msgspec.msgpack.encode(token)
    return base64.urlsafe_b64encode(_check(payload) + payload).decode()


def page_token(text: str) -> PageToken | None:
    """Reads a page token; None when it is none."""
    try:
        return msgspec.msgpack.decode(_octets(text), type=PageToken)
    except (ValueError, msgspec.DecodeError):
        return None


def sync_token(text: str) -> SyncToken | None:
    """Reads a sync token; None when it is none."""
    try:
        token = msgspec.msgpack.decode(_octets(text), type=SyncToken)
    except (ValueError, msgspec.DecodeError):
        return None
    return token if token.spice == "sync" else None


def _octets(text: str) -> bytes:
    try:
        octets = base64.urlsafe_b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(text) from error
    if octets[:6] != _check(octets[6:]):
        raise ValueError(text)
    return octets[6:]


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(b"token/" + payload).digest()[:6]
