"""The server's root keys, opened, and what is derived from them.

What a key file says is in `key_lines`, where it comes from in `sources`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scp_server.crypto.key_lines import KEY_BYTES, KeyFault, RootKey, root_keys
from scp_server.domain.errors import StartRefused

MEND: Final = (
    "Restore the keys from their backup; only if no session is to be kept, begin with new keys and"
    " an empty database."
)


@dataclass(frozen=True, slots=True, repr=False)
class _Held:
    """The keys of one moment: exchanged as a whole, as threads seal while they are renewed."""

    seal: Mapping[str, bytes]
    current: str
    waiting: str | None
    index: bytes
    ciphers: dict[tuple[str, str], AESGCM] = field(default_factory=dict)


class Keyring:
    """The root keys. It hands out derived keys only (HKDF-SHA256, RFC 5869).

    The sealing keys can be renewed while the server runs; the index key stays.
    """

    __slots__ = ("_held", "_on_unknown")

    def __init__(self, keys: tuple[RootKey, ...]) -> None:
        """Take the keys as `root_keys` gives them: at least one `seal`, exactly one `index`."""
        self._held = _held(keys)
        self._on_unknown: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"Keyring(current_kid={self.current_kid!r})"

    @property
    def current_kid(self) -> str:
        """The id of the sealing key that writes."""
        return self._held.current

    @property
    def waiting_kid(self) -> str | None:
        """The id of the sealing key that will write next, while a rotation has just begun."""
        return self._held.waiting

    @property
    def kids(self) -> tuple[str, ...]:
        """The ids of all sealing keys, the writing one first."""
        return tuple(self._held.seal)

    def cipher(self, kid: str, purpose: str) -> AESGCM | None:
        """The cipher of a sealing key for one purpose; None when there is no such key."""
        if kid not in self._held.seal and self._on_unknown is not None:
            self._on_unknown()
        held = self._held
        known = held.ciphers.get((kid, purpose))
        if known is None and kid in held.seal:
            known = AESGCM(_derive(held.seal[kid], f"scp seal {purpose}"))
            held.ciphers[kid, purpose] = known
        return known

    def writing(self, purpose: str) -> tuple[str, AESGCM]:
        """The key that writes: its id, and its cipher for one purpose."""
        kid = self._held.current
        cipher = self.cipher(kid, purpose)
        # Another thread may have retired the key just now; then it has another one that writes.
        return self.writing(purpose) if cipher is None else (kid, cipher)

    def index_key(self, purpose: str) -> bytes:
        """An HMAC-SHA256 key for one purpose."""
        return _derive(self._held.index, f"scp index {purpose}")

    def on_unknown(self, look: Callable[[], None]) -> None:
        """Have this called before an unknown key counts as missing: it may `gain` from a ring."""
        self._on_unknown = look

    def renew(self, other: "Keyring") -> bool:
        """Hold the sealing keys of another ring; False when they are the same already.

        Raises: StartRefused when its index key is another: then no session would be found.
        """
        self._need_same_index(other)
        if (other.kids, other.waiting_kid) == (self.kids, self.waiting_kid):
            return False
        self._held = other._held  # noqa: SLF001  (of its own class)
        return True

    def gain(self, other: "Keyring") -> None:
        """Read with the sealing keys of another ring too, and go on writing as before.

        Raises: StartRefused, as `renew` does.
        """
        self._need_same_index(other)
        held, gained = self._held, other._held  # noqa: SLF001  (of its own class)
        self._held = _Held({**held.seal, **gained.seal}, held.current, held.waiting, held.index)

    def _need_same_index(self, other: "Keyring") -> None:
        if other._held.index != self._held.index:  # noqa: SLF001  (of its own class)
            raise StartRefused(
                "The index key is another than the one this server runs with. Put the former one"
                " back: nothing that was stored is found with another."
            )


def parse_keys(text: str, name: str | Path) -> Keyring:
    """The keys in the text of a key file; `name` says in messages where they come from.

    Raises: StartRefused.
    """
    try:
        return Keyring(root_keys(text))
    except KeyFault as exc:
        raise StartRefused(f"{name} cannot be used: {exc}. {MEND}") from None


def _held(keys: tuple[RootKey, ...]) -> _Held:
    seal = {key.kid: key.secret for key in keys if key.kind == "seal"}
    waiting = {key.kid: key.secret for key in keys if key.kind == "next"}
    (index,) = (key.secret for key in keys if key.kind == "index")
    return _Held({**seal, **waiting}, next(iter(seal)), next(iter(waiting), None), index)


def _derive(secret: bytes, info: str) -> bytes:
    return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=info.encode()).derive(secret)
