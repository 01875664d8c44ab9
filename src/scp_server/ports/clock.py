"""Clock: what time it is. Handed in wherever a decision depends on it."""

from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for people and databases, one for intervals."""

    def now(self) -> float:
        """Epoch seconds. May jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some start. Never goes back."""
        ...
