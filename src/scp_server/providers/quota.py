"""Quota: what may be asked of a provider right now, one budget per account and service.

Everything that reads one account at one service shares one budget: units in any minute, calls in
flight, and how long to hold still after the provider said no. Waiters are served in order, those
that follow changes ahead of those that backfill. A refused call is never waited for by hammering:
the whole budget holds until the provider's own time, or for twice as long each time it names none.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio

from scp_server.ports.clock import Clock
from scp_server.providers.tariff import Allowance, Price, Tariff

__all__ = ["WINDOW", "Allowance", "Governor", "Price", "Tariff", "Wait", "wait_real"]

WINDOW: Final = 61.0
"""Seconds. A second more than the provider's own minute: it counts a call when it arrives, so two
calls sent a minute apart may arrive closer than that."""
FIRST_HOLD: Final = 1.0
MAX_HOLD: Final = 64.0
"""Google: truncated exponential backoff, 32 to 64 s (workspace/gmail handle-errors guide)."""
NOTICEABLE: Final = 1.0
"""Seconds of waiting that are worth telling someone."""


Wait = Callable[[anyio.Event, float | None], Awaitable[None]]
"""Waits until the event is set or so many seconds have passed (None: only for the event)."""


async def wait_real(event: anyio.Event, seconds: float | None) -> None:
    """Wait in real time."""
    with anyio.move_on_after(seconds):
        await event.wait()


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in the queue of one budget."""

    units: int
    calls: int
    woken: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True, eq=False)
class _Budget:
    """The running state of one account at one service. Times are monotonic seconds."""

    allowance: Allowance
    spent: deque[tuple[float, int]] = field(default_factory=deque)
    used: int = 0
    in_flight: int = 0
    hold_until: float = 0.0
    refusals: int = 0
    live: deque[_Ticket] = field(default_factory=deque)
    rest: deque[_Ticket] = field(default_factory=deque)

    def head(self) -> _Ticket | None:
        """Whose turn it is."""
        return self.live[0] if self.live else self.rest[0] if self.rest else None

    def wake_head(self) -> None:
        """Let the first in the queue look again."""
        head = self.head()
        if head is not None:
            head.woken.set()

    def forget(self, now: float) -> None:
        """Let go of what was spent more than a window ago."""
        while self.spent and self.spent[0][0] <= now - self.allowance.window - 1.0:
            self.used -= self.spent.popleft()[1]

    def idle(self, now: float) -> bool:
        """Whether nothing would be lost by forgetting this budget."""
        self.forget(now)
        still = now >= self.hold_until and not self.spent and not self.in_flight
        return still and self.head() is None

    def delay(self, ticket: _Ticket, now: float) -> float | None:
        """Seconds until `ticket` could go were it first; None: when some call has come back."""
        if now < self.hold_until:
            return self.hold_until - now
        self.forget(now)
        if self.in_flight and self.in_flight + ticket.calls > self.allowance.calls_in_flight:
            return None
        return self._until_units(ticket.units, now)

    def _until_units(self, units: int, now: float) -> float:
        # More than the whole allowance at once goes when nothing else has been spent.
        over = self.used + units - self.allowance.units
        for at, amount in self.spent:
            if over <= 0:
                return 0.0
            over -= amount
            if over <= 0 or at == self.spent[-1][0]:
                return max(at + self.allowance.window + 1.0 - now, 0.0)
        return 0.0


class Governor:
    """Budgets of all accounts at one provider. Raises nothing of its own; safe to cancel."""

    def __init__(self, tariff: Tariff, clock: Clock, *, wait: Wait = wait_real) -> None:
        self._tariff = tariff
        self._clock = clock
        self._wait = wait
        self._budgets: dict[tuple[str, str], _Budget] = {}

    @asynccontextmanager
    async def spend(
        self, account: str, methods: Sequence[str], *, live: bool = False
    ) -> AsyncIterator[None]:
        """Wait until these calls of one service may be made; they are in flight while inside."""
        budget = self._budget(account, self._tariff.service(methods[0]))
        most = budget.allowance.calls_in_flight
        ticket = _Ticket(units=sum(self._tariff.units(methods)), calls=min(len(methods), most))
        await self._take(budget, ticket, live=live)
        try:
            yield
        finally:
            budget.in_flight -= ticket.calls
            budget.wake_head()

    def refused(
        self, account: str, method: str, retry_after: float | None, *, jitter: float
    ) -> None:
        """The provider said that it was too much: hold the budget still.

        `retry_after` in seconds, None when it did not say. `jitter` in [0, 1) spreads accounts
        that were refused together, because it was the project's quota that was used up.
        """
        budget = self._budget(account, self._tariff.service(method))
        own = min(FIRST_HOLD * 2.0 ** min(budget.refusals, 10), MAX_HOLD) * (1 + jitter) / 2
        budget.refusals += 1
        until = self._clock.monotonic() + (own if retry_after is None else retry_after)
        budget.hold_until = max(budget.hold_until, until)

    def granted(self, account: str, method: str) -> None:
        """The provider accepted a call: the next refusal counts as the first again."""
        self._budget(account, self._tariff.service(method)).refusals = 0

    def delayed(self, account: str) -> float:
        """Seconds that who waits now for this account must still wait; 0 below a second."""
        now = self._clock.monotonic()
        waits = [self._waits(b, now) for (who, _), b in self._budgets.items() if who == account]
        longest = max(waits, default=0.0)
        return longest if longest > NOTICEABLE else 0.0

    def _waits(self, budget: _Budget, now: float) -> float:
        head = budget.head()
        return 0.0 if head is None else budget.delay(head, now) or 0.0

    async def _take(self, budget: _Budget, ticket: _Ticket, *, live: bool) -> None:
        queue = budget.live if live else budget.rest
        queue.append(ticket)
        try:
            while (seconds := self._patience(budget, ticket)) != 0.0:
                ticket.woken = anyio.Event()
                await self._wait(ticket.woken, seconds)
            now = self._clock.monotonic()
            budget.spent.append((now, ticket.units))
            budget.used += ticket.units
            budget.in_flight += ticket.calls
        finally:
            queue.remove(ticket)
            budget.wake_head()

    def _patience(self, budget: _Budget, ticket: _Ticket) -> float | None:
        # Only the first in the queue waits for the clock, the others for their turn.
        if budget.head() is not ticket:
            return None
        return budget.delay(ticket, self._clock.monotonic())

    def _budget(self, account: str, service: str) -> _Budget:
        budget = self._budgets.get((account, service))
        if budget is None:
            self._forget_idle()
            budget = self._budgets[account, service] = _Budget(self._tariff.allowances[service])
        return budget

    def _forget_idle(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, budget in self._budgets.items() if budget.idle(now)]:
            del self._budgets[key]
