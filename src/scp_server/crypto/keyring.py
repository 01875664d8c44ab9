"""The key file: the server's root keys, and what is derived from them.

One key a line, `<kind> <id> <key>`, the key 32 bytes in base64url, the id derived from the key, so
that a damaged line is noticed. `#` begins a comment. Kinds:

    seal    wraps the data keys of sessions and seals what leaves the server. There may be
            several: the first one writes, all of them read.
    index   keyed hashes (of session ids, account subjects, audited item ids). Exactly one:
            what was hashed cannot be hashed anew, because only the hash is kept.
"""

import base64
import binascii
import hmac
import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scp_server.crypto.private_files import create_private, read_private
from scp_server.domain.errors import StartRefused

_LOG: Final = logging.getLogger(__name__)

KEY_BYTES: Final = 32
"""AES-256, and the output of SHA-256."""
KID_LENGTH: Final = 8
LEAST_DISTINCT_BYTES: Final = 16
"""32 random bytes have fewer than 16 distinct ones about once in 10^17 keys; a typed key has."""

Kind = Literal["seal", "index"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """One line of the key file."""

    kind: Kind
    kid: str
    secret: bytes = field(repr=False)


class Keyring:
    """The root keys, opened. It hands out derived keys only (HKDF-SHA256, RFC 5869)."""

    __slots__ = ("_index", "_seal", "current_kid")

    def __init__(self, keys: tuple[RootKey, ...]) -> None:
        """Take the keys as `parse` gives them: at least one `seal`, exactly one `index`."""
        seal = [key for key in keys if key.kind == "seal"]
        self._seal: Mapping[str, bytes] = {key.kid: key.secret for key in seal}
        (self._index,) = (key.secret for key in keys if key.kind == "index")
        self.current_kid: str = seal[0].kid

    def __repr__(self) -> str:
        return f"Keyring(current_kid={self.current_kid!r})"

    @property
    def kids(self) -> tuple[str, ...]:
        """The ids of all sealing keys."""
        return tuple(self._seal)

    def sealing_key(self, kid: str, purpose: str) -> bytes:
        """An AES-256 key for one purpose, under one of `kids`."""
        return _derive(self._seal[kid], f"scp seal {purpose}")

    def index_key(self, purpose: str) -> bytes:
        """An HMAC-SHA256 key for one purpose."""
        return _derive(self._index, f"scp index {purpose}")


def load_keyring(path: Path) -> Keyring:
    """Open the key file, made at the first start.

    Raises: StartRefused when it is malformed, weak or readable by others.
    """
    text = read_private(path)
    if text is None and create_private(path, _new_file()):
        _LOG.warning(
            "Made the key file %s. Back it up apart from the database: without it every stored"
            " session is lost, and with both anyone can read them.",
            path,
        )
    if text is None:
        text = read_private(path) or ""
    return parse_keys(text, path)


def parse_keys(text: str, path: Path) -> Keyring:
    """The keys in the text of a key file; `path` is for the messages.

    Raises: StartRefused.
    """
    keys = tuple(_parsed(text, path))
    if not any(key.kind == "seal" for key in keys):
        raise _refused(path, 'it has no line "seal <id> <key>"')
    if sum(key.kind == "index" for key in keys) != 1:
        raise _refused(path, 'it must have exactly one line "index <id> <key>"')
    if len({key.secret for key in keys}) != len(keys):
        raise _refused(path, "it holds the same key twice")
    return Keyring(keys)


def key_line(kind: Kind, secret: bytes) -> str:
    """A key as a line of the key file."""
    encoded = base64.urlsafe_b64encode(secret).decode()
    return f"{kind} {key_id(secret)} {encoded}"


def key_id(secret: bytes) -> str:
    """A key's id: it tells keys apart and reveals nothing of them."""
    return hmac.digest(secret, b"scp key id", "sha256").hex()[:KID_LENGTH]


def _new_file() -> str:
    lines = (
        "# The keys of an SCP streaming server. Keep a copy apart from the database.",
        "# Whoever has this file and the database can read every stored token.",
        key_line("seal", secrets.token_bytes(KEY_BYTES)),
        key_line("index", secrets.token_bytes(KEY_BYTES)),
    )
    return "\n".join(lines) + "\n"


def _parsed(text: str, path: Path) -> Iterator[RootKey]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words:
            yield _key(words, path, number)


def _key(words: list[str], path: Path, number: int) -> RootKey:
    # No message quotes the line: it may hold most of a key.
    if len(words) != 3:
        raise _refused(path, f'line {number} is not "<kind> <id> <key>"')
    kind, kid, encoded = words
    if kind not in ("seal", "index"):
        raise _refused(
            path, f"line {number} begins with a kind that is neither seal nor index, perhaps of a"
            " later release"
        )  # fmt: skip
    try:
        secret = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused(path, f"the key in line {number} is not base64url") from None
    if len(secret) != KEY_BYTES:
        raise _refused(path, f"the key in line {number} has {len(secret)} bytes, not {KEY_BYTES}")
    if len(set(secret)) < LEAST_DISTINCT_BYTES:
        raise _refused(path, f"the key in line {number} is not random")
    if not hmac.compare_digest(key_id(secret).encode(), kid.encode()):
        raise _refused(path, f"the id and the key in line {number} do not belong together")
    return RootKey(kind="seal" if kind == "seal" else "index", kid=kid, secret=secret)


def _refused(path: Path, fault: str) -> StartRefused:
    return StartRefused(
        f"The key file {path} cannot be used: {fault}. Restore it from its backup; only if no"
        " session is to be kept, remove it together with the database."
    )


def _derive(secret: bytes, info: str) -> bytes:
    return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=info.encode()).derive(secret)
