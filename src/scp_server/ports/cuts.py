"""Cuts: consumers that may not stay."""

from collections.abc import Callable
from typing import Protocol


class Cuts(Protocol):
    """Implemented by the engine."""

    def cut_off(self, whom: Callable[[int, int | None], bool], why: str) -> int:
        """Tell and disconnect consumers; how many. `whom` is asked with the session's number and
        that of the agent whose key was presented.
        """
        ...

    def agents_here(self) -> frozenset[int]:
        """The agents whose keys let somebody in who is still here."""
        ...
