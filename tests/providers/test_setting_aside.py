"""What cannot be shaped: tried with its step, then set aside; the others come through."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Reply
from scp_server.providers.setting_aside import KNOWN_LIMIT, TRIES, Shaped, Unreadable


def _refused(identity: str, body: dict[str, Any]) -> str:
    if "odd" in body:
        raise ProviderProtocolError("It is odd.")
    return identity.upper()


def _stumbled(identity: str, body: dict[str, Any]) -> str:
    return identity.upper() if "odd" not in body else str(1 // 0)


def _until_given_up(
    odd: Unreadable, bodies: dict[str, dict[str, Any]], shape: Callable[..., str] = _refused
) -> tuple[Shaped[str], int]:
    for tries in range(1, 20):
        try:
            return odd.shaped(bodies, shape), tries
        except ProviderProtocolError:
            continue
    raise AssertionError("it was never given up")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (_refused, "It is odd."),
        (_stumbled, "It has a shape this server does not understand."),
    ],
)
def test_an_odd_item_is_tried_three_times_and_then_left_out(
    shape: Callable[..., str], reason: str
) -> None:
    bodies: dict[str, dict[str, Any]] = {"a": {}, "b": {"odd": 1}, "c": {}}
    shaped, tries = _until_given_up(Unreadable(), bodies, shape)
    assert tries == TRIES
    assert shaped.found == {"a": "A", "c": "C"}
    assert shaped.skipped == (Skipped(id="b", reason=reason),)


def test_an_item_that_gets_well_is_read_and_its_failures_are_forgotten() -> None:
    odd = Unreadable()
    for _ in range(TRIES - 1):
        with pytest.raises(ProviderProtocolError):
            odd.shaped({"b": {"odd": 1}}, _refused)
    assert odd.shaped({"b": {}}, _refused).found == {"b": "B"}
    _, tries = _until_given_up(odd, {"b": {"odd": 1}})
    assert tries == TRIES


def test_an_item_that_was_set_aside_is_tried_anew_when_it_changes() -> None:
    odd = Unreadable()
    _until_given_up(odd, {"b": {"odd": 1}})
    _, tries = _until_given_up(odd, {"b": {"odd": 1}})
    assert tries == TRIES


def test_what_the_link_gave_up_and_what_is_absent_need_no_more_tries() -> None:
    replies = {
        "a": Reply(body={}),
        "b": Reply(body={}, failed="It did not come."),
        "c": Reply(body={}, absent=True),
    }
    shaped = Unreadable().replies(replies, _refused)
    assert shaped.found == {"a": "A"}
    assert shaped.skipped == (Skipped(id="b", reason="It did not come."),)


def test_what_was_given_up_in_a_step_is_not_tried_anew_when_the_step_fails_for_another() -> None:
    odd, tries = Unreadable(), 0
    while True:
        tries += 1
        try:
            # As a step does that reads a page first and then what is on it.
            odd.give_up({"an entry of the page": "It has no id."})
            odd.shaped({"b": {"odd": 1}}, _refused)
        except ProviderProtocolError:
            continue
        break
    assert tries == 2 * TRIES - 1


@given(st.dictionaries(st.text(), st.booleans(), max_size=30))
def test_each_item_is_either_read_or_set_aside(given_odd: dict[str, bool]) -> None:
    bodies: dict[str, dict[str, Any]] = {i: {"odd": 1} if o else {} for i, o in given_odd.items()}
    shaped, _ = _until_given_up(Unreadable(), bodies)
    assert set(shaped.found) == {i for i, odd in given_odd.items() if not odd}
    assert {s.id for s in shaped.skipped} == {i for i, odd in given_odd.items() if odd}


def test_endless_odd_items_are_not_all_remembered() -> None:
    odd = Unreadable()
    bodies: dict[str, dict[str, Any]] = {str(n): {"odd": 1} for n in range(KNOWN_LIMIT + 50)}
    shaped, tries = _until_given_up(odd, bodies)
    assert tries == TRIES
    assert len(shaped.skipped) == KNOWN_LIMIT + 50
