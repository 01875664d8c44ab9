"""When a listing leads in circles, and when it only stutters."""

from itertools import pairwise

import pytest

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.trail import REPEAT_LIMIT, Trail


def test_a_page_that_comes_twice_is_borne_and_one_that_never_ends_is_not() -> None:
    trail = Trail()
    for n in range(REPEAT_LIMIT):
        trail.page(f"p{n}", ["a"], f"p{n + 1}")
    with pytest.raises(ProviderProtocolError):
        trail.page(f"p{REPEAT_LIMIT}", ["a"], "on")


def test_a_page_may_be_read_again_and_again_under_its_own_token() -> None:
    trail = Trail()
    for _ in range(REPEAT_LIMIT * 3):
        trail.page("p", ["a"], "q")


def test_empty_pages_between_full_ones_are_borne() -> None:
    trail = Trail()
    for n in range(2000):
        trail.page(f"p{n}", [f"i{n}"] if n % 100 == 0 else [], f"p{n + 1}")


def test_a_step_that_is_repeated_from_an_earlier_page_is_no_circle() -> None:
    trail = Trail()
    for token, following in [("a", "b"), ("b", "c"), ("a", "b"), ("b", "c"), ("c", None)]:
        trail.page(token, [token], following)


def test_a_new_run_forgets_the_old_one() -> None:
    trail = Trail()
    trail.page("a", ["a"], "b")
    trail.clear()
    trail.page("b", ["b"], "a")


@pytest.mark.parametrize("way", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_a_way_back_is_a_circle(way: list[str]) -> None:
    trail = Trail()
    steps = list(pairwise(way))
    for here, there in steps[:-1]:
        trail.page(here, [here], there)
    with pytest.raises(ProviderProtocolError, match="circle"):
        trail.page(steps[-1][0], [steps[-1][0]], steps[-1][1])
