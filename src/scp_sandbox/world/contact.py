"""A contact as the address book keeps it, for both providers."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["home", "work", "mobile", "other"]


@dataclass(frozen=True, slots=True)
class Handle:
    """An address or a telephone number, and what it is for."""

    value: str
    kind: Kind = "work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody in an address book, as it is now.

    `id` (16 hex digits) never changes; `number` is the public one of Google's `people/c…`, which
    may, and `former` are those it was. `change` is the book's counter at the last change;
    `created_us` and `updated_us` are microseconds since the epoch.
    """

    id: str
    number: int
    change: int
    created_us: int
    updated_us: int
    given: str
    family: str = ""
    emails: tuple[Handle, ...] = ()
    phones: tuple[Handle, ...] = ()
    company: str | None = None
    title: str | None = None
    notes: str | None = None
    former: tuple[int, ...] = ()
    deleted: bool = False

    @property
    def display(self) -> str:
        """The whole name."""
        return f"{self.given} {self.family}".strip()
