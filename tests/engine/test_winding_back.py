"""Places older than the window: streams are wound back, or a gap is told."""

import anyio
import pytest
from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import DIARY, MAIL
from support.told import epoch_of, numbers, repeats_are_the_same
from support.virtual_time import settle

from scp_server.domain.errors import InvalidRequest, ShuttingDown, StorageUnavailable
from scp_server.domain.streams import StreamState
from scp_server.engine.arrivals import Arrival
from scp_server.engine.readers import Subscription
from scp_server.engine.shares import ShareLimits

SMALL = ShareLimits(events=20)


async def test_a_place_older_than_the_window_winds_the_stream_back_for_all() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        first = await room.attach(session)
        await first.until_items(150)
        place = first.events[40].event_id
        late = await room.attach(session, place=place)
        await late.until("stream_completed")
        await first.until("stream_completed")
        assert set(late.ids) >= set(room.mail.ids[40:])
        assert len(late.ids) < 260 + 20
        assert epoch_of(late.events[0]) != epoch_of(first.events[0])
        assert numbers(late.events) == list(range(1, len(late.events) + 1))
        assert [e.offset for e in late.events] == list(range(1, len(late.events) + 1))
        assert set(first.ids) == set(room.mail.ids)
        assert repeats_are_the_same([*first.events, *late.events])
        assert late.notices == []
        await settle()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.COMPLETED


async def test_what_was_streamed_before_a_winding_back_is_not_counted_again() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        first = await room.attach(session)
        await first.until_items(150)
        await room.attach(session, place=first.events[40].event_id, eating=False)
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.items_streamed >= 150


async def test_after_a_restart_a_place_of_the_old_epoch_goes_on_without_winding_back() -> None:
    room = Room(mail=Source(items=200), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session)
        await eater.until_items(90)
    async with room.running():
        again = await room.attach(session, place=eater.events[-1].event_id)
        await again.until("stream_completed")
        assert set(eater.ids) | set(again.ids) == set(room.mail.ids)
        assert len(again.ids) < 110 + 20
        assert again.notices == []


async def test_an_unknown_place_is_a_gap_and_all_is_read_again() -> None:
    room = Room(mail=Source(items=100), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session, real_time=True)
        eater = await room.attach(session)
        await eater.until_items(100)
    async with room.running():
        first = await room.attach(session)
        await settle()
        lost = await room.attach(session, place="aaaaaaaaaaaa-7")
        await lost.until("stream_resumed")
        gap = lost.notices[0]
        assert gap.event_type == "stream_gap"
        assert gap.data["reason"] == "window"
        assert gap.data["after_event_id"] == "aaaaaaaaaaaa-7"
        assert gap.data["reread"] is True
        assert lost.ids == room.mail.ids
        assert [e.event_type for e in first.notices] == ["stream_gap"], "it is wound back as well"


async def test_a_stream_that_began_after_the_place_is_no_gap() -> None:
    room = Room(share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session)
        await eater.until_items(30)
        place = eater.events[-1].event_id
    async with room.running():
        await room.start(session, DIARY)
        other = await room.attach(session)
        await other.until("stream_completed")
        back = await room.attach(session, place=place)
        while len([e for e in back.events if e.event_type == "stream_completed"]) < 2:
            await back.grew.wait()
        assert back.notices == []
        assert set(eater.ids) | set(back.ids) == {*room.mail.ids, *room.diary.ids}


async def test_a_place_that_was_never_given_out_is_refused() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session)
        await eater.until("stream_completed")
        epoch = epoch_of(eater.events[0])
        with pytest.raises(InvalidRequest) as refused:
            await room.attach(session, place=f"{epoch}-9999")
        assert refused.value.details["field"] == "last_event_id"


