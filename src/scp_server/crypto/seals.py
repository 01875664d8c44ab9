"""Seals: values that leave the server and come back, and keyed hashes."""

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag

from scp_server.crypto.keyring import Keyring

_PURPOSE: Final = "seals"
KID_BYTES: Final = 4
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class KeyringSeals:
    """AES-256-GCM and HMAC-SHA256 under the server's root keys. See the port `Seals`.

    A seal is base64url without padding of key id (4 bytes), nonce (12), ciphertext and tag (16):
    43 characters more than the value itself in base64. The purpose is its associated data.
    """

    __slots__ = ("_index_keys", "_keyring")

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        # By purpose; purposes are literals in our own code, so this stays a handful.
        self._index_keys: dict[str, bytes] = {}

    def seal(self, purpose: str, plain: bytes) -> str:
        """A URL-safe text that only this server (and others with its keys) can open."""
        kid, cipher = self._keyring.writing(_PURPOSE)
        nonce = os.urandom(NONCE_BYTES)
        return _text(bytes.fromhex(kid) + nonce + cipher.encrypt(nonce, plain, purpose.encode()))

    def open(self, purpose: str, sealed: str) -> bytes | None:
        """What was sealed for that purpose; None when it is forged, damaged or another's."""
        blob = _bytes(sealed)
        if blob is None or len(blob) < KID_BYTES + NONCE_BYTES + TAG_BYTES:
            return None
        cipher = self._keyring.cipher(blob[:KID_BYTES].hex(), _PURPOSE)
        if cipher is None:
            return None
        nonce, ciphertext = blob[KID_BYTES:][:NONCE_BYTES], blob[KID_BYTES + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, ciphertext, purpose.encode())
        except InvalidTag:
            return None

    def kid_of(self, sealed: str) -> str | None:
        """The id of the root key that a seal is under; None when it is no seal."""
        blob = _bytes(sealed)
        return None if blob is None else blob[:KID_BYTES].hex()

    def fingerprint(self, purpose: str, value: bytes) -> bytes:
        """A keyed hash (HMAC-SHA256, 32 bytes), for look-ups that must not store the value."""
        key = self._index_keys.get(purpose)
        if key is None:
            key = self._index_keys[purpose] = self._keyring.index_key(purpose)
        return hmac.new(key, value, hashlib.sha256).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # Base64 has spare bits at the end: accept one spelling only.
    return value if _text(value) == text else None
