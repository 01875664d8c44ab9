"""Governor: lets calls wait until the provider will take them, one budget per account and service.

Everything that reads one account at one service shares its budget: units in any window, calls in
flight, and how long to hold still after the provider said no. What may be done is decided in pure
code (budget, belief, turns); here is only who waits, and the waking.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import anyio

from scp_server.ports.clock import Clock
from scp_server.providers import budget as budgets
from scp_server.providers.budget import Budget, Wanted
from scp_server.providers.tariff import Allowance, Price, Tariff
from scp_server.providers.turns import Turn, turn
from scp_wire.events import RateLimitData

__all__ = ["Allowance", "Governor", "Price", "Tariff", "Wait", "Watch", "wait_real"]

NOTICEABLE: Final = 1.0
"""Seconds of waiting that are worth telling someone."""
FEW: Final = 64
"""Budgets kept without looking which of them can be forgotten."""

Wait = Callable[[anyio.Event, float | None], Awaitable[None]]
"""Waits until the event is set or so many seconds have passed (None: only for the event)."""


async def wait_real(event: anyio.Event, seconds: float | None) -> None:
    """Wait in real time."""
    with anyio.move_on_after(seconds):
        await event.wait()


class Watch(Protocol):
    """Who is told what the governor does. Every call is cheap, does not wait and does not fail."""

    def waited(self, service: str, seconds: float) -> None:
        """Calls of a service waited so long for its budget."""
        ...

    def near(self, session_pk: int, data: RateLimitData) -> None:
        """The budget a session reads from is nearly spent, or the provider asked to slow down."""
        ...


class _NoWatch:
    def waited(self, service: str, seconds: float) -> None:
        pass

    def near(self, session_pk: int, data: RateLimitData) -> None:
        pass


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in a queue."""

    wanted: Wanted
    woken: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True, eq=False)
class _Desk:
    """One account at one service: its budget and who waits for it."""

    service: str
    budget: Budget
    live: deque[_Ticket] = field(default_factory=deque)
    rest: deque[_Ticket] = field(default_factory=deque)
    sessions: dict[int, float] = field(default_factory=dict)
    """Who has asked lately, and when."""

    def queue(self, *, live: bool) -> deque[_Ticket]:
        """Those that follow, or the others."""
        return self.live if live else self.rest

    def next(self, now: float) -> Turn:
        """Whose turn it is."""
        live = self.live[0].wanted if self.live else None
        rest = self.rest[0].wanted if self.rest else None
        return turn(self.budget, live, rest, now)

    def wake(self) -> None:
        """Let the first of both queues look again; the others wait for their turn."""
        for queue in (self.live, self.rest):
            if queue:
                queue[0].woken.set()

    def readers(self, now: float) -> list[int]:
        """Sessions that asked within a window."""
        since = now - self.budget.allowance.window
        self.sessions = {pk: at for pk, at in self.sessions.items() if at >= since}
        return list(self.sessions)


