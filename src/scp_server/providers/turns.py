"""Turns: who may go now of those that wait for one budget, and with how much. Pure.

Following goes first. A backfill leaves it a reserve, and is left a share. A batch that does not
fit goes in part, though not in small pieces if more soon fits: they would come back every window.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final

from scp_server.providers.budget import INSTANT, Budget, Usage, Wanted, forgotten

RESERVE: Final = 0.02
"""Share that backfills leave to following, so that a look at what changed seldom waits."""
LEAST_RESERVE: Final = 2
"""Units, where the share is less than that."""
LIVE_SHARE: Final = 0.8
"""The most that following takes while a backfill waits."""
PIECE: Final = 4
"""Less than a quarter of a batch goes only when no more of it fits soon."""
SOON: Final = 12
"""Soon is within a twelfth of a window."""
LOOKS: Final = 60
"""How often in a window a limit that rises is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Who goes now: `calls` of the live or the other queue's first; or none of them (0).

    Then `wait` is how many seconds until one may, None when some call has to come back first.
    """

    live: bool = False
    calls: int = 0
    wait: float | None = None


def turn(budget: Budget, live: Wanted | None, rest: Wanted | None, now: float) -> Turn:
    """Whose turn it is, of the first that follows and the first that backfills."""
    if now < budget.hold_until - INSTANT:
        return Turn(wait=budget.hold_until - now)
    if budget.refusals and budget.flying_calls:
        # Whether it takes calls again is for one request to find out.
        return Turn()
    books = _Books(forgotten(budget, now), now, contended=rest is not None)
    if live is None:
        return Turn() if rest is None else books.verdict(rest)
    ahead = books.verdict(live)
    if ahead.calls or rest is None or not books.sated(live):
        return ahead
    other = books.verdict(rest)
    return other if other.calls else Turn(wait=_sooner(ahead.wait, other.wait))


@dataclass(frozen=True, slots=True)
class _Books:
    """A budget at a moment, to be asked what it allows."""

    budget: Budget
    now: float
    contended: bool = field(kw_only=True)
    """Whether a backfill waits."""

    def verdict(self, wanted: Wanted) -> Turn:
        """What `wanted` may do, were it alone."""
        wanted = self._possible(wanted)
        if self._crowded(wanted):
            return Turn()
        fits = self._fits(wanted, self.budget.used)
        if fits == 0:
            return Turn(wait=self._or_risen(self._frees(wanted, 1)))
        if fits * PIECE < len(wanted.prices) and not wanted.live:
            more = self._or_risen(self._frees(wanted, fits + 1))
            if more is not None and more <= self.budget.allowance.window / SOON:
                return Turn(wait=more)
        return Turn(live=wanted.live, calls=fits)

    def sated(self, wanted: Wanted) -> bool:
        """Whether only its share keeps following from going."""
        used = self.budget.used
        unbounded = wanted.prices[0] <= self.budget.limit(self.now) - used.total
        return unbounded and self._fits(wanted, used) == 0

    def _possible(self, wanted: Wanted) -> Wanted:
        """Those of the calls that an untouched budget would let go at once; at least one."""
        most = self._fits(wanted, Usage())
        if self._at_once < self.budget.allowance.calls_in_flight:
            # A larger batch goes alone, until the provider has refused one for its size.
            most = min(most, self._at_once)
        return replace(wanted, prices=wanted.prices[:most])

    @property
    def _at_once(self) -> int:
        return self.budget.crowd.limit(self.now)

    def _crowded(self, wanted: Wanted) -> bool:
        # A batch of more calls than may be in flight goes when none is.
        flying = self.budget.flying_calls
        return flying > 0 and flying + len(wanted.prices) > self._at_once

    def _fits(self, wanted: Wanted, used: Usage) -> int:
        """How many of the calls fit beside what is used."""
        room = self._room(wanted, used)
        fits = sum(total <= room for total in accumulate(wanted.prices))
        return fits or int(self._alone(wanted, used))

    def _alone(self, wanted: Wanted, used: Usage) -> bool:
        # One call that costs more than a whole budget goes when nothing of its kind is spent.
        huge = wanted.prices[0] > self._room(wanted, Usage())
        return huge and used.of(wanted) == 0

    def _room(self, wanted: Wanted, used: Usage) -> int:
        limit = self.budget.limit(self.now)
        room = limit - used.total
        if not wanted.live:
            reserve = min(max(int(limit * RESERVE), LEAST_RESERVE), limit // 5)
            return room - max(reserve - used.live, 0)
        return min(room, int(limit * LIVE_SHARE) - used.live) if self.contended else room

    def _frees(self, wanted: Wanted, calls: int) -> float | None:
        """Seconds until so many fit as what is spent is forgotten; None when they never do."""
        for until, used in self._later():
            if self._fits(wanted, used) >= calls:
                return until - self.now
        return None

    def _later(self) -> Iterator[tuple[float, Usage]]:
        """When what was spent stops counting, and what then is still used."""
        used = self.budget.used
        for entry in self.budget.spent:
            used = used.plus(-entry.units, live=entry.live)
            yield entry.until, used

    def _or_risen(self, wait: float | None) -> float | None:
        rises = self.budget.belief.changes_at(self.now)
        if rises is None:
            return wait
        return _sooner(wait, max(rises - self.now, self.budget.allowance.window / LOOKS))


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((w for w in (one, other) if w is not None), default=None)
