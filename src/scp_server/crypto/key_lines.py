"""The text of a key file: the server's root keys, one a line.

    <kind> <id> <key>       # a comment

The key is 32 bytes in base64url; the id is derived from it, so that a damaged line is noticed.
Kinds:

    seal    wraps the data keys of sessions and seals what leaves the server. There may be
            several: the first one writes, all of them read.
    next    the sealing key of a rotation that has begun: it reads, and does not write yet.
    index   keyed hashes (of session ids, account subjects, audited item ids). Exactly one:
            what was hashed cannot be hashed anew, because only the hash is kept.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal, get_args

KEY_BYTES: Final = 32
"""AES-256, and the output of SHA-256."""
KID_LENGTH: Final = 8
LEAST_DISTINCT_BYTES: Final = 16
"""32 random bytes have fewer than 16 distinct ones about once in 10^17 keys; a typed key has."""
_PRINTABLE: Final = frozenset(range(0x20, 0x7F))
"""32 random bytes are all of these about once in 10^13 keys; a passphrase always is."""

Kind = Literal["seal", "next", "index"]


class KeyFault(ValueError):
    """What is wrong with the text of a key file. It never quotes a line: that may hold a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """One line of the key file."""

    kind: Kind
    kid: str
    secret: bytes = field(repr=False)


def root_keys(text: str) -> tuple[RootKey, ...]:
    """The keys in the text, in its order: at least one `seal`, exactly one `index`.

    Raises: KeyFault.
    """
    keys = tuple(
        _key(words, number)
        for number, line in enumerate(text.splitlines(), start=1)
        if (words := _words(line))
    )
    kinds = [key.kind for key in keys]
    if "seal" not in kinds:
        raise KeyFault('there is no line "seal <id> <key>"')
    if kinds.count("index") != 1:
        raise KeyFault('there must be exactly one line "index <id> <key>"')
    if kinds.count("next") > 1:
        raise KeyFault('there is more than one line "next <id> <key>"')
    if len({key.secret for key in keys}) != len(keys):
        raise KeyFault("the same key is there twice")
    return keys


def key_line(kind: Kind, secret: bytes) -> str:
    """A key as a line of the key file."""
    encoded = base64.urlsafe_b64encode(secret).decode()
    return f"{kind} {key_id(secret)} {encoded}"


def new_line(kind: Kind) -> str:
    """A line with a key nobody has seen before."""
    return key_line(kind, secrets.token_bytes(KEY_BYTES))


def key_id(secret: bytes) -> str:
    """A key's id: it tells keys apart and reveals nothing of them."""
    return hmac.digest(secret, b"scp key id", "sha256").hex()[:KID_LENGTH]


def new_text() -> str:
    """The text of a new key file."""
    lines = (
        "# The keys of an SCP streaming server. Keep a copy apart from the database.",
        "# Whoever has this file and the database can read every stored token.",
        new_line("seal"),
        new_line("index"),
    )
    return "\n".join(lines) + "\n"


def with_next(text: str, line: str) -> str:
    """The text with a rotation begun: the line of kind `next` at its end."""
    return "\n".join((*text.splitlines(), line)) + "\n"


def with_next_first(text: str) -> str:
    """The text with the key of kind `next` as its first sealing key: from now on it writes."""
    lines = text.splitlines()
    waiting = next(line for line in lines if _words(line)[:1] == ["next"])
    rest = [line for line in lines if line is not waiting]
    first = next(at for at, line in enumerate(rest) if _words(line)[:1] == ["seal"])
    return "\n".join((*rest[:first], waiting.replace("next", "seal", 1), *rest[first:])) + "\n"


def without(text: str, kid: str) -> str:
    """The text without the line of a key."""
    return "\n".join(_without(text, kid)) + "\n"


def _without(text: str, kid: str) -> Iterator[str]:
    return (line for line in text.splitlines() if _words(line)[1:2] != [kid])


def _words(line: str) -> list[str]:
    return line.split("#", 1)[0].split()


def _key(words: list[str], number: int) -> RootKey:
    if len(words) != 3:
        raise KeyFault(f'line {number} is not "<kind> <id> <key>"')
    kind, kid, encoded = words
    known = [each for each in get_args(Kind) if each == kind]
    if not known:
        raise KeyFault(
            f"line {number} begins with a kind that is neither seal, next nor index, perhaps of a"
            " later release"
        )
    try:
        secret = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise KeyFault(f"the key in line {number} is not base64url") from None
    if len(secret) != KEY_BYTES:
        raise KeyFault(f"the key in line {number} has {len(secret)} bytes, not {KEY_BYTES}")
    if _weak(secret):
        raise KeyFault(f"the key in line {number} is not random")
    if not hmac.compare_digest(key_id(secret).encode(), kid.encode()):
        raise KeyFault(f"the id and the key in line {number} do not belong together")
    return RootKey(kind=known[0], kid=kid, secret=secret)


def _weak(secret: bytes) -> bool:
    """Whether somebody typed it: a pattern, a count, a passphrase."""
    steps = {(after - before) % 256 for before, after in pairwise(secret)}
    return (
        len(set(secret)) < LEAST_DISTINCT_BYTES or len(steps) == 1 or _PRINTABLE.issuperset(secret)
    )
