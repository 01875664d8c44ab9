"""The governor against the sandbox's own figures, in time that costs nothing.

Gmail takes 0.3 s for each call here; a minute of the sandbox's is a minute of ours.
"""

from functools import partial
from itertools import pairwise
from typing import Any

import anyio
import pytest
from providers.quota_room import QuotaRoom, backfill, follow, fullest, quota_room, refused
from sandbox.browsing import ADA, BRUNO
from support.virtual_time import BACKEND

from scp_server.providers.google.gmail import GmailMessages
from scp_wire.filters import MailFilters

PUBLISHED = 6_000
"""Gmail's units a minute for a user; the sandbox has the figure from the same page, not from us."""
LOWER = 4_800
"""A fifth less than what the governor believes at first."""
STORM = {"kind": "status", "status": 429, "path": "/gmail/v1/users/me/messages/"}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return BACKEND


def settled(room: QuotaRoom, start: int, end: int) -> None:
    """In each of these minutes nearly all of the lower limit is used, and hardly a call refused."""
    calls = [c for c in room.after(60.0 * start) if c.at < room.began + 60.0 * end]
    assert refused(calls) <= len(calls) / 1000
    for minute in range(start, end):
        assert 0.95 * LOWER <= room.units(60.0 * minute, 60.0 * (minute + 1)) < LOWER
    assert 0.97 * LOWER < room.governor.believed()["gmail"] < LOWER


async def test_a_long_backfill_uses_the_budget_and_no_call_is_refused() -> None:
    async with quota_room(messages=2_400) as room:
        found = await backfill(await room.link())
        minutes = int((anyio.current_time() - room.began) // 60)
        assert len(set(found)) == len(found) == 2_400
        assert minutes >= 7
        assert room.units(0, 60.0 * minutes) >= 0.95 * PUBLISHED * minutes
        assert fullest(room.calls, 60) <= PUBLISHED
        assert refused(room.calls) == 0
        assert await room.refused_by_sandbox() == 0


async def test_calls_one_by_one_are_never_too_many_at_once_nor_in_all() -> None:
    async with quota_room(messages=900, batch_size=1) as room:
        assert len(await backfill(await room.link())) == 900
        ledger = await room.sandbox.control("/ledger")
        assert 10 < ledger["users"][ADA]["max_concurrency"] <= 20
        assert await room.refused_by_sandbox() == 0


@pytest.mark.parametrize(("refusal", "batch_size"), [("mixed", 20), ("403", 1), ("429", 20)])
async def test_a_limit_a_fifth_lower_than_believed_is_found_within_two_windows(
    refusal: str, batch_size: int
) -> None:
    async with quota_room(
        messages=1_250, batch_size=batch_size, gmail_units_per_minute=LOWER, refusal=refusal
    ) as room:
        assert len(set(await backfill(await room.link()))) == 1_250
        settled(room, 2, 5)
        assert await room.refused_by_sandbox() < 10


async def test_a_limit_that_is_lowered_under_way_is_found_as_well() -> None:
    async with quota_room(messages=2_000) as room, anyio.create_task_group() as group:
        group.start_soon(partial(later, room, 90, "/quotas", gmail_units_per_minute=LOWER))
        await backfill(await room.link())
        settled(room, 4, 7)


@pytest.mark.parametrize("at", [2, 62, 184])
async def test_after_a_storm_of_refusals_the_limit_is_found_within_two_windows(at: int) -> None:
    async with quota_room(messages=2_200, gmail_units_per_minute=LOWER) as room:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(later, room, at, "/faults", count=80, **STORM))
            await backfill(await room.link())
        # 80 parts of batches are refused within half a minute.
        settled(room, at // 60 + 3, 8)


async def test_a_storm_against_the_full_limit_is_forgotten_within_two_windows() -> None:
    async with quota_room(messages=2_200) as room, anyio.create_task_group() as group:
        group.start_soon(partial(later, room, 62, "/faults", count=80, **STORM))
        await backfill(await room.link())
        assert refused(room.calls) == 80
        assert refused(room.after(180)) == 0
        assert room.units(240, 420) >= 0.95 * PUBLISHED * 3


async def test_while_nothing_is_taken_it_is_asked_about_once_a_minute() -> None:
    async with quota_room(messages=200) as room:
        storm = STORM | {"path": "/gmail/v1/users/me/messages"}
        await room.sandbox.control("/faults", "POST", count=None, **storm)
        with anyio.move_on_after(1800):
            await backfill(await room.link())
        requests = {round(call.at, 3) for call in room.after(300)}
        assert 20 <= len(requests) <= 50


async def test_fewer_calls_at_once_than_believed_are_found_too() -> None:
    async with quota_room(messages=900, gmail_concurrency=15) as room:
        assert len(await backfill(await room.link())) == 900
        assert await room.refused_by_sandbox() < 10
        assert room.units(60, 120) >= 0.95 * PUBLISHED
        assert room.governor.believed()["gmail"] == PUBLISHED


async def test_a_refusal_of_one_account_never_slows_another() -> None:
    async with quota_room(messages=500, gmail_units_per_minute=PUBLISHED) as room:
        ada, bruno = await room.link(), await room.link(user=BRUNO, session_pk=2)
        await room.sandbox.control("/faults", "POST", count=60, retry_after=300, **STORM)
        async with anyio.create_task_group() as group:
            group.start_soon(backfill, ada)
            await anyio.sleep(5)
            await room.sandbox.control("/faults", "DELETE")
            began = anyio.current_time()
            assert len(await backfill(bruno)) == 500
            # 300 messages at once, the others a minute later.
            assert anyio.current_time() - began < 70
            group.cancel_scope.cancel()


async def test_following_hardly_waits_beside_a_backfill_that_has_spent_its_budget() -> None:
    async with quota_room(messages=1_000) as room:
        link, waits = await room.link(), list[float]()
        connector = GmailMessages(MailFilters())
        since = await link.perform(connector.bookmark())
        async with anyio.create_task_group() as group:
            group.start_soon(backfill, await room.link())
            for _ in range(12):
                await anyio.sleep(10)
                began = anyio.current_time()
                since = await follow(link, since, connector)
                waits.append(anyio.current_time() - began)
            group.cancel_scope.cancel()
        assert max(waits) < 2


async def test_consumers_are_warned_once_a_minute_with_the_figures() -> None:
    async with quota_room(messages=900) as room:
        await backfill(await room.link())
        times = [at - room.began for at, _, _ in room.told.near_at]
        assert len(times) == 3
        assert all(60 <= late - early < 65 for early, late in pairwise(times))
        _, session_pk, data = room.told.near_at[0]
        assert (session_pk, data.limit) == (1, PUBLISHED)
        assert 0 <= data.remaining_quota <= PUBLISHED / 10
        assert data.reset_time > 0
        assert room.told.seconds > 100


async def later(room: QuotaRoom, seconds: float, to: str, /, **order: object) -> None:
    """Give the sandbox an order so long after the beginning."""
    await anyio.sleep(room.began + seconds - anyio.current_time())
    await room.sandbox.control(to, "POST", **order)
