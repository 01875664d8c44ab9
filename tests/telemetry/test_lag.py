"""The event loop's lag: shown always, logged where it is a stall."""

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from structlog.testing import capture_logs
from support import virtual_time
from support.time_and_chance import TurnedClock

from scp_server.telemetry.lag import EVERY_SECONDS, STALL_SECONDS, noted, watching


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time is virtual."""
    return virtual_time.BACKEND


class Shown:
    """What was shown."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    def loop_lag(self, seconds: float) -> None:
        self.lags.append(seconds)


@pytest.mark.parametrize(
    ("lag", "logged"), [(0.0, False), (STALL_SECONDS / 2, False), (STALL_SECONDS, True), (7, True)]
)
def test_a_stall_is_logged_with_its_length_and_what_is_less_is_only_shown(
    lag: float, *, logged: bool
) -> None:
    shown = Shown()
    with capture_logs() as logs:
        noted(lag, shown)
    assert shown.lags == [lag]
    assert [one["seconds"] for one in logs] == ([lag] if logged else [])
    assert all(one["log_level"] == "warning" for one in logs)


async def test_what_is_measured_is_how_much_later_it_is_than_it_should_be() -> None:
    clock, shown = TurnedClock(), Shown()
    async with watching(clock, shown):
        await checkpoint()
        clock.turn(EVERY_SECONDS + 3.0)
        await anyio.sleep(EVERY_SECONDS + 0.1)
    assert shown.lags == [pytest.approx(3.0)]
