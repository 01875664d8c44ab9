"""Crowd: how many calls a provider takes at once, as its refusals teach it. Pure."""

from dataclasses import dataclass, replace
from typing import Final

STEP: Final = 0.75
"""Share of the calls at once that is left after a refusal."""
LONGEST: Final = 3600.0
"""Seconds after which one more is tried in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Calls in flight that one account may have. A value; times are monotonic seconds."""

    allowed: int
    window: float
    good: int | None = None
    """How many were taken so far, once it has refused; None before."""
    since: float = 0.0
    times: int = 0
    """How often in a row more than `good` was refused."""

    def limit(self, now: float) -> int:
        """Calls at once as believed now: one more in every window in which none was refused."""
        if self.good is None:
            return self.allowed
        patience = min(self.window * 2.0**self.times, LONGEST)
        tried = int(max(now - self.since - patience + self.window, 0.0) / self.window)
        return min(self.good + tried, self.allowed)

    def refused(self, now: float) -> "Crowd":
        """After a refusal because too many were in flight."""
        limit = self.limit(now)
        if self.good is not None and limit > self.good:
            # One more was tried, and was one too many: the next try comes later.
            return replace(self, good=limit - 1, since=now, times=self.times + 1)
        return replace(self, good=max(int(limit * STEP), 1), since=now, times=0)
