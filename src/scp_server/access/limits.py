"""Limits: how often who may do what, and when to say that it is running out."""

import math
from dataclasses import dataclass
from typing import Final

from scp_server.domain.errors import LimitReached, StreamLimitReached
from scp_server.domain.sliding_log import Policy, Verdict
from scp_server.ports.clock import Clock
from scp_server.ports.rate_limits import RateLimits
from scp_wire.events import RateLimitData

MINUTE: Final = 60.0
FEW: Final = 10
FEW_SHARE: Final = 0.2
"""A warning is due when at most `FEW` and at most this share of a limit remain."""


def few_of(limit: int) -> float:
    """How many are few: when no more are left of a limit, a warning is due."""
    return min(FEW, limit * FEW_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitValues:
    """The limits' sizes; the defaults are the guide's. 0 switches a limit off."""

    connections_per_session: int = 5
    connection_window_seconds: float = 300.0
    stream_events_per_minute: int = 100
    data_requests_per_minute: int = 50
    subscriptions_per_minute: int = 10
    starts_per_minute: int = 10
    max_rate_limit_per_minute: int = 600


class Counted(Verdict, frozen=True, kw_only=True, gc=False):
    """A verdict that knows whose it is, so that a warning is given once."""

    key: str


class Limits:
    """The guide's limits, over exact sliding windows."""

    def __init__(self, rates: RateLimits, values: LimitValues, clock: Clock) -> None:
        self._rates = rates
        self._clock = clock
        self.values = values
        self._connections = Policy(
            "connections", values.connections_per_session, values.connection_window_seconds
        )
        self._stream_events = Policy("stream_events", values.stream_events_per_minute, MINUTE)
        self._data_requests = Policy("data_requests", values.data_requests_per_minute, MINUTE)
        self._subscriptions = Policy("subscriptions", values.subscriptions_per_minute, MINUTE)
        self._starts = Policy("starts", values.starts_per_minute, MINUTE)
        self._warned: dict[tuple[str, str], float] = {}

    async def connections(self, session_pk: int) -> Counted:
        """Count a Socket.IO connection before it is let in. See `not_accepted`.

        Raises: LimitReached.
        """
        return await self._hit(self._connections, str(session_pk))

    async def not_accepted(self, verdict: Counted) -> None:
        """A connection that was counted came to nothing, or took a seat again: it never counted."""
        await self._rates.take_back(verdict.policy, verdict.key, verdict)

    async def data_requests(self, key: str) -> Counted:
        """Count a REST call of a session (or, without a credential, of an address).

        Raises: LimitReached.
        """
        return await self._hit(self._data_requests, key)

    async def subscriptions(self, session_pk: int) -> Counted:
        """Count a `subscribe_data`.

        Raises: LimitReached.
        """
        return await self._hit(self._subscriptions, str(session_pk))

    async def starts(self, session_pk: int) -> Counted:
        """Count a start of a stream, or a re-reading from a cursor.

        Raises: StreamLimitReached.
        """
        return await self._hit(self._starts, str(session_pk), refusal=StreamLimitReached)

    @property
    def stream_events(self) -> Policy:
        """Events written to one connection, which counts them itself: delivery waits for it."""
        return self._stream_events

    def near_end(self, verdict: Verdict, key: str) -> RateLimitData | None:
        """As `warning`, of a limit that `key` has counted itself."""
        if verdict.remaining > few_of(verdict.policy.limit):
            return None
        return self.warning(_counted(verdict, key))

    def warning(self, verdict: Verdict) -> RateLimitData | None:
        """What to tell whose limit runs out: once per window, None at all other times."""
        policy = verdict.policy
        if policy.limit == 0 or verdict.remaining > few_of(policy.limit):
            return None
        if not self._first_in_window(verdict):
            return None
        return RateLimitData(
            remaining_quota=verdict.remaining,
            reset_time=self._clock.now() + verdict.reset_in,
            warning_message=(f"Rate limit approaching. {verdict.remaining} requests remaining."),
            limit=policy.limit,
        )

    async def _hit(
        self, policy: Policy, key: str, *, refusal: type[LimitReached] = LimitReached
    ) -> Counted:
        verdict = _counted(await self._rates.hit(policy, key), key)
        if verdict.allowed:
            return verdict
        raise refusal(
            # Rounded up: who waits as long as we say must not be refused again.
            retry_after=max(1, math.ceil(verdict.reset_in)),
            limit=policy.limit,
            reset_time=self._clock.now() + verdict.reset_in,
            verdict=verdict,
        )

    def _first_in_window(self, verdict: Verdict) -> bool:
        now = self._clock.monotonic()
        self._warned = {whose: until for whose, until in self._warned.items() if until > now}
        whose = (verdict.policy.name, verdict.key if isinstance(verdict, Counted) else "")
        if whose in self._warned:
            return False
        self._warned[whose] = now + verdict.policy.window
        return True


def _counted(verdict: Verdict, key: str) -> Counted:
    return Counted(
        policy=verdict.policy,
        allowed=verdict.allowed,
        remaining=verdict.remaining,
        reset_in=verdict.reset_in,
        at=verdict.at,
        key=key,
    )
