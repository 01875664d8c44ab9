"""Consumers that are lost, and come back to where they were."""

import pytest
from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import DIARY, kinds
from support.told import epoch_of, is_item, named, numbers
from support.virtual_time import settle

from scp_server.domain.errors import CursorInvalid, InvalidRequest
from scp_server.engine.shares import ShareLimits
from scp_wire.events import Event

SMALL = ShareLimits(events=20)


async def test_the_guides_client_takes_its_seat_again_and_loses_nothing() -> None:
    room = Room(mail=Source(items=400), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session, agent="guide")
        got: list[Event] = []
        for _ in range(6):
            await eater.until_items(50)
            room.lose(session, eater, agent="guide")
            got += eater.events
            assert room.engine.seat_waits(session.pk, "guide")
            eater = await room.attach(session, agent="guide")
        await eater.until("stream_completed")
        got += eater.events
        ids = [e.data["payload"]["id"] for e in got if is_item(e)]
        assert list(dict.fromkeys(ids)) == room.mail.ids, "nothing lost, in order"
        assert len(ids) < 400 + 6 * 20
        assert {epoch_of(e) for e in got} == {epoch_of(got[0])}, "the window sufficed"


async def test_a_seat_keeps_the_subscription() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        eater = await room.attach(session, agent="a", types=frozenset({DIARY}))
        room.lose(session, eater, agent="a")
        again = await room.attach(session, agent="a")
        assert again.reader.subscription.types == frozenset({DIARY})
        other = await room.attach(session, agent="b")
        assert other.reader.subscription.types is None


async def test_a_goodbye_and_a_long_absence_leave_no_seat() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        eater = await room.attach(session)
        room.lose(session, eater, seat=False)
        assert not room.engine.seat_waits(session.pk, None)


async def test_a_connection_that_is_refused_gives_its_seat_back() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session, agent="a")
        await eater.until_items(5)
        room.lose(session, eater, agent="a")
        epoch = epoch_of(eater.events[0])
        with pytest.raises(InvalidRequest):
            await room.attach(session, agent="a", place=f"{epoch}-9999")
        with pytest.raises(CursorInvalid):
            await room.attach(session, agent="a", cursors={"stream-x": "cursor.forged"})
        assert room.engine.seat_waits(session.pk, "a")


async def test_a_named_place_that_is_newer_than_the_seat_is_gone_on_from() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session, proving=False)
        await eater.until_items(30)
        room.lose(session, eater)
        place = eater.events[20].event_id
        again = await room.attach(session, place=place)
        await again.until("stream_completed")
        assert again.ids == room.mail.ids[20:]


async def test_a_named_place_of_an_epoch_that_is_over_is_older_than_the_seat() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session)
        await eater.until_items(30)
        room.lose(session, eater)
        again = await room.attach(session, place="aaaaaaaaaaaa-3")
        await again.until("stream_completed")
        assert set(eater.ids) | set(again.ids) == set(room.mail.ids)
        assert epoch_of(again.events[0]) == epoch_of(eater.events[0])


async def test_a_second_consumer_gets_what_is_not_proven_and_both_go_on() -> None:
    room = Room(mail=Source(items=200), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        first = await room.attach(session, eating=False)
        while len(first.ids) < 50:
            await first.bite()
        second = await room.attach(session)
        await settle()
        assert second.ids[0] in room.mail.ids[30:70], "it begins near what the first has"
        while "stream_completed" not in kinds(first.events):
            await first.bite()
        await second.until("stream_completed")
        assert first.ids == room.mail.ids
        assert second.ids == room.mail.ids[room.mail.ids.index(second.ids[0]) :]


async def test_a_place_in_the_window_is_replayed_though_others_are_ahead_and_press_on() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        first = await room.attach(session, eating=False)
        while len(first.ids) < 100:
            await first.bite()
        place = first.events[-6].event_id
        late = await room.attach(session, place=place, eating=False, limit=3)
        room.feed(first)
        while "stream_completed" not in kinds(late.events):
            await settle()
            await late.bite()
        start = numbers(first.events)[first.events.index(named(first.events, place)) + 1]
        assert numbers(late.events) == list(range(start, start + len(late.events)))
        assert late.ids == room.mail.ids[-len(late.ids) :]
        assert epoch_of(late.events[0]) == epoch_of(first.events[0])
