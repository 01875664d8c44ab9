"""How the response that carries a stream lives and ends, in virtual time."""

import anyio
import pytest
from support.http_room import HttpRoom, Reply
from support.scripted_provider import Source
from support.streaming import DIARY, MAIL
from support.virtual_time import settle

from scp_server.domain.errors import PositionLost, RequestRefused
from scp_server.engine.shares import ShareLimits

LONG = "x" * 4000


async def test_a_stream_is_read_to_its_end_and_the_end_named_is_the_last_that_is_asked() -> None:
    room = HttpRoom()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        reply = await room.whole(stream_id, session, format="sse")
        assert reply.ended
        assert reply.kinds[0] == "stream_started"
        assert reply.kinds[-1] == "stream_completed"
        assert reply.ids == room.mail.ids
        assert (await room.engine.status(stream_id)).stream.state == "active"
        for _ in range(2):
            again = await room.whole(stream_id, session, headers={"Last-Event-ID": reply.last})
            assert (again.status, again.body) == (204, b"")
            assert (await room.engine.status(stream_id)).stream.state == "completed"
    async with room.serving():
        # Another process knows it, too.
        again = await room.whole(stream_id, session, last_event_id=reply.last)
        assert again.status == 204


async def test_beats_come_every_fifteen_seconds_of_silence() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = room.read(stream_id, session, format="sse")
        await reply.until(4)
        before, at = len(reply.pieces), reply.pieces[-1][0]
        await anyio.sleep(61)
        beats = reply.pieces[before:]
        assert [piece for _, piece in beats] == [b": beat\n\n"] * 4
        assert [round(when - at) for when, _ in beats] == [15, 30, 45, 60]
        room.mail.happen("m1")
        await reply.until(5)
        assert reply.events[-1].data["origin"] == "live"


@pytest.mark.parametrize("line", [True, False])
async def test_who_does_not_read_is_dropped_and_holds_back_only_its_stream(
    line: bool,  # noqa: FBT001
) -> None:
    room = HttpRoom(
        mail=Source(items=2000, text=LONG),
        diary=Source(name="e", items=300),
        share=ShareLimits(events=64),
    )
    async with room.serving():
        session, pk = await room.session_id()
        mail = await room.begin(session)
        diary = await room.begin(session, stream_type=DIARY)
        slow = room.read(mail, session, line=line, batch="true")
        slow.stop_reading()
        fast = await room.whole(diary, session)
        assert fast.ids == room.diary.ids
        await settle()
        assert len(slow.ids) < 400
        began = anyio.current_time()
        await slow.done.wait()
        assert 25 <= anyio.current_time() - began <= 40
        assert slow.aborted is line
        assert not slow.ended
        assert list(room.meter.failures) == ["SLOW_CONSUMER"]
        await nobody_is_left(room, pk)
        rest = await room.whole(mail, session, last_event_id=slow.last)
        assert rest.ids[0] == room.mail.ids[len(slow.ids)]
        assert rest.ids[-1] == room.mail.ids[-1]


async def nobody_is_left(room: HttpRoom, pk: int) -> None:
    await settle()
    live = room.engine._live.get(pk)
    assert live is None or not live.window.readers
    assert room.readers is not None
    assert not room.readers._open


async def test_who_reads_slowly_is_not_dropped() -> None:
    room = HttpRoom(mail=Source(items=600, text=LONG))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        reply = room.read(stream_id, session)
        while not reply.done.is_set():
            reply.stop_reading()
            await anyio.sleep(25)
            reply.read_on()
            await settle()
        assert reply.ended
        assert reply.ids == room.mail.ids


async def test_a_drain_is_told_with_the_place_to_go_on_and_ends_the_response() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, pk = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        replies = [room.read(stream_id, session, format="sse") for _ in range(3)]
        for reply in replies:
            await reply.until(4)
        blocked = room.read(stream_id, session)
        blocked.waiting, blocked.reading = 10**6, False
        await settle()
        began = anyio.current_time()
        await room.engine.drain()
        for reply in replies:
            await reply.done.wait()
            assert reply.ended
            told = reply.events[-1]
            assert told.event_type == "server_draining"
            assert told.data["resume_event_id"] == reply.last
        await blocked.done.wait()
        assert anyio.current_time() - began < 10
        refused = await room.whole(stream_id, session)
        assert (refused.status, refused.code) == (503, "SHUTTING_DOWN")
        await nobody_is_left(room, pk)


async def test_the_end_of_the_session_is_told_and_ends_the_response() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, pk = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = room.read(stream_id, session, format="sse")
        await reply.until(4)
        await room.engine.tidings.session_ended(pk)
        await reply.done.wait()
        assert reply.ended
        assert "session_expired" in reply.kinds
        await nobody_is_left(room, pk)


