"""The system's clock and chance."""

import string
import time

from scp_server.telemetry.clock import SystemChance, SystemClock


def test_the_clock_tells_the_system_s_time_and_never_goes_back() -> None:
    clock = SystemClock()
    before, now, after = time.time(), clock.now(), time.time()
    assert before <= now <= after
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_token_has_its_bits_is_url_safe_and_never_comes_again() -> None:
    tokens = {SystemChance().token(256) for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}
    assert set("".join(tokens)) <= set(string.ascii_letters + string.digits + "-_")


def test_bits_are_rounded_up_to_bytes() -> None:
    assert len(SystemChance().token(129)) == 23


def test_jitter_is_at_least_zero_and_below_one() -> None:
    chance = SystemChance()
    drawn = [chance.uniform() for _ in range(1000)]
    assert all(0 <= each < 1 for each in drawn)
    assert len(set(drawn)) > 900
