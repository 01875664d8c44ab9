"""Binary in packets: taken out before JSON, and put back after it.

https://github.com/socketio/socket.io-protocol#packet-encoding: each piece of binary is replaced by
``{"_placeholder": true, "num": n}`` and follows the packet as its nth attachment.
"""

from collections.abc import Sequence

import msgspec

from scp_socketio.errors import ProtocolError
from scp_socketio.protocol.packets import Packet


def take_out(value: object) -> tuple[object, list[bytes]]:
    """The value with placeholders, and its binary in order. Structs become objects.

    Raises:
        TypeError: JSON cannot say a part of it.
    """
    found: list[bytes] = []
    plain = msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview))
    return _without(plain, found), found


def put_back(value: object, attachments: Sequence[bytes]) -> object:
    """The value with its binary in the places of the placeholders.

    Raises:
        ProtocolError: a placeholder names an attachment that is not there.
    """
    if isinstance(value, list):
        return [put_back(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {key: put_back(item, attachments) for key, item in value.items()}
    number = value.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise ProtocolError("a placeholder names no attachment")
    return attachments[number]


class Assembly:
    """A packet that waits for its attachments."""

    __slots__ = ("_found", "_packet")

    def __init__(self, packet: Packet) -> None:
        self._packet = packet
        self._found: list[bytes] = []

    def add(self, attachment: bytes) -> Packet | None:
        """One attachment more: the whole packet, once it is.

        Raises:
            ProtocolError: a placeholder names none of them.
        """
        self._found.append(attachment)
        if len(self._found) < self._packet.attachments:
            return None
        whole = put_back(self._packet.data, self._found)
        return msgspec.structs.replace(self._packet, data=whole, attachments=0)


def _without(value: object, found: list[bytes]) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        found.append(bytes(value))
        return {"_placeholder": True, "num": len(found) - 1}
    if isinstance(value, dict):
        return {key: _without(item, found) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without(item, found) for item in value]
    return value
