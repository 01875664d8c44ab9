"""Envelope encryption: a data key per session, wrapped by the key-encryption key.

AES-256-GCM throughout. A sealed value is text, `scp1.<kid>.<nonce>.<ciphertext>`: the scheme's
version, the id of the key it is under, then base64url. Its associated data names table, session,
row and field, so that a value moved elsewhere does not open (reference: OWASP ASVS 5.0, 11.3.3).
"""

import base64
import binascii
import os
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scp_server.crypto.key_lines import KEY_BYTES, key_id
from scp_server.crypto.keyring import Keyring
from scp_server.domain.errors import SealBroken
from scp_server.ports.envelopes import Field

SCHEME: Final = "scp1"
_PURPOSE: Final = "data keys"
NONCE_BYTES: Final = 12
"""Random nonces are good for 2^32 values a key (NIST SP 800-38D, 8.3); a session has far fewer."""


class _Blob(NamedTuple):
    kid: str
    nonce: bytes
    ciphertext: bytes


class KeyringEnvelopes:
    """Envelopes whose key-encryption keys are the server's root keys. See the port `Envelopes`."""

    __slots__ = ("_keyring",)

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def new_key(self, session_pk: int) -> str:
        """A fresh data key for that session, wrapped."""
        return self._wrapped(session_pk, AESGCM.generate_key(bit_length=KEY_BYTES * 8))

    def rewrapped(self, session_pk: int, wrapped_key: str) -> str:
        """The same data key, wrapped by the key that writes now.

        Raises: SealBroken when it does not open.
        """
        return self._wrapped(session_pk, self._unwrapped(session_pk, wrapped_key))

    def has(self, kid: str) -> bool:
        """Whether there is a root key of that id."""
        return self._keyring.cipher(kid, _PURPOSE) is not None

    def seal(self, wrapped_key: str, field: Field, plain: bytes) -> str:
        """Seal a value for one field of one row.

        Raises: SealBroken when the data key does not open.
        """
        kid, key = self._data_key(wrapped_key, field.session_pk)
        return _sealed(key, kid, _place(field), plain)

    def open(self, wrapped_key: str, field: Field, sealed: str) -> bytes:
        """What was sealed for exactly this field.

        Raises: SealBroken.
        """
        kid, key = self._data_key(wrapped_key, field.session_pk)
        blob = _parsed(sealed)
        if blob.kid != kid:
            raise SealBroken(f"A sealed {field.name} is under another data key than its session's.")
        return _opened(key, blob, _place(field), field.name)

    def _data_key(self, wrapped_key: str, session_pk: int) -> tuple[str, AESGCM]:
        plain = self._unwrapped(session_pk, wrapped_key)
        return key_id(plain), AESGCM(plain)

    def _wrapped(self, session_pk: int, plain: bytes) -> str:
        kid, wrapping = self._keyring.writing(_PURPOSE)
        return _sealed(wrapping, kid, _key_place(session_pk), plain)

    def _unwrapped(self, session_pk: int, wrapped_key: str) -> bytes:
        blob = _parsed(wrapped_key)
        wrapping = self._keyring.cipher(blob.kid, _PURPOSE)
        if wrapping is None:
            raise SealBroken(
                f"There is no key {blob.kid!r}. Restore the keys that belong to this database."
            )
        return _opened(wrapping, blob, _key_place(session_pk), "data key")


def _sealed(key: AESGCM, kid: str, place: tuple[str, ...], plain: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = key.encrypt(nonce, plain, _associated(kid, place))
    return f"{SCHEME}.{kid}.{_text(nonce)}.{_text(ciphertext)}"


def _opened(key: AESGCM, blob: _Blob, place: tuple[str, ...], name: str) -> bytes:
    try:
        return key.decrypt(blob.nonce, blob.ciphertext, _associated(blob.kid, place))
    except InvalidTag:
        raise SealBroken(
            f"A sealed {name} does not open: it was damaged, or belongs elsewhere."
        ) from None


def _parsed(sealed: str) -> _Blob:
    try:
        scheme, kid, nonce, ciphertext = sealed.split(".")
        blob = _Blob(kid, _bytes(nonce), _bytes(ciphertext))
    except (ValueError, binascii.Error):
        raise SealBroken("A sealed value is damaged.") from None
    if scheme != SCHEME or len(blob.nonce) != NONCE_BYTES:
        raise SealBroken("A sealed value is of a scheme this release does not know.")
    return blob


def _key_place(session_pk: int) -> tuple[str, ...]:
    return ("vault", str(session_pk), "", "data key")


def _place(field: Field) -> tuple[str, ...]:
    return (field.table, str(field.session_pk), field.row, field.name)


def _associated(kid: str, place: tuple[str, ...]) -> bytes:
    # Each part with its length before it: no two places are spelled alike.
    parts = [part.encode() for part in (SCHEME, kid, *place)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _bytes(text: str) -> bytes:
    value = base64.b64decode(text, altchars=b"-_", validate=True)
    if _text(value) != text:
        # Base64 has spare bits at the end: one spelling only.
        raise ValueError("not canonical")
    return value
