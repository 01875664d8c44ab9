"""Ids of Outlook: ordinary ones, which change when a message moves, and immutable ones. Pure."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

_TAG_BYTES = 6
_TAIL = "AAA="
_MESSAGE, _IMMUTABLE, _FOLDER, _CONVERSATION = "AAMkA", "AAkALg", "AQMkA", "AAQkA"


@dataclass(frozen=True, slots=True)
class Found:
    """What a message's id says; `moves` is None for an immutable one."""

    core: int
    moves: int | None


class Ids:
    """Spells and reads the ids of one mailbox."""

    def __init__(self, owner: str) -> None:
        self._tag = hashlib.sha256(f"mailbox/{owner}".encode()).digest()[:_TAG_BYTES]

    def message(self, core: int, moves: int, *, immutable: bool) -> str:
        """A message's id in one of the two id spaces."""
        if immutable:
            return self._spelled(_IMMUTABLE, core.to_bytes(8, "big"))
        return self._spelled(_MESSAGE, core.to_bytes(8, "big") + moves.to_bytes(4, "big"))

    def folder(self, key: str) -> str:
        """A folder's id."""
        return self._spelled(_FOLDER, hashlib.sha256(f"folder/{key}".encode()).digest()[:12])

    def conversation(self, core: int) -> str:
        """A conversation's id."""
        return self._spelled(_CONVERSATION, core.to_bytes(8, "big"))

    def read(self, text: str) -> Found | None:
        """What a message's id says; None when it is none of this mailbox."""
        for prefix, length in ((_IMMUTABLE, 8), (_MESSAGE, 12)):
            octets = self._octets(text, prefix)
            if octets is not None and len(octets) == length:
                moves = int.from_bytes(octets[8:], "big") if length > 8 else None
                return Found(int.from_bytes(octets[:8], "big"), moves)
        return None

    def _spelled(self, prefix: str, octets: bytes) -> str:
        return prefix + base64.urlsafe_b64encode(self._tag + octets).decode().rstrip("=") + _TAIL

    def _octets(self, text: str, prefix: str) -> bytes | None:
        if not (text.startswith(prefix) and text.endswith(_TAIL)):
            return None
        blob = text[len(prefix) : -len(_TAIL)]
        try:
            octets = base64.urlsafe_b64decode(blob.encode("ascii") + b"=" * (-len(blob) % 4))
        except (binascii.Error, ValueError):
            return None
        return octets[_TAG_BYTES:] if octets.startswith(self._tag) else None
