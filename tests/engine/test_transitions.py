"""The life of a stream, over any course of events."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streaming import change

from scp_server.domain.changes import Followed, Step
from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    PositionLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
)
from scp_server.domain.streams import Phase, Place, Position
from scp_server.engine.transitions import (
    MAX_FAULTS,
    Announce,
    Announcement,
    Bookmarked,
    ChangesRead,
    Command,
    Emit,
    Event,
    Failed,
    GiveUp,
    Park,
    Plan,
    Retry,
    StepRead,
    UnexpectedEvent,
    adopted,
    step,
)
from scp_wire.events import Origin

HERE, LATER = Position(b"here"), Position(b"later")
PASSING = (
    ProviderRateLimited("wait"),
    ProviderUnavailable("away"),
    OperatorFault("secret expired"),
)
FAULTS = (ProviderProtocolError("html"),)
ERRORS: tuple[ProviderError, ...] = (
    *PASSING,
    *FAULTS,
    PositionLost("gone"),
    ConsentLost("withdrawn"),
    ScopeMissing("too little"),
    RequestRefused("cannot parse"),
)

plans = st.builds(
    Plan, real_time=st.booleans(), max_results=st.none() | st.integers(min_value=1, max_value=40)
)
counts = st.integers(min_value=0, max_value=12)


@st.composite
def answers(draw: st.DrawFn) -> Callable[[Place], Event]:
    """What a provider may say to whatever a stream asks at its place."""
    trouble = draw(st.none() | st.sampled_from(ERRORS))
    count, more, look = draw(counts), draw(st.booleans()), draw(st.booleans())
    current = draw(st.booleans())

    def answer(place: Place) -> Event:
        changes = tuple(change(f"i{k}") for k in range(count))
        if trouble is not None:
            return Failed(trouble, 1, 1)
        if place.phase is Phase.STARTING:
            return Bookmarked(HERE)
        if place.phase is Phase.FOLLOWING or (look and place.since is not None):
            return ChangesRead(Followed(changes=changes, since=LATER, more=more))
        return StepRead(Step(changes=changes, resume=LATER if more else None, current=current))

    return answer


def emitted(commands: tuple[Command, ...], origin: Origin) -> int:
    return sum(len(c.changes) for c in commands if isinstance(c, Emit) and c.origin is origin)


def announced(commands: tuple[Command, ...]) -> list[Announcement]:
    return [c.what for c in commands if isinstance(c, Announce)]


def lived(plan: Plan, course: list[Callable[[Place], Event]]) -> list[tuple[Place, Event, Place]]:
    """Every step of a life: from where, what happened, to where."""
    place, steps = Place(), []
    for answer in course:
        if place.phase is Phase.READ:
            break
        event = answer(place)
        moved, commands = step(place, event, plan)
        steps.append((place, event, moved))
        if any(isinstance(command, GiveUp) for command in commands):
            break
        place = moved
    return steps


@given(plans, st.lists(answers(), max_size=60))
def test_no_course_of_events_is_unexpected(
    plan: Plan, course: list[Callable[[Place], Event]]
) -> None:
    for before, event, after in lived(plan, course):
        assert isinstance(after, Place)
        if isinstance(event, Failed) and not isinstance(event.error, PositionLost):
            assert after == before, "a failure that loses nothing moves nothing"


@given(plans, st.lists(answers(), max_size=60))
def test_a_backfill_gives_exactly_max_results_or_all_there_is(
    plan: Plan, course: list[Callable[[Place], Event]]
) -> None:
    given_out = offered = 0
    for before, event, after in lived(plan, course):
        _, commands = step(before, event, plan)
        if isinstance(event, Failed) and isinstance(event.error, PositionLost):
            given_out = offered = 0
        given_out += emitted(commands, Origin.BACKFILL)
        if isinstance(event, StepRead):
            offered += len(event.step.changes)
            bound = offered if plan.max_results is None else min(offered, plan.max_results)
            assert given_out == after.taken == bound
            ended = event.step.resume is None or given_out == plan.max_results
            assert (after.phase is not Phase.BACKFILLING) == ended


@given(plans, st.lists(answers(), max_size=60))
def test_a_gap_is_told_whenever_it_starts_over_and_closed_when_all_is_read_again(
    plan: Plan, course: list[Callable[[Place], Event]]
) -> None:
    open_gap = False
    for before, event, after in lived(plan, course):
        _, commands = step(before, event, plan)
        lost = isinstance(event, Failed) and isinstance(event.error, PositionLost)
        assert (Announcement.GAP in announced(commands)) == lost
        if lost:
            open_gap = True
            assert after == Place(recovering=True)
        assert (Announcement.RESUMED in announced(commands)) == (
            open_gap
            and before.phase is Phase.BACKFILLING
            and after.phase not in {before.phase}
            and not lost
        )
        if Announcement.RESUMED in announced(commands):
            open_gap = False
        assert after.recovering == open_gap


@given(plans, st.lists(answers(), max_size=60))
def test_following_begins_at_the_bookmark_of_its_own_backfill(
    plan: Plan, course: list[Callable[[Place], Event]]
) -> None:
    since: Position | None = None
    ahead: Position | None = None
    for before, event, after in lived(plan, course):
        match event:
            case Bookmarked(bookmark):
                since = bookmark
            case ChangesRead(followed) if before.phase is Phase.BACKFILLING:
                ahead = followed.since
            case ChangesRead(followed):
                since = followed.since
            case StepRead(read) if after.phase is Phase.FOLLOWING:
                since = ahead or since if read.current else since
                ahead = None
            case Failed(error) if isinstance(error, PositionLost):
                since = ahead = None
            case _:
                pass
        assert after.since == since
        assert after.ahead == ahead
        if after.phase is Phase.FOLLOWING:
            assert after.since is not None


@given(plans, st.lists(answers(), max_size=60))
def test_items_come_before_what_is_said_about_them_and_completion_comes_last(
    plan: Plan, course: list[Callable[[Place], Event]]
) -> None:
    for before, event, after in lived(plan, course):
        _, commands = step(before, event, plan)
        order = [isinstance(command, Emit) for command in commands]
        assert order == sorted(order, reverse=True)
        completed = Announcement.COMPLETED in announced(commands)
        assert completed == (after.phase is Phase.READ)
        if completed:
            assert announced(commands)[-1] is Announcement.COMPLETED
            assert not plan.real_time


@pytest.mark.parametrize("real_time", [True, False])
def test_a_stream_that_has_read_all_never_asks_again(real_time: bool) -> None:  # noqa: FBT001
    plan = Plan(real_time=real_time, max_results=None)
    place = Place(phase=Phase.READ)
    for event in (Bookmarked(None), StepRead(Step(changes=(), resume=None))):
        with pytest.raises(UnexpectedEvent):
            step(place, event, plan)


@pytest.mark.parametrize("error", PASSING)
def test_trouble_that_passes_or_that_the_operator_mends_is_never_a_reason_to_give_up(
    error: ProviderError,
) -> None:
    plan = Plan(real_time=True, max_results=None)
    _, commands = step(Place(), Failed(error, 10_000, 3), plan)
    assert commands == (Retry(error, 10_000),)


@pytest.mark.parametrize("error", FAULTS)
def test_faults_in_a_row_end_a_stream_and_passing_trouble_between_them_does_not_count(
    error: ProviderError,
) -> None:
    plan = Plan(real_time=True, max_results=None)
    _, patient = step(Place(), Failed(error, 500, MAX_FAULTS - 1), plan)
    assert patient == (Retry(error, 500),)
    _, done = step(Place(), Failed(error, 500, MAX_FAULTS), plan)
    assert done == (GiveUp(error),)


def test_what_only_the_user_can_mend_parks_and_what_nobody_can_mend_ends() -> None:
    plan = Plan(real_time=False, max_results=None)
    place = Place(phase=Phase.BACKFILLING)
    for error in (ConsentLost("withdrawn"), ScopeMissing("too little")):
        assert step(place, Failed(error, 9, 0), plan) == (place, (Park(error),))
    refused = RequestRefused("cannot parse")
    assert step(place, Failed(refused, 1, 1), plan) == (place, (GiveUp(refused),))


@given(bound=st.integers(1, 12), total=st.integers(0, 40), size=st.integers(1, 7))
def test_bounded_backfills_from_cursor_to_cursor_give_everything(
    bound: int, total: int, size: int
) -> None:
    plan = Plan(real_time=False, max_results=bound)
    given_out: set[str] = set()
    place = Place(phase=Phase.BACKFILLING)
    while place.phase is Phase.BACKFILLING:
        begin = int(place.resume or b"0")
        here = range(begin, min(begin + size, total))
        onwards = Position(str(here.stop).encode()) if here.stop < total else None
        read = Step(changes=tuple(change(f"i{k}") for k in here), resume=onwards)
        place, commands = step(place, StepRead(read), plan)
        given_out |= {c.item.id for e in commands if isinstance(e, Emit) for c in e.changes}
        assert place.taken <= bound
        if place.phase is Phase.READ and place.cut and bound >= size:
            place = adopted(place, plan)
    if bound >= size:
        assert given_out == {f"i{k}" for k in range(total)}


def test_a_cursor_of_a_followed_stream_catches_up_once_where_nothing_is_to_be_followed() -> None:
    plan = Plan(real_time=False, max_results=None)
    place = adopted(Place(phase=Phase.FOLLOWING, since=HERE), plan)
    more = Followed(changes=(change("a"),), since=LATER, more=True)
    place, commands = step(place, ChangesRead(more), plan)
    assert place.phase is Phase.FOLLOWING
    assert emitted(commands, Origin.LIVE) == 1
    last = Followed(changes=(change("b"),), since=LATER, more=False)
    place, commands = step(place, ChangesRead(last), plan)
    assert place.phase is Phase.READ
    assert announced(commands) == [Announcement.COMPLETED]


@pytest.mark.parametrize("phase", [Phase.BACKFILLING, Phase.READ])
def test_a_cursor_that_cannot_be_followed_from_begins_again_where_it_must(phase: Phase) -> None:
    plan = Plan(real_time=True, max_results=None)
    assert adopted(Place(phase=phase, resume=HERE, taken=5), plan) == Place()


def test_a_backfill_goes_on_from_a_cursor_without_following() -> None:
    plan = Plan(real_time=False, max_results=None)
    place = Place(phase=Phase.BACKFILLING, since=HERE, resume=LATER, taken=5)
    assert adopted(place, plan) == Place(phase=Phase.BACKFILLING, resume=LATER)


def test_a_cap_of_the_provider_is_remembered_unless_the_stream_s_own_bound_came_first() -> None:
    place = Place(phase=Phase.BACKFILLING)
    changes = (change("a"), change("b"))
    last = StepRead(Step(changes=changes, resume=None, capped=True))
    whole, _ = step(place, last, Plan(real_time=False, max_results=2))
    assert (whole.phase, whole.capped) == (Phase.READ, True)
    cut, _ = step(place, last, Plan(real_time=False, max_results=1))
    assert (cut.phase, cut.cut, cut.capped) == (Phase.READ, True, False)
    plain = StepRead(Step(changes=changes, resume=None))
    assert not step(place, plain, Plan(real_time=False, max_results=None))[0].capped
