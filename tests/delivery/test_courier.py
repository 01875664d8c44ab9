"""What a courier decides to send, when, and what of it still goes out after a wait."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.delivering import (
    EPOCH,
    Room,
    events_of,
    flushed,
    item_names,
    notice,
    per_minute,
    place_of,
    ref,
    sent,
    stands,
)
from support.streaming import DIARY, MAIL

from scp_server.delivery.courier import (
    FLUSH_BYTES,
    FLUSH_EVENTS,
    NOTHING,
    End,
    Flush,
    Wait,
    frames,
)
from scp_server.engine.readers import Entry, Proves
from scp_wire import encode
from scp_wire.encode import MAX_EVENT_BYTES, Envelope
from scp_wire.events import EventType


def entry(n: int, stream: str, *, item: bool, size: int, batch_size: int) -> Entry:
    body = b'{"x":"%b"}' % (b"x" * size)
    envelope = Envelope(provider="google", timestamp=1.0, event_id=f"{EPOCH}-{n}", offset=n)
    encoded = encode.encode(EventType.DATA_UPDATE, envelope, body)
    return Entry(
        n=n,
        stream_id=stream,
        stream_type=MAIL,
        encoded=encoded,
        ordinal=n if item else None,
        item_id=str(n) if item else None,
        batch_size=batch_size,
        size=encoded.size,
    )


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from([1, 1, 200_000, 900_000])),
        max_size=30,
    ),
    st.integers(min_value=1, max_value=6),
    st.booleans(),
)
def test_events_are_cut_by_stream_kind_batch_size_and_a_mebibyte(
    given_entries: list[tuple[str, bool, int]],
    batch_size: int,
    batch: bool,  # noqa: FBT001
) -> None:
    entries = [
        entry(n, stream, item=item, size=size, batch_size=batch_size)
        for n, (stream, item, size) in enumerate(given_entries, 1)
    ]
    cut = list(frames(entries, batch=batch))
    assert [e for frame in cut for e in frame.entries] == entries, "all, in order"
    for frame in cut:
        assert len(frame.event("session-x")) <= MAX_EVENT_BYTES
        if len(frame.entries) > 1:
            assert batch
            assert len(frame.entries) <= batch_size
            assert all(e.ordinal is not None for e in frame.entries)
            assert len({e.stream_id for e in frame.entries}) == 1
    for one, other in pairwise(cut):
        joined = (*one.entries, other.entries[0])
        fits = sum(e.encoded.size + 40 for e in joined) < MAX_EVENT_BYTES - 8192
        alike = len({e.stream_id for e in joined}) == 1 and all(e.ordinal for e in joined)
        assert not (batch and alike and fits and len(joined) <= batch_size), "cut without need"


def test_every_event_is_sent_once_in_order_and_shows_the_presented_session() -> None:
    room = Room()
    courier = room.courier()
    room.control()
    room.items(150)
    events = sent(courier)
    room.items(5, DIARY)
    events += sent(courier)
    assert item_names(events) == [f"g{k}" for k in range(1, 151)] + [f"c{k}" for k in range(1, 6)]
    assert [place_of(e) for e in events] == [ref(n) for n in range(1, 157)]
    assert {e.session_id for e in events} == {courier.consumer.session_id.reveal()}
    assert courier.next(0.0) == NOTHING
    assert room.shares[MAIL].items_written == 150
    assert stands(courier.reader) == (156, 156, 0)


def test_what_goes_out_together_is_bounded_in_events_and_bytes() -> None:
    room = Room()
    courier = room.courier()
    room.items(FLUSH_EVENTS + 1)
    assert len(flushed(courier).frames) == FLUSH_EVENTS
    room.items(10, size=FLUSH_BYTES // 3)
    room.items(2, size=2 * FLUSH_BYTES)
    sizes: list[list[int]] = []
    while isinstance(flush := courier.next(0.0), Flush):
        sizes.append([e.encoded.size for e in flush.entries])
    assert all(sum(some) <= FLUSH_BYTES or len(some) == 1 for some in sizes)
    assert sum(len(some) for some in sizes) == 13
    assert len(sizes) == 1 + 4 + 2


def test_batches_carry_a_streams_items_up_to_its_batch_size() -> None:
    room = Room(batch_size=40)
    courier = room.courier(batch=True)
    room.control()
    room.items(100)
    room.items(3, DIARY)
    room.items(1)
    events = sent(courier)
    kinds = [e.event_type for e in events]
    assert kinds == ["stream_resumed", *["data_batch"] * 4, "data_update"]
    assert [len(e.data["items"]) for e in events[1:5]] == [40, 40, 20, 3]
    offsets = [i["offset"] for e in events[1:4] for i in e.data["items"]]
    assert offsets == list(range(2, 102))
    assert len(item_names(events)) == len(set(item_names(events))) == 104


def test_no_batch_exceeds_a_mebibyte() -> None:
    room = Room()
    courier = room.courier(batch=True)
    room.items(12, size=300_000)
    sizes: list[int] = []
    while isinstance(flush := courier.next(0.0), Flush):
        sizes += [len(frame.event("session-presented")) for frame in flush.frames]
        assert [frame.items for frame in flush.frames] == [3]
    assert len(sizes) == 4
    assert max(sizes) <= MAX_EVENT_BYTES


def test_the_rows_of_a_flush_are_one_a_stream_and_name_each_item() -> None:
    room = Room(batch_size=10)
    courier = room.courier()
    room.control()
    room.items(35)
    room.items(2, DIARY)
    flush = flushed(courier)
    rows = list(courier.audited(flush, 7.0))
    assert [(r.action, r.actor, r.stream_id, r.items, r.at) for r in rows] == [
        ("delivered", "agent:an agent", f"s-{MAIL}", 35, 7.0),
        ("delivered", "agent:an agent", f"s-{DIARY}", 2, 7.0),
    ]
    assert rows[0].item_ids == tuple(f"id-{k}" for k in range(1, 36))
    assert rows[0].size == sum(
        e.encoded.size for e in flush.entries if e.item_id and e.stream_type is MAIL
    )


def test_what_holds_no_item_needs_no_row() -> None:
    room = Room()
    courier = room.courier()
    room.control()
    assert list(courier.audited(flushed(courier), 0.0)) == []
    courier.reader.notify(notice())
    assert list(courier.audited(flushed(courier), 0.0)) == []


def test_who_stands_at_the_same_place_shares_the_run_the_cuts_and_the_rows() -> None:
    room = Room()
    one, other, batching = room.courier(), room.courier(name="d"), room.courier(batch=True)
    room.items(20)
    mine, theirs, batched = flushed(one), flushed(other), flushed(batching)
    assert mine.run is theirs.run
    assert mine.frames is theirs.frames
    assert mine.whole
    assert batched.run is not mine.run
    assert len(batched.frames) == 1
    (mine_row,), (their_row,) = one.audited(mine, 0.0), other.audited(theirs, 0.0)
    assert mine_row.item_ids is their_row.item_ids


def test_who_joined_in_mid_stream_shares_runs_once_it_has_proven_what_lay_before_it() -> None:
    room = Room()
    first = room.courier(types=frozenset({MAIL}))
    room.items(10)
    first.written(flushed(first))
    first.reader.proven(ref(10))
    second = room.courier(types=frozenset({MAIL}))
    assert second.reader.floors, "of mail it needs nothing, of the diary all"
    room.items(1)
    for courier in (first, second):
        assert item_names(sent(courier)) == ["g11"]
        courier.reader.proven(ref(11))
    room.items(5)
    assert flushed(first).run is flushed(second).run


def test_a_consumer_that_may_not_be_given_all_of_a_run_gets_its_own_cut_of_it() -> None:
    room = Room()
    paced, free = room.courier(pace=per_minute(6)), room.courier(name="d")
    room.items(20)
    some, whole = flushed(paced), flushed(free)
    assert (some.whole, len(some.frames)) == (False, 5), "a warning is due with one left"
    assert (whole.whole, len(whole.frames)) == (True, 20)
    assert [row.items for row in paced.audited(some, 0.0)] == [5]
    free.written(whole)
    assert room.shares[MAIL].items_written == 20


def test_pacing_delays_and_never_drops() -> None:
    room = Room()
    courier = room.courier(pace=per_minute(100))
    room.items(250)
    now, names, times = 1000.0, list[str](), list[float]()
    while len(names) < 250:
        match courier.next(now):
            case Flush() as flush:
                courier.written(flush)
                names += item_names(events_of(flush))
                times += [now] * len(flush.frames)
                left = 100 - sum(t > now - 60 for t in times)
                assert (flush.limit is not None) == (left <= 10)
                assert flush.limit is None or flush.limit.remaining == left
            case Wait(until):
                assert until is not None
                assert until > now
                now = until
            case End():
                pytest.fail("nobody closed it")
    assert names == [f"g{k}" for k in range(1, 251)]
    assert all(later - first >= 60 for first, later in zip(times, times[100:], strict=False))
    assert now == 1120.0


def test_batches_count_once_against_the_pace() -> None:
    room = Room(batch_size=50)
    courier = room.courier(pace=per_minute(3), batch=True)
    room.items(400)
    assert [len(e.data["items"]) for e in sent(courier)] == [50, 50, 50]
    assert courier.next(0.0) == Wait(60.0)
    assert courier.busy


def test_notices_neither_count_nor_wait_for_the_pace_or_the_window() -> None:
    room = Room()
    courier = room.courier(pace=per_minute(10), proves=Proves.ACK, window=10)
    room.items(30)
    assert len(sent(courier)) == 10
    courier.reader.notify(notice())
    assert [e.event_type for e in events_of(flushed(courier, on_the_way=10))] == ["token_refresh"]
    assert courier.next(0.0, on_the_way=10) == NOTHING
    assert len(sent(courier, 60.0)) == 10


def test_an_end_waits_for_nothing_but_what_is_still_to_be_told() -> None:
    room = Room()
    courier = room.courier(pace=per_minute(10))
    room.items(30)
    assert len(sent(courier)) == 10
    courier.reader.notify(notice(EventType.SESSION_EXPIRED))
    courier.reader.close("session_expired")
    assert [e.event_type for e in events_of(flushed(courier))] == ["session_expired"]
    assert courier.next(0.0) == End("session_expired")
    assert courier.next(1000.0) == End("session_expired")


@given(
    window=st.integers(min_value=1, max_value=12),
    acks=st.lists(st.integers(min_value=0, max_value=8), max_size=40),
    batch=st.booleans(),
)
def test_no_more_is_on_its_way_than_the_consumers_window_and_all_arrives(
    window: int,
    acks: list[int],
    batch: bool,  # noqa: FBT001
) -> None:
    room = Room(batch_size=3)
    courier = room.courier(proves=Proves.ACK, window=window, batch=batch)
    room.items(40)
    on_the_way, names = 0, list[str]()
    for acknowledged in [*acks, *[window] * 41]:
        on_the_way -= min(acknowledged, on_the_way)
        while isinstance(flush := courier.next(0.0, on_the_way=on_the_way), Flush):
            assert len(flush.places) == len(flush.frames)
            on_the_way += len(flush.frames)
            assert on_the_way <= window
            courier.written(flush)
            names += item_names(events_of(flush))
    assert names == [f"g{k}" for k in range(1, 41)]


def test_a_consumer_that_pongs_proves_a_flush_at_once() -> None:
    room = Room()
    courier = room.courier()
    room.items(5)
    flush = flushed(courier)
    assert flush.last == ref(5)
    courier.reader.notify(notice())
    assert flushed(courier).places == []
