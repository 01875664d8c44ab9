"""Opaque tokens: a struct as text that clients can only hand back. Pure."""

import base64
import binascii
import hashlib
from typing import TypeVar

import msgspec

Token = TypeVar("Token", bound=msgspec.Struct)


def seal(token: msgspec.Struct) -> str:
    """A token as text. The check before it keeps out garbled ones, not clever ones."""
    payload = msgspec.msgpack.encode(token)
    return base64.urlsafe_b64encode(_check(payload) + payload).decode()


def unseal(text: str, kind: type[Token]) -> Token | None:
    """Reads a token; None when it is none of this kind."""
    try:
        return msgspec.msgpack.decode(_octets(text), type=kind)
    except (ValueError, msgspec.DecodeError):
        return None


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
