"""The bus of a single process: limits kept in memory."""

from collections import OrderedDict
from typing import Final

from scp_server.domain.sliding_log import Policy, SlidingLog, Verdict
from scp_server.ports.clock import Clock

SWEPT_AT_ONCE: Final = 4
"""Logs looked at per hit. More than one, so that idle logs go faster than new ones come."""


class MemoryRateLimits:
    """Exact sliding windows in memory, one log per policy and key. See the port `RateLimits`.

    There is no sweeping task: each hit looks at the few logs that were looked at longest ago and
    throws away those with nothing left in their window.
    """

    __slots__ = ("_clock", "_logs")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logs: OrderedDict[tuple[Policy, str], SlidingLog] = OrderedDict()

    async def hit(self, policy: Policy, key: str) -> Verdict:
        """Count a hit if there is room for it."""
        now = self._clock.monotonic()
        self._sweep(now)
        log = self._logs.get((policy, key))
        if log is None:
            log = SlidingLog(policy)
        verdict = log.hit(now)
        if not log.idle(now):
            self._logs[policy, key] = log
        return verdict

    async def take_back(self, policy: Policy, key: str, verdict: Verdict) -> None:
        """Forget a hit: what it was counted for came to nothing."""
        log = self._logs.get((policy, key))
        if log is not None and verdict.at is not None:
            log.take_back(verdict.at)

    async def look(self, policy: Policy, key: str) -> Verdict:
        """What a hit would be answered now, without counting it."""
        log = self._logs.get((policy, key)) or SlidingLog(policy)
        return log.look(self._clock.monotonic())

    def __len__(self) -> int:
        """How many logs are kept."""
        return len(self._logs)

    def _sweep(self, now: float) -> None:
        for _ in range(min(SWEPT_AT_ONCE, len(self._logs))):
            name, log = self._logs.popitem(last=False)
            if not log.idle(now):
                self._logs[name] = log
