"""An exact sliding window: at most `limit` hits in any `window` seconds.

A log of the times of accepted hits. A counter over two windows would be smaller but refuses who
did exactly what the reset time said. Refused hits are not recorded; hits of one moment are kept as
one line, and of a very large limit all hits of a moment's length: so a large limit is no large log.
"""

import math
from dataclasses import dataclass
from typing import Final

from msgspec import Struct, structs

MOST_LINES: Final = 4096
"""A log has about so many lines at most."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A named limit. `limit` 0 switches it off; `window` in seconds."""

    name: str
    limit: int
    window: float


class Verdict(Struct, frozen=True, kw_only=True, gc=False):
    """What a limit says of one hit. `reset_in`: seconds until a place is free (or would be)."""

    policy: Policy
    allowed: bool
    remaining: int
    reset_in: float
    at: float | None = None
    """When the hit was counted, by which it can be taken back. None when it was not counted."""


class SlidingLog:
    """One key's log of one policy. Times are monotonic seconds, handed in."""

    __slots__ = ("_count", "_grain", "_hits", "_policy", "_since")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._grain = policy.window / MOST_LINES if policy.limit > MOST_LINES else 0.0
        """Hits this close count as the last of them: too late rather than too early."""
        self._since = 0.0
        """When the first hit of the last line was."""
        self._hits: list[tuple[float, int]] = []
        self._count = 0

    def hit(self, now: float) -> Verdict:
        """Count a hit if there is a place for it."""
        verdict = self.look(now)
        if not verdict.allowed or self._policy.limit == 0:
            return verdict
        self._add(now, 1)
        return structs.replace(self.look_after(now), at=now)

    def grant(self, now: float, wanted: int, few: int = 0) -> int:
        """Count as many of `wanted` hits as there are places for, and say how many.

        It stops where `few` places are left; from there on it goes to the end.
        """
        if self._policy.limit == 0:
            return wanted
        if self._hits:
            self._forget(now)
        left = self._policy.limit - self._count
        granted = min(wanted, left - few if left > few else left)
        if granted:
            self._add(now, granted)
        return granted

    def take_back(self, at: float) -> None:
        """Forget a hit that was counted at that time; what came of it did not happen."""
        for i, (moment, count) in enumerate(self._hits):
            if moment == at:
                self._count -= 1
                if count == 1:
                    del self._hits[i]
                    # What is counted at this moment again begins a line of its own.
                    self._since = -math.inf
                else:
                    self._hits[i] = (moment, count - 1)
                return

    def look(self, now: float) -> Verdict:
        """What a hit now would be answered, without counting it."""
        self._forget(now)
        return self._verdict(now, allowed=self._remaining() > 0)

    def look_after(self, now: float) -> Verdict:
        """The verdict of a hit that was just counted."""
        return self._verdict(now, allowed=True)

    def nearly_used(self, now: float, few: int) -> Verdict | None:
        """The verdict of a hit that was just counted, once `few` places are left or fewer."""
        if self._policy.limit - self._count > few:
            return None
        return self.look_after(now)

    def idle(self, now: float) -> bool:
        """Whether nothing is remembered, so that the log can be thrown away."""
        self._forget(now)
        return not self._hits

    def _add(self, now: float, count: int) -> None:
        self._count += count
        if self._hits and now - self._since <= self._grain:
            count += self._hits.pop()[1]
        else:
            self._since = now
        self._hits.append((now, count))

    def _forget(self, now: float) -> None:
        while self._hits and self._hits[0][0] <= now - self._policy.window:
            self._count -= self._hits.pop(0)[1]

    def _remaining(self) -> int:
        return 1 if self._policy.limit == 0 else self._policy.limit - self._count

    def _verdict(self, now: float, *, allowed: bool) -> Verdict:
        first = self._hits[0][0] if self._hits else now
        return Verdict(
            policy=self._policy,
            allowed=allowed,
            remaining=self._remaining(),
            reset_in=first + self._policy.window - now,
        )
