"""Socket.IO packets: text to value and back.

https://github.com/socketio/socket.io-protocol#packet-encoding
"""

import re
from enum import IntEnum
from typing import Final

import msgspec

from scp_socketio.errors import ProtocolError

# Ids are counters of the other side; JavaScript counts exactly up to 2**53, sixteen digits.
_MAX_ID_DIGITS: Final = 16
MAX_ATTACHMENTS: Final = 16

_HEAD: Final = re.compile(r"([0-6])(?:([0-9]+)-)?(?:(/[^,]*)(?:,|\Z))?([0-9]*)")


class Kind(IntEnum):
    """Types of packets, as numbered on the wire."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


BINARY: Final = frozenset({Kind.BINARY_EVENT, Kind.BINARY_ACK})


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """One packet. ``data`` is UNSET if there was none; ``attachments`` are still to come."""

    kind: Kind
    namespace: str = "/"
    id: int | None = None
    data: object = msgspec.UNSET
    attachments: int = 0


def decode(text: str, max_depth: int) -> Packet:
    """Read a packet, without its attachments.

    Raises:
        ProtocolError: it is none, or nests deeper than `max_depth`.
    """
    head = _HEAD.match(text)
    if head is None:
        raise ProtocolError("no Socket.IO packet")
    kind = Kind(int(head[1]))
    count, number, rest = head[2], head[4], text[head.end() :]
    if len(number) > _MAX_ID_DIGITS:
        raise ProtocolError("an acknowledgement id has too many digits")
    return Packet(
        kind=kind,
        namespace=head[3] or "/",
        id=int(number) if number else None,
        data=parse(rest, max_depth) if rest else msgspec.UNSET,
        attachments=_attachments(kind, count),
    )


def encode(
    kind: Kind,
    data: bytes = b"",
    *,
    namespace: str = "/",
    id: int | None = None,
    attachments: int = 0,
) -> str:
    """Write a packet; `data` is JSON in UTF-8, or nothing."""
    count = f"{attachments}-" if kind in BINARY else ""
    place = "" if namespace == "/" else namespace + ","
    number = "" if id is None else str(id)
    return f"{kind.value}{count}{place}{number}{data.decode()}"


def parse(text: str, max_depth: int) -> object:
    """Read JSON that nests at most `max_depth` arrays and objects.

    Raises:
        ProtocolError: it is no JSON, or nests deeper.
    """
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # The error's own text could quote what was sent.
        raise ProtocolError("a payload is no JSON") from None
    if text.count("[") + text.count("{") > max_depth and _deeper(value, max_depth):
        raise ProtocolError(f"a payload nests deeper than {max_depth}")
    return value


def _attachments(kind: Kind, count: str | None) -> int:
    if (kind in BINARY) != (count is not None):
        raise ProtocolError("binary packets, and only they, count their attachments")
    if count is None:
        return 0
    if len(count) > len(str(MAX_ATTACHMENTS)) or int(count) > MAX_ATTACHMENTS:
        raise ProtocolError(f"a packet has at most {MAX_ATTACHMENTS} attachments")
    return int(count)


def _deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
