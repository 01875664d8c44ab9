"""WebSocket frames as a server reads and writes them, without I/O (RFC 6455 §5 to §8).

Bytes go in, messages and control frames come out; what breaks the protocol is a `Violation` that
carries the close code for the peer. No extension is ever negotiated, so no reserved bit may be set.
"""

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

# RFC 6455 §7.4.1
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
SERVICE_RESTART: Final = 1012

# A chunk read from the network may carry this many frames that bring no data (pings, pongs, empty
# fragments). No honest client comes near it; a flood costs us more than it costs its sender.
MAX_BARREN_FRAMES: Final = 256

_FIN: Final = 0x80
_MASKED: Final = 0x80
_MAX_CONTROL: Final = 125
_SHORT_HEAD: Final = struct.Struct("!BBH")
_LONG_HEAD: Final = struct.Struct("!BBQ")
_VALID_FIRST_BYTES: Final = frozenset(
    {0x00, TEXT, BINARY} | {_FIN | opcode for opcode in (0x0, TEXT, BINARY, CLOSE, PING, PONG)}
)
# RFC 6455 §7.4.1 and IANA's registry of WebSocket close codes; the rest may not be sent.
_REGISTERED_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015)})


class Violation(Exception):
    """The peer broke the protocol: close with `code`, and read nothing more from it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping; `data` (0 to 125 bytes) goes back in the pong."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """A pong, asked for or not."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer's close frame; `code` is None when it named none."""

    code: int | None
    reason: str


Received: TypeAlias = str | bytes | Ping | Pong | Close


def frame_head(opcode: int, size: int) -> bytes:
    """The header of one whole, unmasked frame of `size` payload bytes, at its shortest (§5.2)."""
    if size <= _MAX_CONTROL:
        return bytes((_FIN | opcode, size))
    if size < 1 << 16:
        return _SHORT_HEAD.pack(_FIN | opcode, 126, size)
    return _LONG_HEAD.pack(_FIN | opcode, 127, size)


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole, unmasked frame."""
    return frame_head(opcode, len(payload)) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; a reason longer than fits is cut at a character (§5.5.1)."""
    text = reason.encode()[: _MAX_CONTROL - 2].decode(errors="ignore")
    return frame(CLOSE, struct.pack("!H", code) + text.encode())


def unmask(payload: bytes | bytearray, key: bytes | bytearray) -> bytes:
    """XOR with the four bytes of `key`, over and over (§5.3), as one operation on an integer."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")).to_bytes(
        size, "little"
    )


class FrameReader:
    """Reads what one client sends.

    Feed it what arrives, then ask for `next_received` until it returns None. A message is refused
    as soon as its announced size passes `max_message` (bytes, all fragments together): at most that
    much, and what the last `feed` brought, is ever held.
    """

    __slots__ = ("_at", "_barren", "_data", "_ended", "_fragments", "_kind", "_max_message")

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._data: bytes | bytearray = b""
        self._at = 0
        self._kind = 0  # opcode of the fragmented message being put together; 0: none
        self._fragments: bytearray | None = None
        self._barren = 0
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they came; after a close frame or a violation they are dropped."""
        self._barren = 0
        if self._ended:
            return
        if self._at >= len(self._data):
            self._data = data
        elif isinstance(self._data, bytearray):
            del self._data[: self._at]
            self._data += data
        else:
            self._data = bytearray(self._data[self._at :])
            self._data += data
        self._at = 0

    def next_received(self) -> Received | None:
        """The next message (text as str, binary as bytes) or control frame; None: feed more.

        Raises:
            Violation: The bytes break RFC 6455, or a message is too big.
        """
        if self._ended:
            return None
        try:
            return self._next()
        except Violation:
            self._end()
            raise

    def _next(self) -> Received | None:
        while (found := self._next_frame()) is not None:
            first, payload = found
            opcode = first & 0x0F
            if opcode >= CLOSE:
                return self._control(opcode, payload)
            if first == _FIN | TEXT:
                return _text(payload)
            if first == _FIN | BINARY:
                return payload
            if (message := self._fragment(first, payload)) is not None:
                return message
        if self._at >= len(self._data):
            self._data, self._at = b"", 0  # an idle connection holds no buffer
        return None

    def _next_frame(self) -> tuple[int, bytes] | None:
        """First byte and unmasked payload of the next frame, once all of it is here."""
        data, at = self._data, self._at
        if len(data) - at < 2:
            return None
        first, second = data[at], data[at + 1]
        self._check_head(first, second)
        size, start = second & 0x7F, at + 6
        if size > _MAX_CONTROL:
            width = 2 if size == 126 else 8
            if len(data) - at < 2 + width:
                return None
            size = int.from_bytes(data[at + 2 : at + 2 + width], "big")
            start += width
            if size <= _MAX_CONTROL or (width == 8 and size < 1 << 16):
                raise Violation(PROTOCOL_ERROR, "A length is not in its shortest form.")
        if first & 0x0F < CLOSE:
            self._check_size(size)
        end = start + size
        if end > len(data):
            return None
        self._at = end
        return first, unmask(data[start:end], data[start - 4 : start])

    def _check_head(self, first: int, second: int) -> None:
        if first not in _VALID_FIRST_BYTES:
            raise Violation(
                PROTOCOL_ERROR,
                "A reserved bit or opcode is set, or a control frame is fragmented.",
            )
        if not second & _MASKED:
            raise Violation(PROTOCOL_ERROR, "A client masks its frames.")
        opcode = first & 0x0F
        if opcode >= CLOSE:
            if second & 0x7F > _MAX_CONTROL:
                raise Violation(PROTOCOL_ERROR, "A control frame is longer than 125 bytes.")
        elif (opcode == 0) != (self._kind != 0):
            raise Violation(PROTOCOL_ERROR, "A fragment is out of place.")

    def _check_size(self, size: int) -> None:
        if self._fragments:
            size += len(self._fragments)
        if size > self._max_message:
            raise Violation(TOO_BIG, f"A message is longer than {self._max_message} bytes.")

    def _fragment(self, first: int, payload: bytes) -> str | bytes | None:
        """Add a fragment (§5.4); the message, when it was the last."""
        if self._fragments is None:
            self._kind = first & 0x0F
            self._fragments = bytearray()
        if not payload:
            self._count_barren()
        self._fragments += payload
        if not first & _FIN:
            return None
        whole, kind = bytes(self._fragments), self._kind
        self._fragments, self._kind = None, 0
        return _text(whole) if kind == TEXT else whole

    def _control(self, opcode: int, payload: bytes) -> Ping | Pong | Close:
        if opcode == CLOSE:
            closing = _close(payload)
            self._end()
            return closing
        self._count_barren()
        return Ping(payload) if opcode == PING else Pong(payload)

    def _count_barren(self) -> None:
        self._barren += 1
        if self._barren > MAX_BARREN_FRAMES:
            raise Violation(POLICY_VIOLATION, "Too many frames that carry nothing.")

    def _end(self) -> None:
        self._ended = True
        self._data, self._at, self._fragments = b"", 0, None


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(INVALID_DATA, "A text message is not UTF-8.") from None


def _close(payload: bytes) -> Close:
    if not payload:
        return Close(None, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _REGISTERED_CODES or 3000 <= code < 5000):
        raise Violation(PROTOCOL_ERROR, "A close frame carries no code that may be sent.")
    return Close(code, _text(payload[2:]))