async def test_a_consumer_that_misses_the_end_of_a_stream_is_told_so() -> None:
    room = Room(mail=Source(items=200), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        lost = await room.attach(session, agent="lost")
        await lost.until_items(10)
        room.lose(session, lost, agent="lost")
        other = await room.attach(session, agent="other")
        await other.until("stream_completed")
        await settle()
        back = await room.attach(session, agent="lost")
        await settle()
        gap = back.notices[0]
        assert gap.event_type == "stream_gap"
        assert gap.data["reread"] is False


async def test_the_end_of_a_stream_waits_for_who_holds_a_seat() -> None:
    room = Room(mail=Source(items=15))
    async with room.running():
        session = await room.consented()
        await room.start(session)
        lost = await room.attach(session, agent="lost", eating=False, limit=4)
        while len(lost.ids) < 5:
            await lost.bite()
        room.lose(session, lost, agent="lost")
        other = await room.attach(session, agent="other")
        await other.until("stream_completed")
        await settle()
        back = await room.attach(session, agent="lost")
        await back.until("stream_completed")
        assert set(lost.ids) | set(back.ids) == set(room.mail.ids)
        assert back.notices == []


async def test_last_words_survive_a_winding_back() -> None:
    room = Room(mail=Source(items=300), diary=Source(name="e", items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        mail = await room.start(session)
        diary = await room.start(session, DIARY)
        first = await room.attach(session, eating=False)
        while len(first.ids) < 90:
            await first.bite()
            await settle()
        await room.engine.stop(diary.stream.stream_id)
        await room.attach(session, place=first.events[3].event_id, eating=False)
        await settle()
        while first.events[-1].offset != 20:
            await first.bite()
        stopped = [e for e in first.events if e.event_type == "stream_stopped"]
        assert [e.stream_id for e in stopped] == [diary.stream.stream_id]
        assert (await room.engine.status(mail.stream.stream_id)).stream.state == "active"


async def test_cursors_wind_their_streams_back_and_leave_the_others_where_they_are() -> None:
    room = Room(mail=Source(items=100), diary=Source(name="e", items=100), share=SMALL)
    async with room.running():
        session = await room.consented()
        mail = await room.start(session)
        await room.start(session, DIARY)
        eater = await room.attach(session)
        await eater.until_items(120)
        early = next(e for e in eater.events if e.cursor and e.stream_id == mail.stream.stream_id)
        assert early.cursor is not None
        back = await room.attach(session, cursors={mail.stream.stream_id: early.cursor})
        while len([e for e in back.events if e.event_type == "stream_completed"]) < 2:
            await back.grew.wait()
        assert set(back.ids) >= set(room.mail.ids)
        assert len([i for i in back.ids if i.startswith("e")]) < 100


async def test_a_wider_subscription_brings_what_nobody_has_had_and_loses_nothing() -> None:
    room = Room(mail=Source(items=100), diary=Source(name="e", items=100), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session, DIARY)
        await room.start(session, MAIL)
        eater = await room.attach(session, types=frozenset({MAIL}))
        await eater.until_items(80)
        await settle()
        assert all(i.startswith("m") for i in eater.ids)
        await room.engine.resubscribe(session, eater.reader, Subscription())
        while len([e for e in eater.events if e.event_type == "stream_completed"]) < 2:
            await eater.grew.wait()
        assert set(eater.ids) == {*room.mail.ids, *room.diary.ids}


async def test_a_narrower_subscription_ends_the_rest_at_once() -> None:
    room = Room(share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session, DIARY)
        await room.start(session, MAIL)
        eater = await room.attach(session, eating=False)
        while not eater.ids:
            await eater.bite()
        await settle()
        had = len(eater.ids)
        await room.engine.resubscribe(session, eater.reader, Subscription(types=frozenset({MAIL})))
        while len(eater.ids) - had < 40:
            await eater.bite()
        assert all(i.startswith("m") for i in eater.ids[had:])


async def test_a_winding_back_that_the_database_refuses_changes_nothing() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        first = await room.attach(session, agent="first")
        await first.until_items(150)
        place = first.events[40].event_id
        saving = room.ledger.save
        failing = _Failing()
        room.ledger.save = failing.save  # type: ignore[method-assign]
        with pytest.raises(StorageUnavailable):
            await room.attach(session, place=place)
        room.ledger.save = saving  # type: ignore[method-assign]
        assert failing.asked
        await first.until("stream_completed")
        assert first.ids == room.mail.ids
        await settle()
        (view,) = await room.engine.of_session(session.pk)
        assert view.stream.state is StreamState.COMPLETED


class _Failing:
    asked = False

    async def save(self, *_: object, **__: object) -> None:
        self.asked = True
        raise StorageUnavailable("The database does not answer.")


async def test_a_stream_that_completes_during_a_winding_back_does_not_run_again() -> None:
    room = Room(mail=Source(items=30), diary=Source(name="e", items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        mail = await room.start(session)
        await room.start(session, DIARY)
        only_mail = frozenset({MAIL})
        first = await room.attach(session, types=only_mail)
        second = await room.attach(session, types=frozenset({DIARY}), eating=False)
        while len(second.ids) < 60:
            await second.bite()
            first.proving = len(first.ids) < 20
        await first.until("stream_completed")
        room.ledger.pause = lambda: anyio.sleep(0.1)
        first.prove()
        await settle()
        assert mail.stream.stream_id in next(iter(room.engine._live)).running, "it is concluding"
        await room.attach(session, place=second.events[5].event_id, types=frozenset({DIARY}))
        await anyio.sleep(10)
        status = await room.engine.status(mail.stream.stream_id)
        assert status.stream.state is StreamState.COMPLETED
        ends = [row for row in room.audit.rows if row.action == "stream.completed"]
        assert [row.stream_id for row in ends] == [mail.stream.stream_id]


async def test_a_crash_in_the_middle_of_a_winding_back_skips_nothing() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        first = await room.attach(session)
        await first.until_items(150)
        place = first.events[40].event_id
        await room.attach(session, place=place, eating=False)
        stored = list(room.ledger.rows[view.stream.stream_id])
    # As if it had been killed right after: what was written then is all there is.
    room.ledger.rows[view.stream.stream_id] = stored
    async with room.running():
        back = await room.attach(session)
        await back.until("stream_completed")
        assert set(back.ids) >= set(room.mail.ids[40:])


async def test_a_seat_does_not_bring_back_what_was_proven_before_its_holder_came() -> None:
    room = Room(mail=Source(items=300), diary=Source(name="e", items=30), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session, DIARY)
        await room.start(session, MAIL)
        only_mail = await room.attach(session, types=frozenset({MAIL}), agent="first")
        await only_mail.until_items(200)
        both = await room.attach(session, agent="second", eating=False)
        room.lose(session, both, agent="second")
        back = await room.attach(session, agent="second")
        while len([e for e in back.events if e.event_type == "stream_completed"]) < 2:
            await back.grew.wait()
        assert epoch_of(back.events[-1]) == epoch_of(only_mail.events[0]), "nobody was wound back"
        assert [i for i in back.ids if i.startswith("e")] == room.diary.ids


async def test_nobody_is_let_in_by_a_server_that_does_not_run() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
    with pytest.raises(ShuttingDown):
        await room.engine.attach(session, Arrival())


async def test_nobody_is_wound_forward_by_one_who_is_further_on() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        ahead = await room.attach(session, eating=False, agent="ahead")
        while len(ahead.ids) < 200:
            await ahead.bite()
        room.lose(session, ahead, agent="ahead")
        behind = await room.attach(
            session, place=ahead.events[20].event_id, agent="behind", eating=False
        )
        while len(behind.ids) < 60:
            await behind.bite()
        back = await room.attach(session, agent="ahead")
        room.feed(behind)
        await back.until("stream_completed")
        await behind.until("stream_completed")
        assert set(behind.ids) >= set(room.mail.ids[20:])
        assert set(ahead.ids) | set(back.ids) == set(room.mail.ids)


async def test_a_wider_subscription_takes_nothing_from_one_who_is_further_back() -> None:
    room = Room(mail=Source(items=300, step=5), diary=Source(name="e", items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session, MAIL)
        await room.start(session, DIARY)
        first = await room.attach(session, types=frozenset({MAIL}), eating=False, limit=5)
        while len(first.ids) < 100:
            await first.bite()
        behind = await room.attach(
            session,
            place=first.events[-15].event_id,
            types=frozenset({MAIL}),
            eating=False,
            limit=1,
        )
        await behind.bite()
        await settle()
        epoch = behind.reader.epoch
        await room.engine.resubscribe(session, first.reader, Subscription())
        assert behind.reader.epoch != epoch, "they were wound back"
        room.feed(behind)
        room.feed(first)
        while behind.ids[-1] != room.mail.ids[-1]:
            await behind.grew.wait()
        start = room.mail.ids.index(behind.ids[0])
        assert set(behind.ids) >= set(room.mail.ids[start:])


async def test_a_gap_that_is_told_is_closed_even_when_nothing_had_been_read_before() -> None:
    room = Room(mail=Source(items=30), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
    async with room.running():
        here = await room.attach(session, eating=False)
        eater = await room.attach(session, place="ffffffffffff-5")
        room.feed(here)
        assert (await eater.until("stream_gap")).data["reread"] is True
        await eater.until("stream_resumed")
        await eater.until("stream_completed")
        assert eater.ids == room.mail.ids