async def test_a_stop_is_the_last_word_and_known_for_good() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, pk = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = room.read(stream_id, session, format="sse")
        await reply.until(4)
        await room.engine.stop(stream_id)
        await reply.done.wait()
        assert reply.ended
        assert reply.kinds[-1] == "stream_stopped"
        await nobody_is_left(room, pk)
        assert (await room.whole(stream_id, session, last_event_id=reply.last)).status == 204
        # Who knows an earlier place, or none, is told how it ended; and knows then.
        for query in ({}, {"last_event_id": reply.events[1].event_id}):
            late = await room.whole(stream_id, session, format="sse", **query)
            assert late.kinds == ["stream_stopped"]
            assert late.last == reply.last
            assert late.events[-1].cursor


async def test_what_a_failure_cost_is_told_as_a_gap() -> None:
    room = HttpRoom(mail=Source(items=30))
    room.mail.troubles["follow"] = [RequestRefused("Never.")]
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = await room.whole(stream_id, session)
        assert reply.kinds[-1] == "stream_error"
        assert reply.events[-1].data["fatal"] is True
        assert (await room.whole(stream_id, session, last_event_id=reply.last)).status == 204
        late = await room.whole(stream_id, session, last_event_id=reply.events[5].event_id)
        assert late.kinds == ["stream_gap", "stream_error"]
        assert late.events[0].data["reread"] is False
        assert late.last == reply.last


async def test_who_is_gone_leaves_nothing_behind() -> None:
    room = HttpRoom(mail=Source(items=300))
    async with room.serving():
        session, pk = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        for k in range(20):
            reply: Reply = room.read(stream_id, session)
            await reply.until(k + 1)
            reply.go()
            await reply.done.wait()
            await nobody_is_left(room, pk)


async def test_it_does_not_take_a_seat_that_waits_for_another() -> None:
    room = HttpRoom()
    async with room.serving():
        session, pk = await room.session_id()
        found = await room.found(session)
        stream_id = await room.begin(session)
        guide = await room.attach(found, eating=False, types=frozenset({MAIL}))
        await guide.bite()
        room.lose(found, guide)
        assert room.engine.seat_waits(pk, None)
        reply = room.read(stream_id, session)
        await reply.until(1)
        reply.go()
        await reply.done.wait()
        assert room.engine.seat_waits(pk, None)


@pytest.mark.parametrize("restart", [False, True])
async def test_a_late_place_is_gone_on_from_though_nobody_proved_it(
    restart: bool,  # noqa: FBT001
) -> None:
    """The window has let go of it, or the process is another: the place was noted all the same."""
    room = HttpRoom(mail=Source(items=1000), share=ShareLimits(events=32))
    stream_id = session = named = ""
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True, batch_size=50)
        first = room.read(stream_id, session)
        await first.until(901)
        named = first.events[500].event_id or ""
        first.go()
        await first.done.wait()
        if not restart:
            await goes_on(room, stream_id, session, named)
    if restart:
        async with room.serving():
            await goes_on(room, stream_id, session, named)


async def goes_on(room: HttpRoom, stream_id: str, session: str, named: str) -> None:
    again = room.read(stream_id, session, last_event_id=named)
    while '"m999"' not in again.body.decode()[-2000:]:
        await again.until(again.count + 1)
    first = room.mail.ids.index(again.ids[0])
    assert 450 <= first <= 500, "a batch is repeated at most"
    assert again.ids == room.mail.ids[first:]
    assert "stream_gap" not in again.kinds


async def test_what_nobody_proved_does_not_pile_up() -> None:
    room = HttpRoom(mail=Source(items=5000, step=1))
    async with room.serving():
        session, pk = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = room.read(stream_id, session)
        await reply.until(5001)
        await settle()
        live = room.engine._live.get(pk)
        assert live is not None
        share = live.window.shares[stream_id]
        assert 100 < len(share.marks) <= 1000
        assert share.size <= 1024 * 1024
        reply.go()
        await reply.done.wait()
        again = room.read(stream_id, session, last_event_id=reply.last)
        await settle()
        assert not share.marks
        assert again.headers["scp-last-event-id"] == reply.last


async def test_a_lost_position_is_told_in_order() -> None:
    room = HttpRoom(mail=Source(items=40))
    room.mail.troubles["follow"] = [PositionLost("too old")]
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = room.read(stream_id, session, batch="true")
        while "stream_resumed" not in reply.kinds:
            await reply.until(reply.count + 1)
        assert reply.ids == room.mail.ids * 2
