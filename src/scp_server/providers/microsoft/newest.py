"""What is new: whether an item was created after the last look, by the provider's own times.

Graph tells no difference between a new item and one that changed. So the time of the last look is
remembered, or of the latest creation that was seen where that is later, and, since times are in
whole seconds, which items were created in that second.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from scp_server.providers.foreign import text
from scp_server.providers.microsoft.values import moment_of
from scp_server.providers.moments import utc_of_ms

MOST: Final = 64
"""Items of one second that are remembered; one more is told as updated though it is new."""


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """What is new is created after this, or then and not among these (marks of their ids)."""

    at: str | None = None
    ids: tuple[str, ...] = ()

    def is_new(self, body: Mapping[str, Any]) -> bool:
        """Whether an item was created after everything that was seen."""
        created = _second(body)
        if created is None or self.at is None or created < self.at:
            return False
        if created > self.at:
            return True
        return len(self.ids) < MOST and _mark(body) not in self.ids

    def seen(self, body: Mapping[str, Any]) -> "Newest":
        """With one more item seen."""
        created = _second(body)
        if created is None or (self.at is not None and created < self.at):
            return self
        mark = _mark(body)
        if self.at is None or created > self.at:
            return Newest(at=created, ids=(mark,))
        if mark in self.ids or len(self.ids) >= MOST:
            return self
        return Newest(at=self.at, ids=(*self.ids, mark))

    def looked(self, at: float | None) -> "Newest":
        """With a look that was made then, by the provider's clock: what is older is not new."""
        moment = None if at is None else utc_of_ms(int(at) * 1000)
        if moment is None or (self.at is not None and moment <= self.at):
            return self
        return Newest(at=moment)


class Doubt:
    """Whether a consumer may hold an item that is new: a backfill may have told it since.

    So it is until a round of changes that began after the last step of a backfill has come to its
    end; and after a restart, since nobody knows what was told before it. An item that is new and
    out of the filter is then told as gone; else nobody could have it, and it is not told.
    """

    def __init__(self) -> None:
        self.open = True
        self._whole = False

    def listed(self) -> None:
        """A backfill takes a step."""
        self.open, self._whole = True, False

    def begins(self) -> None:
        """A round begins."""
        self._whole = True

    def ends(self) -> None:
        """A round has come to its end."""
        self.open = self.open and not self._whole


def _second(body: Mapping[str, Any]) -> str | None:
    """In which second it was created: so short, texts of times are in the order of times."""
    created = moment_of(body.get("createdDateTime"))
    return None if created is None else created[:19] + "Z"


def _mark(body: Mapping[str, Any]) -> str:
    return short_hash(text(body.get("id")) or "")


def short_hash(value: str) -> str:
    """A short mark of a long text, the same on every machine."""
    return hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=6).hexdigest()
