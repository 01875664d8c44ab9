"""The governor at every service that has a quota, against the sandbox's own figures.

What a long backfill of mail does at Gmail is in test_governor_against_sandbox.
"""

from typing import Any

import anyio
import pytest
from providers.quota_services import (
    CALENDAR,
    DRIVE,
    ONEDRIVE,
    OUTLOOK,
    PEOPLE,
    Service,
    Spot,
    look,
    spot,
)
from support.virtual_time import BACKEND

ALL = (CALENDAR, PEOPLE, DRIVE, OUTLOOK, ONEDRIVE)
services = pytest.mark.parametrize("service", ALL, ids=lambda service: service.name)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return BACKEND


@services
async def test_a_long_backfill_uses_the_published_budget_and_no_call_is_refused(
    service: Service,
) -> None:
    # Thousands of calls a window: one of them tells enough.
    windows = 1 if service in {OUTLOOK, DRIVE} else 3
    async with spot(service) as here:
        # The window after the last that is looked at begins, and would show who overran.
        await here.backfill_for(service.window * (windows + 0.1))
        assert here.units(0, windows * service.window) >= 0.95 * service.published * windows
        assert here.refused(0, 10 * service.window) == 0
        assert (await here.tally())["refused"] == {}


def settled(here: Spot, limit: int, *windows: int) -> None:
    """In each of these windows nearly all that is allowed is used, and hardly a call refused."""
    size, call = here.service.window, here.service.price
    for window in windows:
        units = here.units(size * window, size * (window + 1))
        assert 0.95 * limit - call <= units <= limit, window
        assert here.refused(size * window, size * (window + 1)) <= units / 100, window


def scaled(service: Service) -> tuple[int, int]:
    """What is believed, and a fifth less; Graph's and Drive's thousands are scaled down."""
    believed = {OUTLOOK.name: 1_000, DRIVE.name: 13_000}.get(service.name, service.published)
    return believed, believed * 4 // 5


@services
async def test_a_limit_a_fifth_lower_than_believed_is_found_within_two_windows(
    service: Service,
) -> None:
    believed, limit = scaled(service)
    async with spot(service, believed=believed, **{service.figure: limit}) as here:
        await here.backfill_for(5 * service.window)
        settled(here, limit, 2, 3, 4)
        assert 0.95 * limit < here.governor.believed()[service.name] <= limit


@services
async def test_after_a_storm_of_refusals_the_lower_limit_is_found_within_two_windows(
    service: Service,
) -> None:
    believed, limit = scaled(service)
    async with spot(service, believed=believed, **{service.figure: limit}) as here:
        async with anyio.create_task_group() as group:
            group.start_soon(here.backfill_for, 6 * service.window)
            await here.storm(20)
        settled(here, limit, 3, 4, 5)


@services
async def test_a_look_hardly_waits_beside_a_backfill_that_has_spent_its_budget(
    service: Service,
) -> None:
    believed, _ = scaled(service)
    # What is kept for looks is a fiftieth of a budget: of these two calls.
    looks = 2 if service in {PEOPLE, DRIVE} else 5
    async with spot(service, believed=believed) as here, anyio.create_task_group() as group:
        group.start_soon(here.backfill_for, 10 * service.window)
        waits = []
        for _ in range(10):
            await anyio.sleep(service.window / looks)
            waits.append(await look(here))
        assert max(waits) < 2
        group.cancel_scope.cancel()
