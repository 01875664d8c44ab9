"""Whose turn it is, as a pure decision: any course of asking, answering and refusing."""

import heapq
from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from scp_server.providers import budget as budgets
from scp_server.providers.budget import Budget, Wanted, opened
from scp_server.providers.tariff import Allowance
from scp_server.providers.turns import LIVE_SHARE, turn

GET, LIST = 20, 5


@dataclass(frozen=True)
class Asked:
    """Someone who comes at a time, and how long the provider takes to answer."""

    at: float
    wanted: Wanted
    latency: float


@dataclass(frozen=True)
class Made:
    """Calls that were made."""

    sent: float
    answered: float
    wanted: Wanted
    limit: int
    asked: Asked
    live_waited: bool
    beside: int
    """Calls that were in flight already."""

    @property
    def units(self) -> int:
        return sum(self.wanted.prices)


@dataclass
class Course:
    """Plays who asks against a budget; time goes from one thing that happens to the next."""

    budget: Budget
    coming: deque[Asked]
    now: float = 1000.0
    live: deque[Asked] = field(default_factory=deque)
    rest: deque[Asked] = field(default_factory=deque)
    flying: list[tuple[float, int, Wanted]] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)

    def play(self) -> list[Made]:
        """Until everyone has what they asked for; fails where nobody could ever go on."""
        while self.coming or self.live or self.rest or self.flying:
            while self.coming and self.coming[0].at <= self.now:
                asked = self.coming.popleft()
                (self.live if asked.wanted.live else self.rest).append(asked)
            while self.flying and self.flying[0][0] <= self.now:
                _, _, wanted = heapq.heappop(self.flying)
                self.budget = budgets.landed(self.budget, wanted, self.now)
            self.now = self.step()
        return self.made

    def step(self) -> float:
        live = self.live[0].wanted if self.live else None
        rest = self.rest[0].wanted if self.rest else None
        found = turn(self.budget, live, rest, self.now)
        if found.calls:
            self.make(found.live, found.calls)
            return self.now
        if not (self.live or self.rest or self.coming or self.flying):
            return self.now
        times = [self.flying[0][0]] if self.flying else []
        times += [self.coming[0].at] if self.coming else []
        times += [self.now + found.wait] if found.wait is not None else []
        assert times, "nobody can ever go on"
        assert found.wait is None or found.wait > 0
        return max(min(times), self.now)

    def make(self, live: bool, calls: int) -> None:  # noqa: FBT001  (of the turn)
        queue = self.live if live else self.rest
        asked = queue.popleft()
        taken = Wanted(prices=asked.wanted.prices[:calls], live=live)
        over = asked.wanted.prices[calls:]
        if over:
            again = Asked(asked.at, Wanted(prices=over, live=live), asked.latency)
            queue.appendleft(again)
        limit, ends = self.budget.limit(self.now), self.now + asked.latency
        self.budget = budgets.taken(self.budget, taken, self.now)
        beside = sum(len(wanted.prices) for _, _, wanted in self.flying)
        heapq.heappush(self.flying, (ends, len(self.made), taken))
        waited = bool(self.live) and not live
        self.made.append(Made(self.now, ends, taken, limit, asked, waited, beside))


def asking(*, live: st.SearchStrategy[bool]) -> st.SearchStrategy[list[Asked]]:
    prices = st.lists(st.sampled_from([GET, LIST]), min_size=1, max_size=8).map(tuple)
    one = st.builds(
        Asked,
        at=st.floats(1000, 1150),
        wanted=st.builds(Wanted, prices=prices, live=live),
        latency=st.floats(0, 20),
    )
    return st.lists(one, max_size=16).map(lambda found: sorted(found, key=lambda a: a.at))


def fresh(units: int = 200, calls: int = 6, window: float = 60.0) -> Budget:
    return opened(Allowance(units=units, calls_in_flight=calls, window=window))


def course(asked: list[Asked], budget: Budget) -> Course:
    return Course(budget=budget, coming=deque(asked))


