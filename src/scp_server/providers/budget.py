"""Budget: what one account may do at one service right now. A value, and what happens to it.

Nothing here waits or looks at a clock; times are monotonic seconds, handed in. Units count from
before a call is sent until a window after it was answered: the provider counted it somewhere
between, so no window of the provider's can ever hold more than ours.
"""

from dataclasses import dataclass, replace
from typing import Final

from scp_server.providers.belief import Belief
from scp_server.providers.crowd import Crowd
from scp_server.providers.tariff import Allowance

SLACK: Final = 0.25
"""Seconds added to a window: clocks and timers are not exact."""
GRAIN: Final = 600
"""Parts of a window within which what was spent is kept as one entry."""
NEAR: Final = 0.1
"""At most this share of the budget remains: consumers are told."""
FIRST_HOLD: Final = 1.0
MAX_HOLD: Final = 64.0
"""Google: truncated exponential backoff, 32 to 64 s (workspace/gmail handle-errors guide)."""
BELIEVED: Final = 2
"""Refusals in a row until which a time the provider names is taken at its word."""
INSTANT: Final = 1e-6
"""Seconds below which two times are the same, whatever adding them up did to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The calls that the first in a queue wants to make, in their order."""

    prices: tuple[int, ...]
    live: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """Units that count until a moment."""

    since: float
    until: float
    units: int
    live: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """Units that count against a window: those of following, and those of all the rest."""

    live: int = 0
    rest: int = 0

    @property
    def total(self) -> int:
        """Of both kinds."""
        return self.live + self.rest

    def of(self, wanted: Wanted) -> int:
        """Of the kind that is wanted."""
        return self.live if wanted.live else self.rest

    def plus(self, units: int, *, live: bool) -> "Usage":
        """With more of one kind."""
        return Usage(self.live + units * live, self.rest + units * (not live))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One account at one service."""

    allowance: Allowance
    belief: Belief
    crowd: Crowd
    spent: tuple[Entry, ...] = ()
    counted: Usage = Usage()
    """Units of all that is in `spent`."""
    granted: tuple[Entry, ...] = ()
    flying: Usage = Usage()
    """Units of the calls in flight."""
    flying_calls: int = 0
    hold_until: float = 0.0
    refusals: int = 0
    """Those that count: each grant halves them, for one kind of call may pass all the time."""
    told_until: float = 0.0
    """Until then consumers need not be told again that it is short."""

    @property
    def used(self) -> Usage:
        """Units spent in the window, those in flight included."""
        return Usage(self.counted.live + self.flying.live, self.counted.rest + self.flying.rest)

    def limit(self, now: float) -> int:
        """Units a window is believed to hold."""
        return self.belief.limit(now)

    def remaining(self, now: float) -> int:
        """Units that can still be spent now."""
        return max(self.limit(now) - forgotten(self, now).used.total, 0)

    def idle(self, now: float) -> bool:
        """Whether nothing would be lost by forgetting it."""
        rest = forgotten(self, now)
        quiet = now >= max(self.hold_until, self.told_until) and self.belief.settled(now)
        quiet = quiet and self.crowd.limit(now) == self.allowance.calls_in_flight
        return quiet and not (rest.spent or rest.granted or rest.flying_calls)


def opened(allowance: Allowance) -> Budget:
    """A budget of which nothing is spent."""
    belief = Belief(published=allowance.units, window=allowance.window)
    crowd = Crowd(allowed=allowance.calls_in_flight, window=allowance.window)
    return Budget(allowance=allowance, belief=belief, crowd=crowd)


def taken(budget: Budget, wanted: Wanted, now: float) -> Budget:
    """These calls go now."""
    return replace(
        forgotten(budget, now),
        flying=budget.flying.plus(sum(wanted.prices), live=wanted.live),
        flying_calls=budget.flying_calls + len(wanted.prices),
    )


def landed(budget: Budget, wanted: Wanted, now: float) -> Budget:
    """These calls are over, whatever became of them."""
    units, window = sum(wanted.prices), budget.allowance.window
    entry = Entry(now, now + window + SLACK, units, wanted.live)
    return replace(
        budget,
        spent=_noted(budget.spent, entry, window / GRAIN),
        counted=budget.counted.plus(units, live=wanted.live),
        flying=budget.flying.plus(-units, live=wanted.live),
        flying_calls=budget.flying_calls - len(wanted.prices),
    )


def granted(budget: Budget, units: int, now: float) -> Budget:
    """The provider granted a call of so many units."""
    window = budget.allowance.window
    entry = Entry(now, now + window, units, live=False)
    log = _noted(_current(budget.granted, now), entry, window / GRAIN)
    belief = budget.belief.granted(sum(e.units for e in log), now)
    return replace(budget, granted=log, belief=belief, refusals=budget.refusals // 2)


def refused(
    budget: Budget,
    retry_after: float | None,
    now: float,
    *,
    jitter: float,
    at_once: bool = False,
) -> Budget:
    """The provider said that it was too much: all of it holds still, and less is believed.

    `retry_after` in seconds, None when it did not say. Then, or when it refuses again after that
    time, each refusal in a row holds twice as long as the one before. `jitter` in [0, 1) spreads
    accounts that were refused together.
    `at_once`: the calls in flight were too many, not the units.
    """
    own = min(FIRST_HOLD * 2.0 ** min(budget.refusals, 10), MAX_HOLD) * (1 + jitter) / 2
    said = own if retry_after is None else retry_after
    hold = said if budget.refusals < BELIEVED else max(said, own)
    until = max(budget.hold_until, now + hold)
    held = replace(budget, hold_until=until, refusals=budget.refusals + 1)
    if budget.refusals or now < budget.hold_until - INSTANT:
        # What was under way when it was refused first tells nothing new.
        return replace(held, belief=budget.belief.held(until))
    if at_once:
        return replace(held, crowd=budget.crowd.refused(now))
    log = _current(budget.granted, now)
    belief = budget.belief.refused(sum(e.units for e in log), now, until)
    return replace(held, granted=log, belief=belief)


def forgotten(budget: Budget, now: float) -> Budget:
    """The budget without what was spent more than a window ago."""
    spent = _current(budget.spent, now)
    if spent is budget.spent:
        return budget
    counted = budget.counted
    for entry in budget.spent[: len(budget.spent) - len(spent)]:
        counted = counted.plus(-entry.units, live=entry.live)
    return replace(budget, spent=spent, counted=counted)


def short(budget: Budget, now: float) -> bool:
    """Whether consumers are to be told now that little remains, or that it holds still."""
    if now < budget.told_until:
        return False
    return now < budget.hold_until or budget.remaining(now) <= budget.limit(now) * NEAR


def told(budget: Budget, now: float) -> Budget:
    """Consumers have been told: not again within this window."""
    return replace(budget, told_until=now + budget.allowance.window)


def resets_in(budget: Budget, now: float) -> float:
    """Seconds until there is more to spend than now."""
    spent = _current(budget.spent, now)
    frees = spent[0].until - now if spent else 0.0
    return max(frees, budget.hold_until - now, 0.0)


def _current(entries: tuple[Entry, ...], now: float) -> tuple[Entry, ...]:
    for place, entry in enumerate(entries):
        if entry.until > now + INSTANT:
            return entries[place:] if place else entries
    return ()


def _noted(entries: tuple[Entry, ...], new: Entry, grain: float) -> tuple[Entry, ...]:
    """With one more; what is of the same kind and about the same time becomes one."""
    for place in range(len(entries) - 1, max(len(entries) - 3, -1), -1):
        last = entries[place]
        if new.since - last.since > grain:
            break
        if last.live == new.live:
            whole = replace(last, until=new.until, units=last.units + new.units)
            return (*entries[:place], *entries[place + 1 :], whole)
    return (*entries, new)
