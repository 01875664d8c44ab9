"""Delta and skip tokens: opaque to clients, signed against garbling, and all state within. Pure."""

import base64
import binascii
import hashlib
from typing import TypeVar

import msgspec

from scp_sandbox.microsoft.graph.errors import sync_state_invalid

State = TypeVar("State", bound=msgspec.Struct)


def sealed(state: msgspec.Struct) -> str:
    """A token for a state."""
    payload = msgspec.msgpack.encode(state)
    return base64.urlsafe_b64encode(_check(payload) + payload).decode().rstrip("=")


def opened(text: str, kind: type[State]) -> State:
    """The state of a token.

    Raises:
        GraphError: 400 when it is no such token.
    """
    try:
        octets = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise sync_state_invalid() from error
    if octets[:6] != _check(octets[6:]):
        raise sync_state_invalid()
    try:
        return msgspec.msgpack.decode(octets[6:], type=kind)
    except msgspec.DecodeError as error:
        raise sync_state_invalid() from error


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(b"graph/" + payload).digest()[:6]
