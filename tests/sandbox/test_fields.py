"""The `fields` mask."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_sandbox.google.fields import MaskError, parse

NAMES = [{"name": "n"}]
LISTED: dict[str, Any] = {
    "messages": [{"id": "a", "threadId": "t", "payload": {"headers": [{"name": "n", "value": 1}]}}],
    "nextPageToken": "7",
    "resultSizeEstimate": 2,
}


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        ("nextPageToken", {"nextPageToken": "7"}),
        ("messages/id", {"messages": [{"id": "a"}]}),
        ("messages(id,threadId)", {"messages": [{"id": "a", "threadId": "t"}]}),
        ("messages/payload/headers(name)", {"messages": [{"payload": {"headers": NAMES}}]}),
        ("messages/*/headers/value", {"messages": [{"payload": {"headers": [{"value": 1}]}}]}),
        ("messages/id, messages/threadId", {"messages": [{"id": "a", "threadId": "t"}]}),
        ("messages,messages/id", {"messages": LISTED["messages"]}),
        ("*", LISTED),
        ("nothing", {}),
    ],
)  # fmt: skip
def test_a_mask_keeps_what_it_names_and_nothing_else(mask: str, kept: dict[str, Any]) -> None:
    assert parse(mask).apply(LISTED) == kept


@pytest.mark.parametrize("mask", ["", ",", "a,", "a//b", "a(b", "a)b", "a()", "(a)", "a(" * 99])
def test_a_mask_that_makes_no_sense_is_refused(mask: str) -> None:
    with pytest.raises(MaskError):
        parse(mask)


@given(st.text(alphabet="ab*/(), x", max_size=60))
def test_any_text_is_either_a_mask_or_refused(text: str) -> None:
    try:
        mask = parse(text)
    except MaskError:
        return
    kept = mask.apply(LISTED)
    assert set(kept) <= set(LISTED)
    assert mask.apply(kept) == kept


_paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(_paths, min_size=1, max_size=6), st.randoms())
def test_the_order_of_a_mask_does_not_matter(paths: list[str], rng: Random) -> None:
    tree: dict[str, Any] = {}
    for name in ("a", "b", "c"):
        tree = {"a": tree, "b": [tree], "c": {"a": 1, name: tree}}
    shuffled = list(paths)
    rng.shuffle(shuffled)
    assert parse(",".join(paths)).apply(tree) == parse(",".join(shuffled)).apply(tree)
