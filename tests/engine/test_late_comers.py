"""Consumers that come too late: streams have ended, and the window has let go of them."""

from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import DIARY, MAIL, Eater, MemoryLedger
from support.told import epoch_of
from support.virtual_time import settle

from scp_server.domain.sessions import Session
from scp_server.domain.streams import Stream, StreamState
from scp_server.engine.shares import ShareLimits

SMALL = ShareLimits(events=20)


async def lost_after(room: Room, session: Session, count: int) -> Eater:
    """A consumer that took so many items, and is lost; its seat remains."""
    lost = await room.attach(session, agent="lost", eating=False, limit=1)
    while len(lost.ids) < count:
        await lost.bite()
    room.lose(session, lost, agent="lost")
    return lost


def told(eater: Eater) -> list[tuple[str, str | None, bool | None]]:
    """Notices: what, of which stream, and whether it is read again."""
    return [
        (n.event_type, n.stream_id or n.data.get("stream_id"), n.data.get("reread"))
        for n in eater.notices
    ]


async def test_a_stream_that_completed_before_a_restart_is_told_as_a_gap_and_an_end() -> None:
    room = Room(mail=Source(items=60), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        lost = await lost_after(room, session, 10)
        other = await room.attach(session, agent="other")
        await other.until("stream_completed")
        await settle()
        assert (await room.engine.status(view.stream.stream_id)).stream.state == "completed"
    async with room.running():
        back = await room.attach(session, agent="lost", place=lost.events[-1].event_id)
        await settle()
        name = view.stream.stream_id
        assert told(back) == [("stream_gap", name, False), ("stream_completed", name, None)]
        gap, end = back.notices
        assert gap.data["after_event_id"] == lost.events[-1].event_id
        assert end.event_id is None, "who named it would skip what other streams have before it"
        assert end.data["items"] == 60
        assert end.cursor is not None
        assert back.events == []


async def test_a_stream_that_completed_while_its_window_was_kept_for_nobody_is_told_too() -> None:
    room = Room(mail=Source(items=60), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        early = await room.attach(session, eating=False, limit=1)
        while len(early.ids) < 10:
            await early.bite()
        room.lose(session, early, seat=False)
        other = await room.attach(session)
        await other.until("stream_completed")
        await settle()
        back = await room.attach(session, place=early.events[-1].event_id)
        await settle()
        name = view.stream.stream_id
        assert told(back) == [("stream_gap", name, False), ("stream_completed", name, None)]


async def test_who_had_the_last_item_misses_nothing_but_the_last_word() -> None:
    room = Room(mail=Source(items=30), diary=Source(name="e", items=30, step=4))
    async with room.running():
        session = await room.consented()
        mail = await room.start(session, MAIL)
        await room.start(session, DIARY)
        reader = await room.attach(session)
        while len([e for e in reader.events if e.event_type == "stream_completed"]) < 2:
            await reader.grew.wait()
        await settle()
    ours = [e for e in reader.events if e.stream_id == mail.stream.stream_id]
    async with room.running():
        back = await room.attach(session, place=ours[-2].event_id, types=frozenset({MAIL}))
        await settle()
        assert told(back) == [("stream_completed", mail.stream.stream_id, None)]
        late = await room.attach(session, place=ours[-3].event_id, types=frozenset({MAIL}))
        await settle()
        assert [kind for kind, _, _ in told(late)] == ["stream_gap", "stream_completed"]


async def test_nothing_is_told_of_streams_that_were_over_before_or_are_not_wanted() -> None:
    room = Room(mail=Source(items=30), diary=Source(name="e", items=60))
    async with room.running():
        session = await room.consented()
        await room.start(session, MAIL)
        reader = await room.attach(session)
        await reader.until("stream_completed")
        at_the_end = reader.events[-1].event_id
        await settle()
        again = await room.attach(session, place=at_the_end)
        await settle()
        assert again.notices == []
    async with room.running():
        await room.start(session, DIARY)
        reader = await room.attach(session)
        await reader.until_items(30)
        back = await room.attach(session, place=reader.events[20].event_id)
        unwilling = await room.attach(session, place=at_the_end, types=frozenset({DIARY}))
        await settle()
        assert back.notices == []
        assert unwilling.notices == []


async def test_a_stream_that_was_stopped_is_told_with_its_cursor_and_without_a_gap() -> None:
    room = Room(mail=Source(items=60), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        lost = await lost_after(room, session, 10)
        await room.engine.stop(view.stream.stream_id)
    async with room.running():
        back = await room.attach(session, place=lost.events[-1].event_id)
        await settle()
        assert told(back) == [("stream_stopped", view.stream.stream_id, None)]
        assert back.notices[0].cursor is not None
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.STOPPED


async def test_what_the_window_still_has_of_an_ended_stream_is_given_after_the_gap() -> None:
    room = Room(mail=Source(items=60), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session)
        await lost_after(room, session, 10)
        other = await room.attach(session, agent="other")
        await other.until("stream_completed")
        await settle()
        back = await room.attach(session, agent="lost")
        await back.until("stream_completed")
        assert [n.event_type for n in back.notices] == ["stream_gap"]
        assert back.ids == room.mail.ids[-len(back.ids) :]
        assert len(back.ids) >= SMALL.events - 1, "no less than there still is"


async def test_each_of_those_wound_back_is_told_the_gap_after_its_own_place() -> None:
    room = Room(mail=Source(items=100), share=SMALL)
    async with room.running():
        session = await room.consented()
        await room.start(session, real_time=True)
        eater = await room.attach(session)
        await eater.until_items(50)
    async with room.running():
        first = await room.attach(session)
        await first.until_items(10)
        await settle()
        had = first.events[-1].event_id
        lost = await room.attach(session, place="aaaaaaaaaaaa-7")
        await lost.until("stream_resumed")
        await first.until("stream_gap")
        assert lost.notices[0].data["after_event_id"] == "aaaaaaaaaaaa-7"
        assert first.notices[0].data["after_event_id"] == had


async def test_who_is_wound_back_out_of_the_end_of_a_stream_is_told_so() -> None:
    room = Room(mail=Source(items=15), diary=Source(name="e", items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        mail = await room.start(session, MAIL)
        await room.start(session, DIARY, real_time=True)
        lost = await lost_after(room, session, 3)
        ahead = await room.attach(session, agent="ahead")
        await ahead.until_items(120)
        await settle()
        status = await room.engine.status(mail.stream.stream_id)
        assert status.stream.state is StreamState.COMPLETED
        only_mail = frozenset({MAIL})
        slow = await room.attach(
            session, place=lost.events[-1].event_id, types=only_mail, agent="slow", eating=False
        )
        assert slow.notices == []
        epoch = epoch_of(ahead.events[0])
        await room.attach(
            session, place=f"{epoch}-1", types=frozenset({DIARY}), agent="another", eating=False
        )
        assert slow.reader.epoch != epoch, "all were wound back"
        await slow.bite()
        assert told(slow)[0] == ("stream_gap", mail.stream.stream_id, False)
        assert slow.notices[0].data["after_event_id"] == lost.events[-1].event_id


async def test_no_gap_is_dropped_however_many_there_are() -> None:
    room = Room(mail=Source(items=30), share=SMALL)
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        lost = await lost_after(room, session, 3)
        for _ in range(20):
            other = await room.attach(session, agent="other")
            await other.until("stream_completed")
            await settle()
            room.lose(session, other, seat=False)
            view = await room.start(session)
    async with room.running():
        await room.engine.stop(view.stream.stream_id)
        back = await room.attach(session, place=lost.events[-1].event_id)
        await settle()
        assert len([n for n in back.notices if n.event_type == "stream_gap"]) == 20


class BusyLedger(MemoryLedger):
    """A database that takes its time: whatever can happen meanwhile does."""

    async def of_session(self, session_pk: int) -> list[Stream]:
        """What it always gives."""
        await settle()
        return await super().of_session(session_pk)


async def test_nothing_leaves_the_window_while_ended_streams_are_looked_up() -> None:
    room = Room(mail=Source(items=60), share=ShareLimits(events=6), ledger=BusyLedger())
    async with room.running():
        session = await room.consented()
        await room.start(session)
        lost = await room.attach(session, agent="lost", eating=False, limit=1)
        # It is what the other waits for, until it is gone.
        await room.attach(session, agent="other")
        while not lost.ids:
            await lost.bite()
        room.lose(session, lost, agent="lost")
        back = await room.attach(session, agent="lost", place=lost.events[-1].event_id)
        await back.until("stream_completed")
        assert {*lost.ids, *back.ids} == {*room.mail.ids}