@given(asking(live=st.booleans()), st.sampled_from([60.0, 600.0]), st.data())
def test_no_window_of_the_providers_ever_holds_more_than_the_limit(
    asked: list[Asked], window: float, data: st.DataObject
) -> None:
    made = course(asked, fresh(window=window)).play()
    # The provider counts a call at some moment between its sending and its answer.
    counted = [(data.draw(st.floats(m.sent, m.answered)), m.units) for m in made]
    for at, _ in counted:
        assert sum(units for when, units in counted if at <= when < at + window) <= 200


@given(asking(live=st.booleans()))
def test_everyone_is_served_in_full_and_never_more_fly_than_may(asked: list[Asked]) -> None:
    budget = fresh()
    made = course(asked, budget).play()
    assert sum(m.units for m in made) == sum(sum(a.wanted.prices) for a in asked)
    for one in made:
        assert not one.beside or one.beside + len(one.wanted.prices) <= 6


@given(asking(live=st.booleans()))
def test_each_queue_is_served_in_the_order_of_its_coming(asked: list[Asked]) -> None:
    made = course(asked, fresh()).play()
    for live in (True, False):
        came = [m.asked.at for m in made if m.wanted.live is live]
        assert came == sorted(came)


@given(asking(live=st.booleans()))
def test_a_backfill_goes_ahead_of_following_only_when_that_has_had_its_share(
    asked: list[Asked],
) -> None:
    made = course(asked, fresh()).play()
    for one in made:
        if one.live_waited:
            beside = [m for m in made if m.wanted.live and one.sent - 61 < m.answered]
            spent = sum(m.units for m in beside if m.sent <= one.sent)
            assert spent + GET > LIVE_SHARE * one.limit


def test_following_does_not_starve_a_backfill() -> None:
    live = [Asked(1000.0, Wanted(prices=(GET,), live=True), 0.1) for _ in range(100)]
    rest = [Asked(1000.0, Wanted(prices=(GET,) * 2, live=False), 0.1) for _ in range(4)]
    made = course([*live, *rest], fresh()).play()
    backfilled = [m.sent for m in made if not m.wanted.live]
    assert backfilled[0] < 1061
    assert backfilled[-1] < 1300


def test_a_look_at_what_changed_goes_at_once_beside_a_backfill_that_has_spent_its_part() -> None:
    backfill = [Asked(1000.0, Wanted(prices=(LIST,) * 300, live=False), 0.0)]
    looks = [Asked(1000.0 + 5 * n, Wanted(prices=(2,), live=True), 0.0) for n in range(1, 10)]
    made = course([*backfill, *looks], fresh(units=1000, calls=300)).play()
    assert [m.sent for m in made if m.wanted.live] == [a.at for a in looks]


def test_a_call_dearer_than_the_whole_budget_is_made_alone() -> None:
    asked = [Asked(1000.0, Wanted(prices=(40, 5), live=live), 0.0) for live in (False, True)]
    made = course(asked, fresh(units=30)).play()
    assert sorted(m.wanted.prices for m in made) == [(5,), (5,), (40,), (40,)]


@given(
    refusals=st.lists(st.tuples(st.floats(0, 30), st.none() | st.floats(0, 90)), max_size=12),
    jitter=st.floats(0, 0.999),
)
def test_nothing_goes_while_the_provider_said_to_wait(
    refusals: list[tuple[float, float | None]], jitter: float
) -> None:
    budget, now, until = fresh(), 1000.0, 0.0
    wanted = Wanted(prices=(GET,), live=True)
    for pause, said in refusals:
        now += pause
        budget = budgets.refused(budget, said, now, jitter=jitter)
        until = max(until, now + said) if said is not None else until
        found = turn(budget, wanted, None, now)
        if now < until - 0.001:
            assert found.calls == 0
            assert found.wait is not None
            assert found.wait >= until - now - 0.001


@given(st.integers(1, 30))
def test_holding_still_never_takes_longer_than_a_minute_where_the_provider_names_no_time(
    times: int,
) -> None:
    budget = fresh()
    for _ in range(times):
        budget = budgets.refused(budget, None, 1000.0, jitter=0.999)
    assert 0.5 <= budget.hold_until - 1000 <= 64
