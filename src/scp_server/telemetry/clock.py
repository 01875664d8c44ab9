"""The system's own clock and chance, behind the ports."""

import random
import secrets
import time


class SystemClock:
    """What time it is. See the port `Clock`."""

    __slots__ = ()

    def now(self) -> float:
        """Epoch seconds. May jump."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some start. Never goes back."""
        return time.monotonic()


class SystemChance:
    """Randomness of the operating system for tokens; a plain generator for jitter."""

    __slots__ = ("_jitter",)

    def __init__(self) -> None:
        self._jitter = random.Random()  # noqa: S311  (jitter only)

    def token(self, bits: int) -> str:
        """At least `bits` random bits, URL-safe, from a cryptographic source."""
        return secrets.token_urlsafe((bits + 7) // 8)

    def uniform(self) -> float:
        """A number in [0, 1), for jitter only."""
        return self._jitter.random()