class Governor:
    """Budgets of all accounts at one provider. Raises nothing of its own; safe to cancel."""

    def __init__(
        self,
        tariff: Tariff,
        clock: Clock,
        *,
        name: str = "The provider",
        watch: Watch | None = None,
        wait: Wait = wait_real,
    ) -> None:
        self._tariff = tariff
        self._clock = clock
        self._name = name
        self._watch = watch or _NoWatch()
        self._wait = wait
        self._desks: dict[tuple[str, str], _Desk] = {}
        self._many = FEW

    @asynccontextmanager
    async def spend(
        self,
        account: str,
        methods: Sequence[str],
        *,
        live: bool = False,
        session_pk: int | None = None,
    ) -> AsyncIterator[int]:
        """Wait until the first of these calls of one service may be made; yields how many.

        They are in flight while inside. Whoever wants the others asks again.
        """
        desk = self._desk(account, self._tariff.service(methods[0]))
        if session_pk is not None:
            desk.sessions[session_pk] = self._clock.monotonic()
        wanted = Wanted(prices=self._tariff.units(methods), live=live)
        taken = await self._take(desk, wanted)
        try:
            yield len(taken.prices)
        finally:
            desk.budget = budgets.landed(desk.budget, taken, self._clock.monotonic())
            desk.wake()

    def refused(
        self,
        account: str,
        method: str,
        retry_after: float | None,
        *,
        jitter: float,
        at_once: bool = False,
    ) -> None:
        """The provider said that it was too much: hold the budget still, and believe less.

        `retry_after` in seconds, None when it did not say. `jitter` in [0, 1) spreads accounts
        that were refused together, because it was the project's quota that was used up.
        `at_once`: not the units were too many, but the calls in flight.
        """
        desk, now = self._desk(account, self._tariff.service(method)), self._clock.monotonic()
        desk.budget = budgets.refused(desk.budget, retry_after, now, jitter=jitter, at_once=at_once)
        self._tell_if_short(desk, now)

    def granted(self, account: str, method: str) -> None:
        """The provider accepted a call, which shows how much it allows."""
        price = self._tariff.prices[method]
        desk = self._desk(account, price.service)
        desk.budget = budgets.granted(desk.budget, price.units, self._clock.monotonic())

    def delayed(self, account: str) -> float:
        """Seconds that who waits now for this account must still wait; 0 below a second."""
        now = self._clock.monotonic()
        found = (self._desks.get((account, service)) for service in self._tariff.allowances)
        longest = max((desk.next(now).wait or 0.0 for desk in found if desk), default=0.0)
        return longest if longest > NOTICEABLE else 0.0

    def believed(self) -> Mapping[str, int]:
        """Units a window is believed to hold, by service: the least of all its accounts."""
        now = self._clock.monotonic()
        least = {service: a.units for service, a in self._tariff.allowances.items()}
        for (_, service), desk in self._desks.items():
            least[service] = min(least[service], desk.budget.limit(now))
        return least

    async def _take(self, desk: _Desk, wanted: Wanted) -> Wanted:
        ticket, began = _Ticket(wanted), self._clock.monotonic()
        queue = desk.queue(live=wanted.live)
        queue.append(ticket)
        try:
            while (found := self._look(desk, ticket)).calls == 0:
                ticket.woken = anyio.Event()
                await self._wait(ticket.woken, found.wait)
            now = self._clock.monotonic()
            taken = Wanted(prices=wanted.prices[: found.calls], live=wanted.live)
            desk.budget = budgets.taken(desk.budget, taken, now)
        finally:
            queue.remove(ticket)
            desk.wake()
        self._watch.waited(desk.service, now - began)
        self._tell_if_short(desk, now)
        return taken

    def _look(self, desk: _Desk, ticket: _Ticket) -> Turn:
        live = ticket.wanted.live
        if desk.queue(live=live)[0] is not ticket:
            return Turn()
        found = desk.next(self._clock.monotonic())
        if found.calls and found.live != live:
            # The other queue's first goes, and then wakes this one.
            desk.queue(live=not live)[0].woken.set()
            return Turn()
        return found

    def _tell_if_short(self, desk: _Desk, now: float) -> None:
        budget = desk.budget
        if not budgets.short(budget, now):
            return
        desk.budget = budgets.told(budget, now)
        data = self._warning(desk, now)
        for session_pk in desk.readers(now):
            self._watch.near(session_pk, data)

    def _warning(self, desk: _Desk, now: float) -> RateLimitData:
        held, limit = now < desk.budget.hold_until, desk.budget.limit(now)
        left = 0 if held else desk.budget.remaining(now)
        frees = budgets.resets_in(desk.budget, now)
        why = (
            f"{self._name} asked to slow down: there is nothing left of its"
            if held
            else f"Rate limit approaching: {left} of {limit} units remain of {self._name}'s"
        )
        return RateLimitData(
            remaining_quota=left,
            reset_time=self._clock.now() + frees,
            warning_message=f"{why} {desk.service} quota. Reading waits for it, nothing is lost.",
            limit=limit,
        )

    def _desk(self, account: str, service: str) -> _Desk:
        desk = self._desks.get((account, service))
        if desk is None:
            self._forget_idle()
            budget = budgets.opened(self._tariff.allowances[service])
            desk = self._desks[account, service] = _Desk(service, budget)
        return desk

    def _forget_idle(self) -> None:
        if len(self._desks) < self._many:
            return
        for key in list(self._idle()):
            del self._desks[key]
        self._many = max(FEW, 2 * len(self._desks))

    def _idle(self) -> Iterator[tuple[str, str]]:
        now = self._clock.monotonic()
        for key, desk in self._desks.items():
            if desk.budget.idle(now) and not (desk.live or desk.rest):
                yield key
