"""The quota governor, over a clock that runs ahead."""

import anyio
import pytest
from providers.hurried import HurriedClock

from scp_server.providers.budget import SLACK
from scp_server.providers.google.quota import PRICES
from scp_server.providers.quota import Allowance, Governor, Price, Tariff

METHODS = {"get": 20, "list": 5}


def governor(clock: HurriedClock, *, units: int = 102, calls: int = 4) -> Governor:
    tariff = Tariff(
        prices={m: Price(service="mail", units=u) for m, u in METHODS.items()}
        | {"other": Price(service="other", units=1)},
        allowances={
            "mail": Allowance(units=units, calls_in_flight=calls),
            "other": Allowance(units=10, calls_in_flight=1),
        },
    )
    return Governor(tariff, clock, wait=clock.wait)


async def spend(budget: Governor, *methods: str, account: str = "ada", live: bool = False) -> int:
    async with budget.spend(account, methods, live=live) as calls:
        await anyio.lowlevel.checkpoint()
        return calls


async def test_a_budget_is_spent_at_once_and_then_waits_for_the_window() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    for _ in range(5):
        await spend(budget, "get")
    assert clock.passed == 0
    await spend(budget, "list")
    assert clock.passed == pytest.approx(60 + SLACK)


async def test_accounts_and_services_do_not_wait_for_each_other() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    for _ in range(5):
        await spend(budget, "get")
    await spend(budget, "get", account="bruno")
    await spend(budget, "other")
    assert clock.passed == 0


async def test_a_batch_costs_as_much_as_its_parts() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    assert await spend(budget, *["get"] * 4, "list", "list", "list") == 7
    assert clock.passed == 0
    assert await spend(budget, "list", "list") == 1
    assert clock.passed == 0
    assert await spend(budget, "list") == 1
    assert clock.passed > 0


async def test_a_batch_goes_in_part_where_the_whole_would_wait_long() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    assert await spend(budget, *["get"] * 3) == 3
    assert await spend(budget, *["get"] * 3) == 2
    assert clock.passed == 0


async def test_a_batch_waits_a_little_to_go_as_a_whole() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    assert await spend(budget, *["get"] * 4) == 4
    clock.passed += 56
    assert await spend(budget, *["get"] * 5) == 5
    assert clock.passed == pytest.approx(60 + SLACK)


async def test_one_call_above_the_whole_allowance_goes_when_nothing_else_was_spent() -> None:
    clock = HurriedClock()
    budget = governor(clock, units=12)
    await spend(budget, "list")
    await spend(budget, "get")
    assert clock.passed == pytest.approx(60 + SLACK)


async def test_following_goes_ahead_of_backfills_that_wait_longer() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    order: list[str] = []

    async def one(name: str, *, live: bool) -> None:
        await spend(budget, *["get"] * 4, live=live)
        order.append(name)

    for _ in range(5):
        await spend(budget, "get")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: one("backfill 1", live=False))
        group.start_soon(lambda: one("backfill 2", live=False))
        group.start_soon(lambda: one("follow", live=True))
    assert order[0] == "follow"
    assert order[1:] == ["backfill 1", "backfill 2"]


async def test_no_more_calls_are_in_flight_than_may_be() -> None:
    clock = HurriedClock()
    budget = governor(clock, units=10_000)
    flying, most = 0, 0

    async def one() -> None:
        nonlocal flying, most
        async with budget.spend("ada", ["get"]):
            flying += 1
            most = max(most, flying)
            await anyio.wait_all_tasks_blocked()
            flying -= 1

    async with anyio.create_task_group() as group:
        for _ in range(15):
            group.start_soon(one)
    assert most == 4


async def test_a_batch_larger_than_the_calls_in_flight_goes_alone() -> None:
    clock = HurriedClock()
    budget = governor(clock, units=10_000)
    with anyio.fail_after(5):
        await spend(budget, *["get"] * 10)


async def test_after_a_refusal_the_whole_account_holds_still() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    budget.refused("ada", "get", 30.0, jitter=0.0)
    await spend(budget, "list", account="bruno")
    assert clock.passed == 0
    await spend(budget, "list")
    assert clock.passed == pytest.approx(30)


async def test_refusals_without_a_time_hold_twice_as_long_each_until_a_call_is_granted() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    waits = []
    for _ in range(9):
        before = clock.passed
        budget.refused("ada", "get", None, jitter=0.999)
        await spend(budget, "list")
        waits.append(round(clock.passed - before))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    budget.granted("ada", "get")
    before = clock.passed
    budget.refused("ada", "get", None, jitter=0.999)
    await spend(budget, "list")
    assert round(clock.passed - before) == 1


async def test_who_is_cancelled_while_waiting_leaves_the_way_free() -> None:
    clock = HurriedClock()
    budget = governor(clock, units=10_000)
    async with anyio.create_task_group() as holding:

        async def hold() -> None:
            async with budget.spend("ada", ["get"] * 4):
                await anyio.sleep_forever()

        holding.start_soon(hold)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(spend, budget, "get")
            await anyio.wait_all_tasks_blocked()
            waiting.cancel_scope.cancel()
        holding.cancel_scope.cancel()
    with anyio.fail_after(5):
        await spend(budget, *["get"] * 4)


async def test_a_wait_is_seen_from_outside() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    assert budget.delayed("ada") == 0
    budget.refused("ada", "get", 30.0, jitter=0.0)
    seen = []
    async with anyio.create_task_group() as group:
        group.start_soon(spend, budget, "get")
        await anyio.lowlevel.checkpoint()
        seen.append(budget.delayed("ada"))
        assert budget.delayed("bruno") == 0
    assert seen == [pytest.approx(30)]
    assert budget.delayed("ada") == 0


def test_every_method_that_google_publishes_a_price_of_has_it() -> None:
    published = {
        "gmail.getProfile": 1,
        "gmail.messages.list": 5,
        "gmail.messages.get": 20,
        "gmail.threads.list": 10,
        "gmail.threads.get": 40,
        "gmail.history.list": 2,
        "calendar.calendarList.list": 1,
        "calendar.events.list": 1,
        "people.connections.list": 1,
    }
    assert published.items() <= {method: price.units for method, price in PRICES.items()}.items()
