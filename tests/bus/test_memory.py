"""Limits in memory."""

from support.time_and_chance import TurnedClock

from scp_server.bus.memory import MemoryRateLimits
from scp_server.domain.sliding_log import Policy

TWO_A_MINUTE = Policy("starts", 2, 60.0)


async def test_a_key_is_let_in_as_often_as_its_policy_says_and_again_when_time_has_passed() -> None:
    clock = TurnedClock()
    limits = MemoryRateLimits(clock)
    assert [(await limits.hit(TWO_A_MINUTE, "a")).allowed for _ in range(3)] == [True, True, False]
    clock.turn(60)
    assert (await limits.hit(TWO_A_MINUTE, "a")).allowed


async def test_keys_and_policies_do_not_share() -> None:
    limits = MemoryRateLimits(TurnedClock())
    other = Policy("subscriptions", 2, 60.0)
    for _ in range(2):
        await limits.hit(TWO_A_MINUTE, "a")
    assert (await limits.hit(TWO_A_MINUTE, "b")).allowed
    assert (await limits.hit(other, "a")).allowed
    assert not (await limits.hit(TWO_A_MINUTE, "a")).allowed


async def test_looking_does_not_count_and_leaves_nothing_behind() -> None:
    limits = MemoryRateLimits(TurnedClock())
    for _ in range(5):
        verdict = await limits.look(TWO_A_MINUTE, "a")
        assert (verdict.allowed, verdict.remaining) == (True, 2)
    assert len(limits) == 0


async def test_a_policy_that_is_off_lets_everything_in_and_remembers_nothing() -> None:
    limits = MemoryRateLimits(TurnedClock())
    off = Policy("off", 0, 60.0)
    assert all([(await limits.hit(off, "a")).allowed for _ in range(100)])
    assert len(limits) == 0


async def test_keys_that_come_once_and_never_again_are_forgotten() -> None:
    clock = TurnedClock()
    limits = MemoryRateLimits(clock)
    for number in range(1000):
        await limits.hit(TWO_A_MINUTE, f"once-{number}")
    assert len(limits) == 1000
    clock.turn(61)
    for number in range(300):
        await limits.hit(TWO_A_MINUTE, f"later-{number}")
    assert len(limits) == 300


async def test_sweeping_forgets_no_hit_that_still_counts() -> None:
    clock = TurnedClock()
    limits = MemoryRateLimits(clock)
    for _ in range(2):
        await limits.hit(TWO_A_MINUTE, "a")
    clock.turn(59)
    for number in range(50):
        await limits.hit(TWO_A_MINUTE, f"other-{number}")
    assert not (await limits.hit(TWO_A_MINUTE, "a")).allowed
