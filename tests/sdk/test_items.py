"""What a reader makes of any course of events: drops, replays, new epochs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdk.scripted_server import STREAM, Json, batch, body, completed, envelope, update

from scp_sdk import ProtocolError
from scp_sdk.holdings import Holdings
from scp_sdk.items import Hole, Recent, Tale
from scp_wire.events import Event, EventType


def event(said: Json) -> Event:
    return msgspec.convert(said, Event)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[int, list[Json]]:
    """The events of a stream as a server may deliver them: at any time it goes back, and in a new
    epoch everything not seen comes with numbers that begin again.
    """
    total = draw(st.integers(1, 12))
    turns = draw(st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=4))
    sent: list[Json] = []
    at, epoch, base = 1, 0, 0
    while at <= total:
        sent.append(update(at - base, f"item-{at}", epoch=f"e{epoch}"))
        at += 1
        if turns and turns[-1][0] <= at:
            back, anew = turns.pop()
            if anew:  # wound back: a new epoch
                at, epoch, base = back, epoch + 1, back - 1
            else:  # the same epoch, replayed from an earlier place
                at = max(base + 1, back)
    sent.append(completed(total + 1 - base, epoch=f"e{epoch}"))
    return total, sent


@given(deliveries())
def test_every_change_is_given_once_and_in_order(course: tuple[int, list[Json]]) -> None:
    total, sent = course
    tale = Tale(STREAM)
    got = [item.id for said in sent for item in tale.read(event(said))]
    assert got == [f"item-{n}" for n in range(1, total + 1)]
    assert tale.ended is EventType.STREAM_COMPLETED


@given(st.integers(1, 20), st.data())
def test_a_missing_event_is_always_noticed(total: int, data: st.DataObject) -> None:
    missing = data.draw(st.integers(2, total + 1), "missing")
    sent = [update(n, f"item-{n}") for n in range(1, total + 1)] + [completed(total + 1)]
    tale = Tale(STREAM)
    for said in sent[: missing - 1]:
        tale.read(event(said))
    # Of a stream that lacks its last event, nothing says that it has ended.
    assert tale.ended is None
    for said in sent[missing:]:
        with pytest.raises(Hole):
            tale.read(event(said))
    assert tale.place == f"e1-{missing - 1}"


def test_a_hole_before_a_batch_is_noticed_by_its_first_item() -> None:
    tale = Tale(STREAM)
    tale.read(event(update(1, "a")))
    with pytest.raises(Hole):
        tale.read(event(batch(4, "cd", first_offset=3)))


def test_what_follows_an_announced_gap_may_begin_anywhere() -> None:
    gap = {
        "stream_id": STREAM,
        "reason": "window",
        "after_event_id": "e1-1",
        "reread": False,
        "complete_listing": False,
    }
    tale = Tale(STREAM)
    tale.read(event(update(1, "a")))
    tale.read(event(envelope("stream_gap", 40, gap, offset=40)))
    assert [item.id for item in tale.read(event(update(41, "z")))] == ["z"]


def test_events_of_other_streams_move_the_place_and_nothing_else() -> None:
    tale = Tale(STREAM)
    assert tale.read(event(update(7, "a", stream_id="stream-other"))) == []
    assert tale.place == "e1-7"
    assert [item.id for item in tale.read(event(update(9, "b")))] == ["b"]


def test_a_changed_item_comes_again_and_an_unchanged_one_does_not() -> None:
    tale = Tale(STREAM)
    versions = ["1", "1", "2"]
    got = [
        tale.read(event(envelope("data_update", n, body("a", version=version), offset=n)))
        for n, version in enumerate(versions, start=1)
    ]
    assert [len(items) for items in got] == [1, 0, 1]


def test_only_the_items_that_changed_last_are_remembered() -> None:
    recent = Recent(2)
    assert [recent.add(key, "1") for key in "abab"] == [True, True, False, False]
    assert [recent.add(key, "1") for key in "cba"] == [True, False, True]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=12), st.integers(0))
def test_a_consumer_ends_with_the_last_change_of_each_item_whatever_is_repeated(
    changes: list[tuple[str, int]], back: int
) -> None:
    """A replay begins anywhere and goes on in order, as after a lost place."""
    recent, held = Recent(100), dict[str, int]()
    start = back % (len(changes) + 1)
    for identity, version in changes + changes[start:]:
        if recent.add(identity, str(version)):
            held[identity] = version
    assert held == dict(changes)


@pytest.mark.parametrize("data", [{"items": 3}, {"items": [{}]}, {}])
def test_an_item_of_another_shape_is_a_protocol_error(data: Json) -> None:
    with pytest.raises(ProtocolError):
        Tale(STREAM).read(event(envelope("data_batch", 1, data)))


def test_an_item_without_an_id_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        Tale(STREAM).read(event(envelope("data_update", 1, body("a") | {"payload": {}}, offset=1)))


def test_the_content_of_an_item_is_not_in_its_repr() -> None:
    (item,) = Tale(STREAM).read(event(update(1, "a")))
    assert item.payload["subject"] == "About a"
    assert "About a" not in repr(item)


def gap(offset: int) -> Event:
    data = {
        "stream_id": STREAM,
        "reason": "position_lost",
        "after_event_id": None,
        "reread": True,
        "complete_listing": True,
    }
    return event(envelope("stream_gap", offset, data, offset=offset))


def resumed(offset: int) -> Event:
    data = {"stream_type": "gmail_messages", "status": "active"}
    return event(envelope("stream_resumed", offset, data, offset=offset))


def test_what_a_complete_listing_does_not_have_any_more_is_given_out_as_deleted() -> None:
    tale = Tale(STREAM, holdings=Holdings())
    for n, identity in enumerate("abc", start=1):
        tale.read(event(update(n, identity)))
    assert tale.read(gap(4)) == []
    assert tale.read(event(update(5, "b"))) == [], "a repeat is no change, but it is listed"
    assert [item.id for item in tale.read(event(update(6, "d")))] == ["d"]
    gone = tale.read(resumed(7))
    assert [(item.id, item.change, item.reason) for item in gone] == [
        ("a", "deleted", "not_listed"),
        ("c", "deleted", "not_listed"),
    ]
    assert tale.read(gap(8)) == []
    assert [item.id for item in tale.read(resumed(9))] == ["b", "d"]


def test_a_resumption_without_a_complete_listing_deletes_nothing() -> None:
    tale = Tale(STREAM, holdings=Holdings())
    tale.read(event(update(1, "a")))
    assert tale.read(resumed(2)) == []


def test_what_was_not_listed_and_comes_back_unchanged_is_given_out_again() -> None:
    tale = Tale(STREAM, holdings=Holdings())
    tale.read(event(update(1, "a")))
    tale.read(gap(2))
    assert [item.change for item in tale.read(resumed(3))] == ["deleted"]
    assert [item.id for item in tale.read(event(update(4, "a")))] == ["a"]


def test_a_complete_listing_of_which_something_is_lost_deletes_nothing() -> None:
    tale = Tale(STREAM, holdings=Holdings())
    for n, identity in enumerate("abc", start=1):
        tale.read(event(update(n, identity)))
    tale.read(gap(4))
    tale.read(event(update(5, "b")))
    lost = {
        "stream_id": STREAM,
        "reason": "window",
        "after_event_id": "e1-5",
        "reread": False,
        "complete_listing": False,
    }
    tale.read(event(envelope("stream_gap", 0, lost)))
    assert tale.read(resumed(90)) == [], "a and c may have been in what was lost"
