"""An exact sliding window: at most `limit` hits in any `window` seconds.

A log of the times of accepted hits, as long as the limit. A counter over two windows would be
smaller but refuses who did exactly what the reset time said. Refused hits are not recorded.
"""

from collections import deque
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Policy:
    """A named limit. `limit` 0 switches it off; `window` in seconds."""

    name: str
    limit: int
    window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a limit says of one hit. `reset_in`: seconds until a place is free (or would be)."""

    policy: Policy
    allowed: bool
    remaining: int
    reset_in: float
    at: float | None = None
    """When the hit was counted, by which it can be taken back. None when it was not counted."""


class SlidingLog:
    """One key's log of one policy. Times are monotonic seconds, handed in."""

    __slots__ = ("_hits", "_policy")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._hits: deque[float] = deque()

    def hit(self, now: float) -> Verdict:
        """Count a hit if there is a place for it."""
        verdict = self.look(now)
        if not verdict.allowed or self._policy.limit == 0:
            return verdict
        self._hits.append(now)
        return replace(self.look_after(now), at=now)

    def take_back(self, at: float) -> None:
        """Forget the hit that was counted at that time; what came of it did not happen."""
        if at in self._hits:
            self._hits.remove(at)

    def look(self, now: float) -> Verdict:
        """What a hit now would be answered, without counting it."""
        self._forget(now)
        return self._verdict(now, allowed=self._remaining() > 0)

    def look_after(self, now: float) -> Verdict:
        """The verdict of a hit that was just counted."""
        return self._verdict(now, allowed=True)

    def idle(self, now: float) -> bool:
        """Whether nothing is remembered, so that the log can be thrown away."""
        self._forget(now)
        return not self._hits

    def _forget(self, now: float) -> None:
        while self._hits and self._hits[0] <= now - self._policy.window:
            self._hits.popleft()

    def _remaining(self) -> int:
        return 1 if self._policy.limit == 0 else self._policy.limit - len(self._hits)

    def _verdict(self, now: float, *, allowed: bool) -> Verdict:
        reset_in = self._hits[0] + self._policy.window - now if self._hits else self._policy.window
        return Verdict(
            policy=self._policy, allowed=allowed, remaining=self._remaining(), reset_in=reset_in
        )
