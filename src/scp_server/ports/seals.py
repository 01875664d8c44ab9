"""Seals: small values that leave the server and come back untouched, and keyed hashes."""

from typing import Protocol


class Seals(Protocol):
    """Authenticated encryption under the server's own key, bound to a purpose."""

    def seal(self, purpose: str, plain: bytes) -> str:
        """A URL-safe text that only this server (and others with its keys) can open."""
        ...

    def open(self, purpose: str, sealed: str) -> bytes | None:
        """What was sealed for that purpose; None when it is forged, damaged or another's."""
        ...

    def kid_of(self, sealed: str) -> str | None:
        """The id of the root key that a seal is under; None when it is no seal."""
        ...

    def fingerprint(self, purpose: str, value: bytes) -> bytes:
        """A keyed hash (HMAC-SHA256, 32 bytes), for look-ups that must not store the value."""
        ...
