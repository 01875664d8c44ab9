"""Chance: randomness, handed in."""

from typing import Protocol


class Chance(Protocol):
    """Where unguessable names and jitter come from."""

    def token(self, bits: int) -> str:
        """At least `bits` random bits, URL-safe, from a cryptographic source."""
        ...

    def uniform(self) -> float:
        """A number in [0, 1), for jitter only."""
        ...
