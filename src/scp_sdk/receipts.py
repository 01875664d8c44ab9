"""What the reader has processed, and when the server is to be told. No I/O, no clock.

Times are those of `anyio.current_time`.
"""

from math import inf
from typing import Final

EVERY: Final = 16
"""Events after which the server is told at once."""
WITHIN: Final = 0.25
"""Seconds after which it is told of even one."""


class Receipts:
    """The events of one connection that were processed and not yet acknowledged."""

    def __init__(self, place: str | None = None) -> None:
        self._place = place
        self._count = 0
        self._since = inf

    def took(self, place: str | None, now: float) -> None:
        """Everything up to that event was processed."""
        if place is None or place == self._place:
            return
        self._place = place
        if not self._count:
            self._since = now
        self._count += 1

    @property
    def due_at(self) -> float:
        """When the server is to be told; infinite when there is nothing to tell."""
        return -inf if self._count >= EVERY else self._since + WITHIN

    def tell(self) -> str | None:
        """The place to acknowledge, which is taken to be told now; None: nothing new."""
        if not self._count:
            return None
        self._count, self._since = 0, inf
        return self._place
