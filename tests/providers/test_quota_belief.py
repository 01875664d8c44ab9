"""What refusals teach about a limit, and about calls at once."""

from hypothesis import given
from hypothesis import strategies as st

from scp_server.providers.belief import Belief
from scp_server.providers.crowd import Crowd

HOUR = 3600.0


def published(units: int = 6000, window: float = 60.0) -> Belief:
    return Belief(published=units, window=window)


def test_a_full_window_that_is_refused_tells_the_limit() -> None:
    belief = published().refused(4800, 0.0, 1.0)
    assert belief.limit(1) == 4752
    assert belief.limit(59) == 4752


def test_a_limit_told_once_is_tried_again_after_a_window() -> None:
    belief = published().refused(4800, 0.0, 1.0)
    assert 4752 < belief.limit(90) < 6000
    assert belief.limit(120) == 6000
    assert belief.settled(120)


def test_a_limit_told_twice_is_kept_for_ten_windows_then_for_longer() -> None:
    belief = published().refused(4800, 0.0, 1.0).refused(4790, 70.0, 71.0)
    assert belief.limit(70 + 599) == 4742
    assert belief.limit(70 + 660) == 6000
    again = belief.refused(4795, 700.0, 701.0)
    assert again.limit(700 + 1199) == 4747
    assert again.limit(700 + 1260) == 6000


def test_a_limit_confirmed_for_ever_is_tried_every_hour() -> None:
    belief, now = published(), 0.0
    for _ in range(20):
        belief = belief.refused(4800, now, now)
        now += HOUR
    assert belief.limit(now - 1) == 4752
    assert belief.limit(now + 60) == 6000


def test_refusals_within_one_window_are_not_a_confirmation() -> None:
    belief = published().refused(4800, 0.0, 1.0).refused(4800, 10.0, 11.0)
    assert belief.known is None


def test_a_refusal_with_little_granted_makes_careful_for_a_window() -> None:
    belief = published().refused(100, 0.0, 2.0)
    assert belief.limit(1) == 3000
    assert 3000 < belief.limit(32) < 6000
    assert belief.limit(62) == 6000


def test_a_storm_does_not_shake_what_is_known() -> None:
    belief = published().refused(4800, 0.0, 1.0).refused(4800, 70.0, 71.0)
    for second in range(130, 160, 2):
        belief = belief.refused(40, float(second), second + 1.0)
    assert belief.limit(160) >= 300
    assert belief.limit(158 + 62) == 4752


def test_grants_of_what_was_under_way_correct_the_figure() -> None:
    belief = published().refused(4600, 0.0, 1.0).granted(4800, 0.5)
    assert belief.limit(1) == 4752


def test_more_granted_than_the_limit_that_was_known_disproves_it() -> None:
    belief = published().refused(4800, 0.0, 1.0).refused(4800, 70.0, 71.0)
    assert belief.granted(5200, 700.0).limit(700) == 6000


def test_a_limit_that_falls_further_is_found_again() -> None:
    belief = published().refused(4800, 0.0, 1.0).refused(4800, 70.0, 71.0)
    belief = belief.refused(4000, 200.0, 201.0).refused(4000, 270.0, 271.0)
    assert belief.limit(800) == 3960


def test_a_limit_of_a_third_is_found_by_its_second_refusal() -> None:
    belief = published().refused(2000, 0.0, 1.0).refused(2000, 65.0, 66.0)
    assert belief.limit(600) == 1980


events = st.lists(
    st.tuples(st.floats(0, 200), st.booleans(), st.integers(0, 12_000), st.floats(0, 900)),
    max_size=40,
)


@given(events, st.sampled_from([60.0, 600.0]), st.integers(1, 10**6))
def test_whatever_happens_the_limit_stays_within_bounds_and_comes_back(
    course: list[tuple[float, bool, int, float]], window: float, units: int
) -> None:
    belief, now = published(units, window), 0.0
    for pause, refused, granted, hold in course:
        now += pause
        belief = belief.refused(granted, now, now + hold) if refused else belief
        belief = belief if refused else belief.granted(granted, now)
        assert 1 <= belief.limit(now) <= units
    assert belief.limit(now + 900 + HOUR + window) == units
    assert belief.settled(now + 900 + HOUR + window)


@given(events)
def test_while_nothing_is_refused_the_limit_never_falls(
    course: list[tuple[float, bool, int, float]],
) -> None:
    belief = published().refused(4800, 0.0, 1.0).refused(3000, 70.0, 71.0)
    now, before = 71.0, 0
    for pause, _, granted, _ in course:
        now += pause
        belief = belief.granted(granted, now)
        assert belief.limit(now) >= before
        before = belief.limit(now)


def test_too_many_at_once_are_fewer_from_then_on_and_one_more_is_tried_ever_more_rarely() -> None:
    crowd = Crowd(allowed=20, window=60.0).refused(0.0)
    assert (crowd.limit(59), crowd.limit(60), crowd.limit(120)) == (15, 16, 17)
    once = crowd.refused(60.0)
    assert (once.limit(60 + 119), once.limit(60 + 120)) == (15, 16)
    twice = once.refused(180.0)
    assert (twice.limit(180 + 239), twice.limit(180 + 240)) == (15, 16)


def test_at_least_one_call_goes_at_a_time_and_in_the_end_all_again() -> None:
    crowd = Crowd(allowed=4, window=60.0)
    for second in range(10):
        crowd = crowd.refused(float(second))
    assert crowd.limit(10) == 1
    assert crowd.limit(300) == 4
