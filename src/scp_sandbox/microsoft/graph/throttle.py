"""Graph's throttling: calls per mailbox, calls at once, drive units.

https://learn.microsoft.com/graph/throttling-limits

The figures are literals of the sandbox's own: a client that believes others is to find out here.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Any

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.graph.asked import Method
from scp_sandbox.microsoft.graph.errors import GraphError, throttled

MAILBOX_SECONDS = 600.0
DRIVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits per account; None refuses nothing."""

    requests_per_ten_minutes: int | None = None
    concurrency: int | None = None
    drive_units_per_minute: int | None = None


PUBLISHED = Limits(requests_per_ten_minutes=10_000, concurrency=4, drive_units_per_minute=1_200)
MODES = {"generous": Limits(), "published": PUBLISHED}


@dataclass(slots=True)
class _Window:
    spent: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0


@dataclass(slots=True)
class _Tally:
    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0


class Throttle:
    """Counts every call, and refuses those above the limits in force."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self.limits = limits
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._tallies: dict[str, _Tally] = {}

    def change(self, **figures: Any) -> None:  # noqa: ANN401
        """Puts other limits in force at once; what was spent still counts."""
        self.limits = replace(self.limits, **figures)

    def enter(self, email: str, method: Method) -> GraphError | None:
        """Counts a call in flight; a refusal when it is one too many (it still has to leave)."""
        tally = self._tally(email)
        tally.in_flight += 1
        tally.max_in_flight = max(tally.max_in_flight, tally.in_flight)
        cap = self.limits.concurrency if method.service != "identity" else None
        if cap is None or tally.in_flight <= cap or method.service == "drive":
            return None
        tally.refused[method.name] += 1
        return throttled(1, "Application is over its MailboxConcurrency limit.")

    def leave(self, email: str) -> None:
        """Ends what `enter` began."""
        self._tally(email).in_flight -= 1

    def spend(self, email: str, method: Method, units: int) -> GraphError | None:
        """Takes a call from the account's budget, or refuses it; a refused one counts, too."""
        tally = self._tally(email)
        refused = self._over(email, method, units)
        (tally.refused if refused else tally.calls)[method.name] += 1
        return refused

    def reset(self) -> None:
        """Forgets all counts and spent budgets, not the limits."""
        self._windows.clear()
        for tally in self._tallies.values():
            tally.calls.clear()
            tally.refused.clear()
            tally.max_in_flight = tally.in_flight

    def report(self) -> dict[str, dict[str, Any]]:
        """Per account: `calls` and `refused` by method, and the most calls at once."""
        return {
            email: {
                "calls": dict(tally.calls),
                "total": tally.calls.total(),
                "refused": dict(tally.refused),
                "in_flight": tally.in_flight,
                "max_concurrency": tally.max_in_flight,
            }
            for email, tally in sorted(self._tallies.items())
        }

    def _over(self, email: str, method: Method, units: int) -> GraphError | None:
        match method.service:
            case "identity":
                return None
            case "drive":
                limit, seconds, cost = self.limits.drive_units_per_minute, DRIVE_SECONDS, units
                words, code = "The request has been throttled", "activityLimitReached"
            case _:
                limit, seconds, cost = self.limits.requests_per_ten_minutes, MAILBOX_SECONDS, 1
                words = "Application is over its RequestRate limit."
                code = "ApplicationThrottled"
        if limit is None:
            return None
        service = "drive" if method.service == "drive" else "mailbox"
        window = self._windows.setdefault((email, service), _Window())
        wait = self._taken(window, limit, cost, seconds)
        return throttled(math.ceil(wait), words, code) if wait else None

    def _taken(self, window: _Window, limit: int, cost: int, seconds: float) -> float:
        """Seconds until there is room for a call; 0 when it has been taken into the window."""
        now = self._clock.now()
        while window.spent and window.spent[0][0] <= now - seconds:
            window.total -= window.spent.popleft()[1]
        fits = window.total + cost <= limit
        left = window.total
        window.spent.append((now, cost))
        window.total += cost
        if fits:
            return 0.0
        for moment, spent in window.spent:
            left -= spent
            if left + cost <= limit:
                return max(moment + seconds - now, 0.001)
        return seconds

    def _tally(self, email: str) -> _Tally:
        return self._tallies.setdefault(email, _Tally())
