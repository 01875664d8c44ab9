"""Streams started, stopped and resumed."""

from dataclasses import replace

import anyio
import pytest
from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import DIARY, MAIL, kinds
from support.virtual_time import settle

from scp_server.domain.errors import (
    CursorInvalid,
    InsufficientScope,
    SessionPending,
    StreamAlreadyActive,
    StreamNotFound,
    TokenExpired,
)
from scp_server.domain.sessions import SessionState
from scp_server.domain.streams import StreamState
from scp_server.engine.shares import ShareLimits


async def test_a_stream_is_started_read_to_its_end_and_completed() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        assert view.stream.state is StreamState.ACTIVE
        eater = await room.attach(session)
        await eater.until("stream_completed")
        await settle()
        after = await room.engine.status(view.stream.stream_id)
        assert after.stream.state is StreamState.COMPLETED
        assert after.stream.items_streamed == 60
        assert eater.ids == room.mail.ids
        assert [row.action for row in room.audit.rows] == ["stream.started", "stream.completed"]


async def test_the_live_status_counts_what_was_read_and_what_was_written() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session, batch_size=14)
        await settle()
        waiting = await room.engine.status(view.stream.stream_id)
        assert waiting.stream.state_reason == "waiting_for_consumer"
        assert (waiting.items_read, waiting.stream.items_streamed) == (14, 0)
        assert waiting.lag_seconds is not None
        eater = await room.attach(session, proving=False)
        await eater.until_items(60)
        await settle()
        read = await room.engine.status(view.stream.stream_id)
        assert (read.items_read, read.stream.items_streamed) == (60, 60)
        assert read.stream.state_reason == "delivering"


async def test_one_stream_of_a_type_runs_per_session() -> None:
    room = Room()
    async with room.running():
        session, other = await room.consented(), await room.consented()
        first = await room.start(session)
        with pytest.raises(StreamAlreadyActive) as refused:
            await room.start(session)
        assert refused.value.details["stream_id"] == first.stream.stream_id
        await room.start(session, DIARY)
        await room.start(other)
        mine = await room.engine.of_session(session.pk)
        assert [v.stream.config.stream_type for v in mine] == [DIARY, MAIL]
        assert len(await room.engine.all()) == 3


async def test_a_session_that_may_not_read_is_told_why() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        for changed, error in (
            (replace(session, state=SessionState.PENDING), SessionPending),
            (replace(session, state=SessionState.NEEDS_CONSENT), TokenExpired),
            (replace(session, scopes=frozenset({"calendar"})), InsufficientScope),
        ):
            with pytest.raises(error):
                await room.start(changed)
        assert room.ledger.streams == {}


async def test_stopping_drops_what_is_undelivered_and_twice_changes_nothing() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        eater = await room.attach(session, eating=False, proving=False)
        while not eater.ids:
            await eater.bite()
        await settle()
        for _ in range(2):
            stopped = await room.engine.stop(view.stream.stream_id)
            assert stopped.stream.state is StreamState.STOPPED
            assert stopped.stream.state_reason == "requested"
            assert stopped.stream.items_streamed == len(eater.ids), "written, though unproven"
        had = len(eater.ids)
        assert 0 < had < 60
        await eater.bite()
        assert eater.events[-1].event_type == "stream_stopped"
        assert len(eater.ids) == had
        with pytest.raises(StreamNotFound):
            await room.engine.stop("stream-nobody-knows")


async def test_a_stopped_stream_goes_on_where_its_cursor_points() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        eater = await room.attach(session)
        await eater.until_items(20)
        await room.engine.stop(view.stream.stream_id)
        stopped = await eater.until("stream_stopped")
        assert stopped.cursor is not None
        had = len(eater.ids)
        again = await room.start(session, cursor=stopped.cursor)
        assert again.stream.stream_id != view.stream.stream_id
        await eater.until("stream_completed")
        assert set(eater.ids) == set(room.mail.ids)
        assert len(eater.ids) - had < 60, "it did not begin again"


async def test_a_cursor_is_good_for_its_own_session_type_and_filters_only() -> None:
    room = Room()
    async with room.running():
        session, other = await room.consented(), await room.consented()
        view = await room.start(session)
        eater = await room.attach(session)
        await eater.until("stream_completed")
        await settle()
        cursor = (await room.engine.status(view.stream.stream_id)).cursor
        assert cursor is not None
        for refused in (
            room.start(other, cursor=cursor),
            room.start(session, DIARY, cursor=cursor),
            room.start(session, cursor=cursor[:-4] + "AAAA"),
            room.start(session, cursor="cursor.nonsense"),
        ):
            with pytest.raises(CursorInvalid):
                await refused
        room.ledger.rows.clear()
        room.ledger.noted.clear()
        with pytest.raises(CursorInvalid):
            await room.start(session, cursor=cursor)


async def test_a_followed_streams_cursor_catches_up_without_following() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session, real_time=True)
        eater = await room.attach(session)
        await eater.until_items(60)
        await anyio.sleep(60)
        await room.engine.stop(view.stream.stream_id)
        stopped = await eater.until("stream_stopped")
        room.mail.happen(*(f"new{k}" for k in range(20)))
        await room.start(session, cursor=stopped.cursor)
        await eater.until("stream_completed")
        assert eater.ids[60:] == [f"new{k}" for k in range(20)]


@pytest.mark.parametrize("real_time", [True, False])
async def test_a_restart_goes_on_from_what_was_proven(real_time: bool) -> None:  # noqa: FBT001
    room = Room(mail=Source(items=200), share=ShareLimits(events=20))
    async with room.running():
        session = await room.consented()
        view = await room.start(session, real_time=real_time)
        eater = await room.attach(session)
        await eater.until_items(70)
    had = list(eater.ids)
    assert (await room.ledger.get(view.stream.stream_id)).state is StreamState.ACTIVE  # type: ignore[union-attr]
    async with room.running():
        again = await room.attach(session)
        await again.until_items(200 - len(had))
        await settle()
        assert set(had) | set(again.ids) == set(room.mail.ids)
        assert len(had) + len(again.ids) < 200 + 40
        assert "stream_started" not in kinds(again.events)
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is (StreamState.ACTIVE if real_time else StreamState.COMPLETED)


async def test_streams_of_a_session_that_ended_meanwhile_are_not_resumed() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
    await room.sessions.set_state(session.pk, SessionState.ENDED)
    async with room.running():
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.STOPPED
        assert (await room.engine.of_session(session.pk))[0].stream.state_reason == "session_ended"


async def test_a_stream_that_begins_again_says_that_all_is_listed_anew() -> None:
    room = Room(mail=Source(items=30, frozen=True), share=ShareLimits(events=100))
    async with room.running():
        session = await room.consented()
        await room.start(session, real_time=True)
        eater = await room.attach(session, proving=False)
        await eater.until_items(30)
    assert "stream_gap" not in kinds(eater.events)
    async with room.running():
        # Nothing had been proven: what it was told of may be gone by now.
        again = await room.attach(session)
        await again.until("stream_resumed")
        assert kinds(again.events) == [
            "stream_started", "stream_gap", "data_update", "stream_resumed"
        ]  # fmt: skip
        gap = await again.until("stream_gap")
        assert gap.data["complete_listing"]
        assert gap.data["reread"]
        assert again.ids == room.mail.ids
