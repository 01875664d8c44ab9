"""The quota ledger: who called what, how much is left, and who is refused.

The figures are the sandbox's own literals, from Google's pages on quotas, on purpose shared with
nobody: a client that believes other figures is to find out here.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Literal

from scp_sandbox.clock import Clock

WINDOW_SECONDS = 60.0

Refusal = Literal["mixed", "403", "429"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Limits per user; None refuses nothing.

    `refusal` picks Google's words for a spent budget: `mixed` says 403 at first, and 429 with a
    time to those who keep calling.
    """

    gmail_units_per_minute: int | None = None
    calendar_requests_per_minute: int | None = None
    gmail_concurrency: int | None = None
    people_reads_per_minute: int | None = None
    people_full_syncs_per_minute: int | None = None
    drive_units_per_minute: int | None = None
    refusal: Refusal = "mixed"


GENEROUS = Quotas()
# 6,000 units: projects made since 2026-05-01. Concurrency is undocumented: batches of 10 to 25
# are said to pass, those of 50 to lose parts; every part of a batch counts.
# 90 critical reads; that first pages of full syncs are counted apart is published, the
# figure is not. 325,000 units of Drive.
PUBLISHED = Quotas(
    gmail_units_per_minute=6_000,
    calendar_requests_per_minute=600,
    gmail_concurrency=25,
    people_reads_per_minute=90,
    people_full_syncs_per_minute=10,
    drive_units_per_minute=325_000,
)
MODES = {"generous": GENEROUS, "published": PUBLISHED}

# After this many refusals within a window, Gmail's answer turns from 403 into 429.
_PATIENCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A call refused: when to come back, and in which of Google's two ways it is said."""

    retry_at: float
    politely: bool


@dataclass(slots=True)
class _Account:
    spent: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0
    refused_at: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class _Tally:
    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    units: int = 0
    in_flight: int = 0
    max_in_flight: int = 0


class Ledger:
    """Counts every call, and refuses those above the quotas in force."""

    def __init__(self, clock: Clock, quotas: Quotas) -> None:
        self.quotas = quotas
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._tallies: dict[str, _Tally] = {}

    def change(self, **figures: object) -> None:
        """Puts other limits in force at once; what was spent in the window still counts."""
        self.quotas = replace(self.quotas, **figures)  # type: ignore[arg-type]

    def enter(self, email: str, service: str) -> bool:
        """Counts a call in flight; False when it is one too many (it still has to leave)."""
        tally = self._tally(email)
        tally.in_flight += 1
        tally.max_in_flight = max(tally.max_in_flight, tally.in_flight)
        cap = self.quotas.gmail_concurrency if service == "gmail" else None
        return cap is None or tally.in_flight <= cap

    def leave(self, email: str) -> None:
        """Ends what `enter` began."""
        self._tally(email).in_flight -= 1

    def spend(self, email: str, service: str, method: str, units: int) -> Refused | None:
        """Takes a call's units from the user's budget, or refuses it, which costs nothing."""
        tally = self._tally(email)
        limit, cost = self._limit(service, units)
        if limit is not None and (refused := self._over(email, service, limit, cost)):
            tally.refused[method] += 1
            return refused
        tally.calls[method] += 1
        tally.units += cost
        return None

    def begin_full_sync(self, email: str, method: str) -> bool:
        """Whether a user may begin another full sync of contacts; the call itself is paid apart."""
        limit = self.quotas.people_full_syncs_per_minute
        if limit is None or self._over(email, "people full sync", limit, 1) is None:
            return True
        self.refuse(email, method)
        return False

    def refuse(self, email: str, method: str) -> None:
        """Counts a call refused for another reason, such as concurrency."""
        self._tally(email).refused[method] += 1

    def reset(self) -> None:
        """Forgets all counts and spent budgets, not the limits."""
        self.counts.clear()
        self._accounts.clear()
        for tally in self._tallies.values():
            tally.calls.clear()
            tally.refused.clear()
            tally.units, tally.max_in_flight = 0, tally.in_flight

    def report(self) -> dict[str, dict[str, object]]:
        """Per user: `calls` and `refused` by method, `units`, and the most calls at once."""
        return {
            email: {
                "calls": dict(tally.calls),
                "refused": dict(tally.refused),
                "units": tally.units,
                "in_flight": tally.in_flight,
                "max_concurrency": tally.max_in_flight,
            }
            for email, tally in sorted(self._tallies.items())
        }

    def _limit(self, service: str, units: int) -> tuple[int | None, int]:
        match service:
            case "gmail":
                return self.quotas.gmail_units_per_minute, units
            case "people":
                return self.quotas.people_reads_per_minute, units
            case "drive":
                return self.quotas.drive_units_per_minute, units
            case "pubsub":  # its own are in bytes, and far away
                return None, units
            case _:
                return self.quotas.calendar_requests_per_minute, 1

    def _over(self, email: str, service: str, limit: int, cost: int) -> Refused | None:
        account = self._accounts.setdefault((email, service), _Account())
        now = self._clock.now()
        while account.spent and account.spent[0][0] <= now - WINDOW_SECONDS:
            account.total -= account.spent.popleft()[1]
        if account.total + cost <= limit:
            account.spent.append((now, cost))
            account.total += cost
            return None
        while account.refused_at and account.refused_at[0] <= now - WINDOW_SECONDS:
            account.refused_at.popleft()
        account.refused_at.append(now)
        return Refused(
            retry_at=self._free_at(account, limit, cost, now), politely=self._politely(account)
        )

    def _free_at(self, account: _Account, limit: int, cost: int, now: float) -> float:
        left = account.total
        for moment, spent in account.spent:
            left -= spent
            if left + cost <= limit:
                return moment + WINDOW_SECONDS
        return now + WINDOW_SECONDS

    def _politely(self, account: _Account) -> bool:
        if self.quotas.refusal == "mixed":
            return len(account.refused_at) <= _PATIENCE
        return self.quotas.refusal == "403"

    def _tally(self, email: str) -> _Tally:
        return self._tallies.setdefault(email, _Tally())
