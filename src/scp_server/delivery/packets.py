"""What clients may send over Socket.IO, and how to say no to the rest.

The library under us lets a client call any registered handler by name, `connect` and `disconnect`
among them, and answers malformed packets with silence. So every message is read here first.
https://socket.io/docs/v4/socket-io-protocol/
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import msgspec

from scp_server.domain.errors import InvalidRequest

MAX_MESSAGE: Final = 64 * 1024
"""Characters in one inbound message: control only, so this is plenty."""
MAX_DEPTH: Final = 16
SUBSCRIBE: Final = "subscribe_data"
EVENTS: Final = frozenset({SUBSCRIBE})
"""Names of the events a client may send."""

_HEAD: Final = re.compile(r"(\d)(\d+-)?(/[^,]*,?)?(\d{0,16})", re.DOTALL)


class PacketType(IntEnum):
    """First character of a Socket.IO message."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A message that may be handled. `data` is decoded JSON."""

    kind: PacketType
    namespace: str
    data: Any


def read(message: str | bytes) -> Packet:
    """Read an inbound message.

    Raises: InvalidRequest naming what is wrong with it.
    """
    if not isinstance(message, str):
        raise _refused("Binary messages are not taken here; send JSON.", "packet")
    if len(message) > MAX_MESSAGE:
        raise _refused(f"A message may have {MAX_MESSAGE} characters.", "packet")
    head = _HEAD.match(message)
    if head is None:
        raise _refused("A Socket.IO message begins with its type, a digit from 0 to 4.", "packet")
    kind = int(head[1])
    if kind not in {PacketType.CONNECT, PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK}:
        raise _refused("Only CONNECT, DISCONNECT, EVENT and ACK messages are taken.", "type")
    if head[2]:
        raise _refused("Binary attachments are not taken here; send JSON.", "attachments")
    data = _json(message[head.end() :])
    packet = Packet(
        kind=PacketType(kind),
        namespace=(head[3] or "/").split("?")[0].rstrip(",") or "/",
        data=data,
    )
    _check(packet)
    return packet


def _json(text: str) -> Any:  # noqa: ANN401  (foreign JSON enters here)
    if not text:
        return None
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise _refused("The message's data is not valid JSON.", "data") from None
    if _depth(data) > MAX_DEPTH:
        raise _refused(f"The message's data is nested deeper than {MAX_DEPTH}.", "data")
    return data


def _depth(data: object) -> int:
    level: list[object] = [data]
    depth = 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for value in level
            if isinstance(value, (list, dict))
            for child in (value.values() if isinstance(value, dict) else value)
        ]
    return depth


def _check(packet: Packet) -> None:
    match packet.kind:
        case PacketType.CONNECT if packet.data is not None and not isinstance(packet.data, dict):
            raise _refused("`auth` must be an object.", "auth")
        case PacketType.EVENT:
            _check_event(packet.data)
        case _:
            pass


def _check_event(data: object) -> None:
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise _refused("An event is a JSON array that begins with its name.", "event")
    if data[0] not in EVENTS:
        raise InvalidRequest(
            "There is no such event. Names are case-sensitive.",
            field="event",
            value=data[0][:64],
            allowed_values=sorted(EVENTS),
        )
    if len(data) > 2:
        raise _refused("This event takes one argument, an object.", "event")


def _refused(message: str, field: str) -> InvalidRequest:
    return InvalidRequest(message, field=field)
