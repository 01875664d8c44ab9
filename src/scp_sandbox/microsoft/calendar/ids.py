"""Ids of events. Pure."""

import base64
import binascii
import hashlib

_TAG_BYTES = 6
_TAIL = "AAA="
_EVENT, _IMMUTABLE, _CALENDAR = "AAMkE", "AAkAE", "AAMkC"


class EventIds:
    """Spells and reads the ids of one account's events."""

    def __init__(self, owner: str) -> None:
        self._tag = hashlib.sha256(f"calendar/{owner}".encode()).digest()[:_TAG_BYTES]

    def event(self, identity: str, *, immutable: bool) -> str:
        """An event's id in one of the two id spaces."""
        blob = base64.urlsafe_b64encode(self._tag + identity.encode()).decode().rstrip("=")
        return (_IMMUTABLE if immutable else _EVENT) + blob + _TAIL

    @property
    def calendar(self) -> str:
        """The default calendar's id."""
        return _CALENDAR + base64.urlsafe_b64encode(self._tag).decode().rstrip("=") + _TAIL

    def read(self, text: str) -> str | None:
        """The event's own name; None when it is no id of this account's."""
        if not (text.startswith((_EVENT, _IMMUTABLE)) and text.endswith(_TAIL)):
            return None
        blob = text[len(_EVENT) : -len(_TAIL)]
        try:
            octets = base64.urlsafe_b64decode(blob.encode("ascii") + b"=" * (-len(blob) % 4))
            name = octets[_TAG_BYTES:].decode("ascii")
        except (binascii.Error, ValueError):
            return None
        return name if octets.startswith(self._tag) else None
