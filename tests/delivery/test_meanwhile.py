"""What was taken and is not written yet: of what happens meanwhile, all is taken account of."""

import pytest
from support.delivering import (
    NEXT_EPOCH,
    Room,
    events_of,
    flushed,
    item_names,
    notice,
    per_minute,
    place_of,
    ref,
    sent,
)
from support.streaming import DIARY, MAIL

from scp_server.delivery.courier import NOTHING
from scp_server.engine.readers import Subscription


def test_what_is_dropped_while_the_audit_is_written_is_not_sent() -> None:
    room = Room()
    courier = room.courier()
    room.items(30)
    room.items(5, DIARY)
    flush = flushed(courier)
    room.window.drop(room.shares[MAIL])
    good = courier.still_good(flush)
    assert good is not None
    assert not good.whole
    assert item_names(events_of(good)) == [f"c{k}" for k in range(1, 6)]
    courier.written(good)
    assert room.shares[MAIL].items_written == 0
    assert room.shares[DIARY].items_written == 5
    assert courier.next(0.0) == NOTHING


def test_what_is_dropped_while_it_waits_for_the_pace_is_not_sent() -> None:
    room = Room()
    courier = room.courier(pace=per_minute(10))
    room.items(15)
    room.items(20, DIARY)
    assert item_names(sent(courier)) == [f"g{k}" for k in range(1, 11)]
    room.window.drop(room.shares[MAIL])
    assert item_names(sent(courier, 60.0)) == [f"c{k}" for k in range(1, 11)]
    room.window.drop(room.shares[DIARY])
    assert courier.next(120.0) == NOTHING
    assert not courier.busy


@pytest.mark.parametrize("paced", [True, False])
def test_what_is_not_wanted_any_more_is_not_sent_though_it_was_taken(paced: bool) -> None:  # noqa: FBT001
    room = Room()
    courier = room.courier(pace=per_minute(10) if paced else None)
    room.items(30)
    room.items(5, DIARY)
    flush = flushed(courier)
    courier.reader.subscribe(Subscription(types=frozenset({DIARY})))
    good = courier.still_good(flush)
    left = [] if good is None else item_names(events_of(good))
    assert left + item_names(sent(courier, 60.0)) == [f"c{k}" for k in range(1, 6)]


def test_what_waits_is_cut_anew_when_the_consumer_asks_for_batches() -> None:
    room = Room()
    courier = room.courier(pace=per_minute(10))
    room.items(30)
    assert len(sent(courier)) == 10
    courier.reader.subscribe(Subscription(batch=True))
    events = sent(courier, 60.0)
    assert [e.event_type for e in events] == ["data_batch"]
    assert item_names(events) == [f"g{k}" for k in range(11, 31)]


@pytest.mark.parametrize("paced", [True, False])
def test_a_new_epoch_begins_at_once_and_nothing_of_the_old_one_follows(paced: bool) -> None:  # noqa: FBT001
    room = Room()
    courier = room.courier(pace=per_minute(20) if paced else None)
    room.items(30)
    flush = flushed(courier)
    room.wind_back(items=4)
    assert courier.still_good(flush) is None
    events = sent(courier, 60.0)
    assert [place_of(e) for e in events] == [ref(n, NEXT_EPOCH) for n in (1, 2, 3, 4)]
    assert [e.offset for e in events] == [1, 2, 3, 4]
    assert courier.reader.written_ref == ref(4, NEXT_EPOCH)


def test_what_was_written_of_the_old_epoch_is_no_place_of_the_new_one() -> None:
    room = Room()
    courier = room.courier()
    room.items(30)
    flush = flushed(courier)
    room.wind_back(items=40)
    courier.written(flush)
    assert courier.reader.written_n == 0
    assert len(sent(courier)) == 40


def test_nothing_is_sent_of_a_reader_that_was_closed_meanwhile_but_its_notices() -> None:
    room = Room()
    courier = room.courier()
    room.items(3)
    flush = flushed(courier)
    courier.reader.notify(notice())
    told = flushed(courier)
    courier.reader.close("server_draining")
    assert courier.still_good(flush) is None
    assert courier.still_good(told) is told
