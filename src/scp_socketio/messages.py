"""What is sent, encoded once and shared by everybody who gets it."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Self

import msgspec

from scp_socketio.websocket.frames import BINARY, TEXT, frame_head

# The client libraries raise these themselves: as events of a peer they would be forgeries.
# https://socket.io/docs/v4/emit-cheatsheet/#reserved-events
RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

# Engine.IO's packet type MESSAGE, which stands before a Socket.IO packet in text; binary has none.
_MESSAGE: Final = b"4"
_EVENT: Final = b"42["


class Message:
    """Socket.IO packets, encoded: immutable, and cheap to write to many clients.

    `frames` holds the packets as the unmasked RFC 6455 frames a server sends, one after the other.
    It is the only copy; `packets` is read from it. `size` is its length in bytes.
    """

    __slots__ = ("frames", "size")

    frames: bytes
    size: int

    def __init__(self, packets: Iterable[str | bytes]) -> None:
        """Frame packets: text without Engine.IO's type, `2["event",…]`; attachments as bytes."""
        self.frames = b"".join(part for packet in packets for part in _framed(packet))
        self.size = len(self.frames)

    @classmethod
    def event(cls, name: str, *args: bytes, namespace: str = "/") -> Self:
        """An event that wants no acknowledgement; each of `args` is JSON in UTF-8, taken as it is.

        Raises:
            ValueError: The name is reserved, or the namespace is none.
        """
        opening = _opening(name, namespace)
        rest = b",".join(args)
        size = len(opening) + len(rest) + (2 if args else 1)
        comma = b"," if args else b""
        return cls._holding(b"".join((frame_head(TEXT, size), opening, comma, rest, b"]")))

    @classmethod
    def joined(cls, messages: Iterable["Message"]) -> Self:
        """All of them, in order, as one: a run of events is then one write."""
        return cls._holding(b"".join([message.frames for message in messages]))

    @property
    def packets(self) -> tuple[str | bytes, ...]:
        """The packets, as they were given."""
        return tuple(_unframed(self.frames))

    @classmethod
    def _holding(cls, frames: bytes) -> Self:
        made = cls.__new__(cls)
        made.frames = frames
        made.size = len(frames)
        return made

    def __repr__(self) -> str:
        """Its size alone: content does not belong in logs."""
        return f"<Message of {self.size} bytes>"


@lru_cache(maxsize=256)
def _opening(name: str, namespace: str) -> bytes:
    """What the packet of an event begins with. An application has few names."""
    if name in RESERVED_EVENTS:
        raise ValueError(f"{name!r} is an event of the client library: choose another name.")
    start = _EVENT if namespace == "/" else _event_in(namespace)
    return start + msgspec.json.encode(name)


def _event_in(namespace: str) -> bytes:
    if not namespace.startswith("/") or "," in namespace:
        raise ValueError(f"A namespace starts with / and holds no comma: {namespace!r}")
    return b"42" + namespace.encode() + b",["


def _framed(packet: str | bytes) -> tuple[bytes, ...]:
    if isinstance(packet, bytes):
        return frame_head(BINARY, len(packet)), packet
    payload = packet.encode()
    return frame_head(TEXT, len(payload) + 1), _MESSAGE, payload


def _unframed(frames: bytes) -> Iterator[str | bytes]:
    at = 0
    while at < len(frames):
        opcode, size, start = frames[at] & 0x0F, frames[at + 1], at + 2
        if size > 125:
            start = at + (4 if size == 126 else 10)
            size = int.from_bytes(frames[at + 2 : start], "big")
        at = start + size
        yield frames[start:at] if opcode == BINARY else frames[start + 1 : at].decode()
