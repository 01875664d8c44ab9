"""Engine.IO packets, and the payloads that carry several of them in one HTTP body.

https://github.com/socketio/engine.io-protocol#packet-encoding. A *frame* here is one packet as a
WebSocket carries it: text, the type in its first character, or the bytes of a binary message.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from scp_socketio.errors import ProtocolError

OPEN: Final = "0"
CLOSE: Final = "1"
PING: Final = "2"
PONG: Final = "3"
MESSAGE: Final = "4"
UPGRADE: Final = "5"
NOOP: Final = "6"
PROBE: Final = "2probe"
PROBE_ANSWER: Final = "3probe"

SEPARATOR: Final = "\x1e"


def split_payload(body: bytes, limit: int) -> list[str | bytes]:
    """The frames in the body of a POST; `limit` of them at most.

    Raises:
        ProtocolError: not UTF-8, too many packets, or base64 that is none.
    """
    try:
        parts = body.decode().split(SEPARATOR, limit)
    except UnicodeDecodeError:
        raise ProtocolError("a payload is UTF-8") from None
    if len(parts) > limit:
        raise ProtocolError(f"a payload holds at most {limit} packets")
    return [_binary(part) if part.startswith("b") else part for part in parts]


def join_payload(frames: Iterable[str | bytes]) -> bytes:
    """The body of the answer to a poll; binary messages become base64."""
    texts = (
        frame if isinstance(frame, str) else "b" + base64.b64encode(frame).decode()
        for frame in frames
    )
    return SEPARATOR.join(texts).encode()


def _binary(part: str) -> bytes:
    try:
        return base64.b64decode(part[1:], validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("a binary packet in a payload is base64") from None
