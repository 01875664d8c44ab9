"""A clock that runs ahead instead of letting anyone wait."""

import anyio
import anyio.lowlevel


class HurriedClock:
    """Both clocks of the port; whoever waits for a time finds that it has come."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._start = now
        self.passed = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self._start + self.passed

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    async def sleep(self, seconds: float) -> None:
        """As `anyio.sleep`, at once."""
        self.waits.append(seconds)
        self.passed += seconds
        await anyio.lowlevel.checkpoint()

    async def wait(self, event: anyio.Event, seconds: float | None) -> None:
        """As `quota.wait_real`: all others get their turn first, then the time has come."""
        if seconds is None:
            await event.wait()
            return
        await anyio.wait_all_tasks_blocked()
        if not event.is_set():
            await self.sleep(seconds)
