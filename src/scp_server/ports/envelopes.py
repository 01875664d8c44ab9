"""Envelopes: what is kept of a session, sealed under a key of that session alone."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where a sealed value belongs. It opens there and nowhere else."""

    session_pk: int
    table: str
    row: str
    name: str


class Envelopes(Protocol):
    """A data key per session, wrapped by the server's key-encryption key.

    A wrapped key is a text that begins with `scp1.<kid>.`, the id of the root key it is under.
    Only the wrapped key is stored. Deleting it makes all that was sealed under it unreadable, in
    every copy of the database.
    """

    def new_key(self, session_pk: int) -> str:
        """A fresh data key for that session, wrapped."""
        ...

    def rewrapped(self, session_pk: int, wrapped_key: str) -> str:
        """The same data key, wrapped by the root key that writes now.

        Raises: SealBroken when it does not open.
        """
        ...

    def has(self, kid: str) -> bool:
        """Whether there is a root key of that id."""
        ...

    def seal(self, wrapped_key: str, field: Field, plain: bytes) -> str:
        """Seal a value for one field of one row.

        Raises: SealBroken when the data key does not open.
        """
        ...

    def open(self, wrapped_key: str, field: Field, sealed: str) -> bytes:
        """What was sealed for exactly this field.

        Raises: SealBroken for anything else: another row, field or session, damage, a lost key.
        """
        ...
