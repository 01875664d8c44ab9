"""The quota governor, over a clock that runs ahead."""

from dataclasses import dataclass, field
from functools import partial

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.hurried import HurriedClock
from support.virtual_time import LoopClock, run

from scp_server.providers.budget import SLACK
from scp_server.providers.google.quota import PRICES
from scp_server.providers.quota import Allowance, Governor, Price, Tariff
from scp_wire.events import RateLimitData

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


async def test_refusals_without_a_time_hold_twice_as_long_each_until_calls_are_granted() -> None:
    clock = HurriedClock()
    budget = governor(clock)
    waits = []
    for _ in range(9):
        before = clock.passed
        budget.refused("ada", "get", None, jitter=0.999)
        await spend(budget, "list")
        waits.append(round(clock.passed - before))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    for _ in range(4):
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


# -- windows, warnings, waiting, leaving -----------------------------------------------------------


@dataclass
class Noted:
    """quota.Watch that remembers."""

    seconds: list[tuple[str, float]] = field(default_factory=list)
    warnings: list[tuple[int, RateLimitData]] = field(default_factory=list)

    def waited(self, service: str, seconds: float) -> None:
        self.seconds.append((service, seconds))

    def near(self, session_pk: int, data: RateLimitData) -> None:
        self.warnings.append((session_pk, data))


def watched(clock: HurriedClock, *, window: float = 60.0) -> tuple[Governor, Noted]:
    noted = Noted()
    tariff = Tariff(
        prices={"get": Price(service="mail", units=1)},
        allowances={"mail": Allowance(units=100, calls_in_flight=100, window=window)},
    )
    return Governor(tariff, clock, name="Graph", watch=noted, wait=clock.wait), noted


async def read(budget: Governor, calls: int, *, session_pk: int, account: str = "ada") -> None:
    while calls:
        async with budget.spend(account, ["get"] * calls, session_pk=session_pk) as taken:
            calls -= taken


async def test_a_window_is_as_long_as_the_allowance_says() -> None:
    clock = HurriedClock()
    budget, noted = watched(clock, window=600.0)
    await read(budget, 98, session_pk=1)
    assert clock.passed == 0
    await read(budget, 1, session_pk=1)
    assert clock.passed == pytest.approx(600 + SLACK)
    assert sum(seconds for _, seconds in noted.seconds) == pytest.approx(600 + SLACK)


async def test_consumers_are_told_once_a_window_when_a_tenth_is_left() -> None:
    clock = HurriedClock()
    budget, noted = watched(clock)
    await read(budget, 89, session_pk=1)
    assert noted.warnings == []
    await read(budget, 1, session_pk=1)
    await read(budget, 5, session_pk=1)
    ((session_pk, data),) = noted.warnings
    assert (session_pk, data.remaining_quota, data.limit) == (1, 10, 100)
    # Those of the window's beginning are the first to come back.
    assert data.reset_time == pytest.approx(clock.now() + 60 + SLACK)
    assert "10 of 100" in data.warning_message
    clock.passed += 61
    await read(budget, 95, session_pk=1)
    assert len(noted.warnings) == 2


async def test_every_session_that_reads_the_account_is_told_and_no_other() -> None:
    clock = HurriedClock()
    budget, noted = watched(clock)
    await read(budget, 1, session_pk=1)
    await read(budget, 1, session_pk=3, account="bruno")
    await read(budget, 95, session_pk=2)
    assert sorted(pk for pk, _ in noted.warnings) == [1, 2]


async def test_consumers_are_told_when_the_provider_says_that_it_is_too_much() -> None:
    clock = HurriedClock()
    budget, noted = watched(clock)
    await read(budget, 1, session_pk=1)
    for _ in range(3):
        budget.refused("ada", "get", 30.0, jitter=0.0)
    ((_, data),) = noted.warnings
    assert data.remaining_quota == 0
    assert data.reset_time == pytest.approx(clock.now() + 60 + SLACK)
    assert "Graph" in data.warning_message


async def test_a_refusal_of_one_account_slows_no_other() -> None:
    clock = HurriedClock()
    budget, noted = watched(clock)
    await read(budget, 60, session_pk=1)
    for _ in range(60):
        budget.granted("ada", "get")
    budget.refused("ada", "get", 900.0, jitter=0.0)
    assert budget.believed() == {"mail": 59}
    await read(budget, 98, session_pk=2, account="bruno")
    assert clock.passed == 0
    assert [pk for pk, _ in noted.warnings] == [1, 2]


async def test_too_many_calls_at_once_make_batches_smaller_and_leave_the_units() -> None:
    clock = HurriedClock()
    budget, _ = watched(clock)
    async with budget.spend("ada", ["get"] * 80) as calls:
        assert calls == 80
    budget.refused("ada", "get", None, jitter=0.0, at_once=True)
    clock.passed += 61
    async with budget.spend("ada", ["get"] * 80) as calls:
        assert calls == 76
    assert budget.believed() == {"mail": 100}


async def test_budgets_that_are_whole_again_are_forgotten_and_what_was_learned_is_not() -> None:
    clock = HurriedClock()
    budget, _ = watched(clock)
    for n in range(60):
        await read(budget, 1, session_pk=n, account=f"a{n}")
    budget.refused("a7", "get", None, jitter=0.0)
    clock.passed += 30
    for n in range(60, 200):
        await read(budget, 1, session_pk=n, account=f"a{n}")
    assert budget.believed()["mail"] < 100
    clock.passed += 200
    for n in range(200, 600):
        await read(budget, 1, session_pk=n, account=f"a{n}")
    assert len(budget._desks) < 600


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), min_size=1, max_size=20)
)
def test_whoever_is_cancelled_at_whatever_time_the_others_are_served(
    crowd: list[tuple[int, bool, bool]],
) -> None:
    async def main() -> None:
        tariff = Tariff(
            prices={"get": Price(service="mail", units=20)},
            allowances={"mail": Allowance(units=102, calls_in_flight=3)},
        )
        budget, served = Governor(tariff, LoopClock()), list[int]()

        async def one(n: int, calls: int, *, live: bool, patience: float) -> None:
            with anyio.move_on_after(patience):
                while calls:
                    async with budget.spend("ada", ["get"] * calls, live=live) as taken:
                        await anyio.sleep(0.3 * n)
                    calls -= taken
                served.append(n)

        async with anyio.create_task_group() as group:
            for n, (calls, live, gives_up) in enumerate(crowd):
                patience = 7.0 * n if gives_up else 3000.0
                group.start_soon(partial(one, n, calls, live=live, patience=patience))
        assert {n for n, (_, _, gives_up) in enumerate(crowd) if not gives_up} <= set(served)
        await anyio.sleep(200)
        assert budget.delayed("ada") == 0
        with anyio.fail_after(1):
            async with budget.spend("ada", ["get"] * 3) as taken:
                assert taken == 3

    run(main)
