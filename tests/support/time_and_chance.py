"""A clock that is turned by hand, and chance that is counted."""

import secrets


class TurnedClock:
    """Both clocks of the port, moved together by `turn`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._monotonic += seconds


class RecordedChance:
    """True randomness that remembers what it gave, so that tests can look for it."""

    def __init__(self, uniform: float = 0.5) -> None:
        self._uniform = uniform
        self.given: list[tuple[int, str]] = []

    def token(self, bits: int) -> str:
        value = secrets.token_urlsafe(-(-bits // 8))
        self.given.append((bits, value))
        return value

    def uniform(self) -> float:
        return self._uniform
