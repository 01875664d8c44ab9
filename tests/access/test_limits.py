"""The guide's limits: when they refuse, and when they warn."""

import itertools
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.time_and_chance import TurnedClock

from scp_server.access.limits import Limits, LimitValues
from scp_server.bus.memory import MemoryRateLimits
from scp_server.domain.errors import LimitReached, StreamLimitReached
from scp_server.domain.sliding_log import Policy, Verdict
from scp_wire.codes import ErrorCode

Hit = Callable[[Limits], Awaitable[Verdict]]


class Meter:
    """Limits with a clock to turn."""

    def __init__(self, values: LimitValues | None = None) -> None:
        self.clock = TurnedClock()
        self.limits = Limits(MemoryRateLimits(self.clock), values or LimitValues(), self.clock)


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.mark.parametrize(
    ("hit", "allowed", "window"),
    [
        (lambda limits: limits.connections(1), 5, 300),
        (lambda limits: limits.data_requests("session:1"), 50, 60),
        (lambda limits: limits.subscriptions(1), 10, 60),
        (lambda limits: limits.starts(1), 10, 60),
    ],
    ids=["connections", "data_requests", "subscriptions", "starts"],
)
async def test_the_default_limits_are_the_guides(
    meter: Meter, hit: Hit, allowed: int, window: float
) -> None:
    for _ in range(allowed):
        assert (await hit(meter.limits)).allowed
    with pytest.raises(LimitReached) as caught:
        await hit(meter.limits)
    assert caught.value.retry_after == window
    assert dict(caught.value.details) == {
        "retry_after": window,
        "limit": allowed,
        "reset_time": meter.clock.now() + window,
    }
    meter.clock.turn(caught.value.retry_after)
    assert (await hit(meter.limits)).allowed


async def test_too_many_starts_have_a_code_of_their_own(meter: Meter) -> None:
    for _ in range(10):
        await meter.limits.starts(1)
    with pytest.raises(StreamLimitReached) as caught:
        await meter.limits.starts(1)
    assert caught.value.code is ErrorCode.STREAM_RATE_LIMITED


async def test_a_refusal_carries_the_verdict_for_the_headers(meter: Meter) -> None:
    for _ in range(5):
        await meter.limits.connections(1)
    with pytest.raises(LimitReached) as caught:
        await meter.limits.connections(1)
    verdict = caught.value.verdict
    assert verdict is not None
    assert (verdict.remaining, verdict.policy.window) == (0, 300)


async def test_each_session_has_limits_of_its_own(meter: Meter) -> None:
    for _ in range(5):
        await meter.limits.connections(1)
    assert (await meter.limits.connections(2)).remaining == 4


async def test_zero_switches_a_limit_off() -> None:
    meter = Meter(LimitValues(connections_per_session=0))
    for _ in range(100):
        verdict = await meter.limits.connections(1)
        assert verdict.allowed
        assert meter.limits.warning(verdict) is None


async def test_stream_events_are_a_pace_that_each_connection_keeps_itself(meter: Meter) -> None:
    policy = meter.limits.stream_events
    assert (policy.limit, policy.window) == (100, 60)


async def test_a_warning_comes_once_a_window_when_a_tenth_is_left(meter: Meter) -> None:
    warned = []
    for used in range(1, 51):
        verdict = await meter.limits.data_requests("session:1")
        if (warning := meter.limits.warning(verdict)) is not None:
            warned.append((used, warning))
    ((used, warning),) = warned
    assert used == 40
    assert (warning.remaining_quota, warning.limit) == (10, 50)
    assert warning.reset_time == meter.clock.now() + 60
    assert warning.warning_message == "Rate limit approaching. 10 requests remaining."


async def test_a_small_limit_warns_at_a_fifth(meter: Meter) -> None:
    remaining = []
    for _ in range(5):
        warning = meter.limits.warning(await meter.limits.connections(1))
        if warning is not None:
            remaining.append(warning.remaining_quota)
    assert remaining == [1]


async def test_the_next_window_warns_again(meter: Meter) -> None:
    for _ in range(2):
        warnings = [
            meter.limits.warning(await meter.limits.data_requests("session:1")) for _ in range(50)
        ]
        assert sum(warning is not None for warning in warnings) == 1
        meter.clock.turn(61)


async def test_a_warning_to_one_is_none_to_another(meter: Meter) -> None:
    for session_pk in (1, 2):
        warnings = [
            meter.limits.warning(await meter.limits.subscriptions(session_pk)) for _ in range(10)
        ]
        assert sum(warning is not None for warning in warnings) == 1


@given(st.lists(st.floats(min_value=0.0, max_value=50.0), max_size=120))
async def test_no_rhythm_of_hits_brings_two_warnings_within_a_window(gaps: list[float]) -> None:
    meter = Meter(LimitValues(data_requests_per_minute=10))
    warned_at: list[float] = []
    for gap in gaps:
        meter.clock.turn(gap)
        try:
            verdict = await meter.limits.data_requests("session:1")
        except LimitReached:
            continue
        if meter.limits.warning(verdict) is not None:
            warned_at.append(meter.clock.monotonic())
    assert all(later - earlier >= 59.999 for earlier, later in itertools.pairwise(warned_at))


def test_a_verdict_of_another_counter_is_judged_by_its_policy(meter: Meter) -> None:
    low = Verdict(policy=Policy("other", 100, 60.0), allowed=True, remaining=10, reset_in=5.0)
    assert meter.limits.warning(low) is not None
    assert meter.limits.warning(low) is None


async def test_a_connection_that_came_to_nothing_was_never_counted(meter: Meter) -> None:
    first = await meter.limits.connections(1)
    meter.clock.turn(10)
    for _ in range(20):
        await meter.limits.not_accepted(await meter.limits.connections(1))
    for _ in range(4):
        await meter.limits.connections(1)
    with pytest.raises(LimitReached) as caught:
        await meter.limits.connections(1)
    # The first one's place is the next to be free: nobody else's hit was taken back for it.
    assert caught.value.retry_after == 290
    await meter.limits.not_accepted(first)
    assert (await meter.limits.connections(1)).remaining == 0


async def test_a_hit_is_taken_back_once(meter: Meter) -> None:
    verdict = await meter.limits.connections(1)
    await meter.limits.not_accepted(verdict)
    meter.clock.turn(1)
    await meter.limits.connections(1)
    await meter.limits.not_accepted(verdict)
    assert (await meter.limits.connections(1)).remaining == 3
