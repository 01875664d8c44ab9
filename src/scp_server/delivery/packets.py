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
MAX_PAYLOAD_PACKETS: Final = 16
"""Packets in one polling request."""
MAX_NAMESPACE: Final = 64
MAX_DEPTH: Final = 16
MAIN: Final = "/"
"""The namespace; a CONNECT to another gets a `connect_error`, as clients expect."""
SUBSCRIBE: Final = "subscribe_data"
EVENTS: Final = frozenset({SUBSCRIBE})
"""Names of the events a client may send."""

_FRAMES: Final = frozenset({"1", "2probe", "3", "5"})
"""Engine.IO packets of a client that are no messages: close, probe, pong, upgrade."""
_SEPARATOR: Final = "\x1e"
_HEAD: Final = re.compile(r"(\d)(\d+-)?(/[^,]*,?)?(\d{0,16})", re.DOTALL | re.ASCII)


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


def check_frame(frame: str | bytes) -> None:
    """Check an Engine.IO packet before the library parses it: that may raise, or recurse.

    Raises: InvalidRequest naming what is wrong with it.
    """
    if not isinstance(frame, str) or frame.startswith("b"):
        raise _refused("Binary messages are not taken here; send JSON.", "packet")
    if len(frame) > MAX_MESSAGE:
        raise _refused(f"A message may have {MAX_MESSAGE} characters.", "packet")
    is_message = len(frame) > 1 and frame[0] == "4" and frame[1] in "0123456789"
    if not is_message and frame not in _FRAMES:
        raise _refused(
            "A client sends Socket.IO messages (4, then their type), pongs (3) or closes (1).",
            "packet",
        )


def split_payload(body: bytes) -> list[str]:
    """The Engine.IO packets of one polling request, not checked yet.

    Raises: InvalidRequest.
    """
    if len(body) > MAX_MESSAGE:
        raise _refused(f"A request may have {MAX_MESSAGE} bytes.", "payload")
    try:
        frames = body.decode().split(_SEPARATOR)
    except UnicodeDecodeError:
        raise _refused("A request's packets are UTF-8.", "payload") from None
    if len(frames) > MAX_PAYLOAD_PACKETS:
        raise _refused(f"A request may have {MAX_PAYLOAD_PACKETS} packets.", "payload")
    return frames


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
        namespace=(head[3] or MAIN).split("?")[0].rstrip(",") or MAIN,
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
    if len(packet.namespace) > MAX_NAMESPACE or (
        packet.namespace != MAIN and packet.kind is not PacketType.CONNECT
    ):
        raise _refused("There is only the main namespace, /.", "namespace")
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
