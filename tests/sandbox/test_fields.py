"""The `fields` mask."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.browsing import Sandbox

from scp_sandbox.google.fields import MaskError, parse
from scp_sandbox.google.known.tables import check

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


@pytest.mark.parametrize(
    ("method", "mask"),
    [
        ("gmail.users.messages.list", "messages(id,threadId),nextPageToken"),
        ("gmail.users.messages.get", "payload/parts/parts/headers(name,value),internalDate"),
        ("calendar.events.list", "items(id,start/dateTime,extendedProperties/private/x),updated"),
        ("people.people.connections.list", "connections(names/metadata/source/id),nextSyncToken"),
        ("drive.files.list", "*"),
        ("drive.files.get", "capabilities/canEdit,properties/anything"),
        ("drive.changes.list", "changes/file/owners/emailAddress,newStartPageToken"),
        ("gmail.users.stop", "whatever"),
    ],
)
def test_names_that_an_answer_can_have_may_be_asked_for(method: str, mask: str) -> None:
    check(parse(mask), method)


@pytest.mark.parametrize(
    ("method", "mask", "culprit"),
    [
        ("gmail.users.messages.list", "messages(id,colour)", "colour"),
        ("gmail.users.messages.get", "message/id", "message"),
        ("calendar.events.list", "items/id/x", "id"),
        ("people.people.get", "connections", "connections"),
        ("drive.files.list", "nextPageToken,files(id,Name)", "Name"),
    ],
)
def test_names_that_an_answer_never_has_are_refused(method: str, mask: str, culprit: str) -> None:
    with pytest.raises(MaskError, match=f"^Invalid field selection {culprit}$"):
        check(parse(mask), method)


async def test_an_unknown_field_is_refused_as_an_invalid_parameter(
    shared: Sandbox, shared_token: str
) -> None:
    for path in ("/gmail/v1/users/me/messages", "/calendar/v3/calendars/primary/events"):
        answer = await shared.call(path, params={"fields": "colour"}, token=shared_token)
        assert answer.status == 400
        (entry,) = answer.json["error"]["errors"]
        assert (entry["reason"], entry["location"]) == ("invalidParameter", "fields")
        assert entry["message"] == "Invalid field selection colour"


_paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(_paths, min_size=1, max_size=6), st.randoms())
def test_the_order_of_a_mask_does_not_matter(paths: list[str], rng: Random) -> None:
    tree: dict[str, Any] = {}
    for name in ("a", "b", "c"):
        tree = {"a": tree, "b": [tree], "c": {"a": 1, name: tree}}
    shuffled = list(paths)
    rng.shuffle(shuffled)
    assert parse(",".join(paths)).apply(tree) == parse(",".join(shuffled)).apply(tree)
