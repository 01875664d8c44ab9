"""The sandbox's clock: wall time plus an offset that a test may turn."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

MOST_SECONDS = 100 * 365 * 86_400


class Clock:
    """Tells the time to everything in the sandbox; only ever turned forward.

    `wall` returns seconds since the epoch and is handed in by tests that want no wall at all.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._offset = 0.0

    @property
    def offset(self) -> float:
        """Seconds this clock is ahead of the wall."""
        return self._offset

    def advance(self, seconds: float) -> None:
        """Turns the clock forward by `seconds`.

        Raises:
            ValueError: when asked to go back: serial numbers of tokens and mail follow the clock.
        """
        if not 0 <= seconds + self._offset <= MOST_SECONDS or seconds < 0:
            raise ValueError("the clock only goes forward, and by a hundred years at most")
        self._offset += seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._wall() + self._offset

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as Gmail's `internalDate`."""
        return int(self.now() * 1000)

    def now_us(self) -> int:
        """Microseconds since the epoch, as in Calendar's etags."""
        return int(self.now() * 1_000_000)

    def moment(self) -> datetime:
        """Now as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)
