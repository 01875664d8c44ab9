"""How streams end and sessions too, and what a lost database does to them."""

import anyio
import pytest
from support.engine_room import Room
from support.streaming import DIARY
from support.virtual_time import settle

from scp_server.domain.errors import (
    ConsentLost,
    PositionLost,
    ProviderError,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
    ShuttingDown,
    StorageUnavailable,
)
from scp_server.domain.streams import StreamState


async def test_a_failure_is_told_and_recorded_and_waits_for_its_first_consumer() -> None:
    room = Room()
    room.mail.troubles["backfill"] = [RequestRefused("The provider cannot parse the query.")]
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        await settle()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.FAILED
        assert status.stream.error is not None
        assert status.stream.state_reason == status.stream.error.code == "PROVIDER_ERROR"
        eater = await room.attach(session)
        error = await eater.until("stream_error")
        assert error.data["fatal"] is True
        assert "cannot parse" in error.data["message"]
        await room.start(session, DIARY)


async def test_a_renewed_consent_lets_waiting_streams_go_on() -> None:
    room = Room()
    room.mail.troubles["backfill"] = [ConsentLost("The grant was withdrawn.")]
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        eater = await room.attach(session)
        await eater.until("stream_error")
        await settle()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state_reason == "needs_consent"
        before = anyio.current_time()
        await room.engine.tidings.consent_renewed(session.pk)
        await eater.until("stream_completed")
        assert anyio.current_time() - before < 5
        assert eater.ids == room.mail.ids


@pytest.mark.parametrize(
    ("error", "address"),
    [
        (ConsentLost("The grant was withdrawn."), "https://scp.example/renew/1/0"),
        (ScopeMissing("The grant does not cover this."), "https://scp.example/renew/1/0"),
        (ProviderUnavailable("It is away."), None),
    ],
)
async def test_who_waits_for_the_user_is_told_where_the_consent_is_renewed(
    error: ProviderError, address: str | None
) -> None:
    room = Room()
    room.mail.troubles["backfill"] = [error] * 2
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session)
        told = await eater.until("stream_error")
        assert told.data["code"] == error.code
        assert told.data.get("details", {}).get("authorization_url") == address


async def test_a_database_that_is_away_keeps_no_trouble_from_being_told() -> None:
    room = Room()
    room.mail.troubles["backfill"] = [ConsentLost("The grant was withdrawn.")]
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        room.sessions.broken = True
        eater = await room.attach(session)
        told = await eater.until("stream_error")
        assert told.data["code"] == "TOKEN_EXPIRED"
        assert "details" not in told.data
        room.sessions.broken = False
        await room.engine.tidings.consent_renewed(session.pk)
        await eater.until("stream_completed")
        assert (await room.engine.status(view.stream.stream_id)).items_read == len(room.mail.ids)


async def test_a_refreshed_token_is_told_to_every_consumer_of_its_session() -> None:
    room = Room()
    async with room.running():
        session, other = await room.consented(), await room.consented()
        eaters = [await room.attach(s) for s in (session, session, other)]
        await room.engine.tidings.token_refreshed(session.pk, expires_at=room.clock.now() + 3600)
        await settle()
        assert [len(e.notices) for e in eaters] == [1, 1, 0]
        told = eaters[0].notices[0]
        assert told.event_type == "token_refresh"
        assert told.data["expires_in"] == 3600
        assert told.event_id is None


async def test_the_end_of_a_session_tells_and_closes_its_consumers_and_stops_its_streams() -> None:
    room = Room()
    async with room.running():
        session, other = await room.consented(), await room.consented()
        mine = await room.start(session, real_time=True)
        yours = await room.start(other, real_time=True)
        eater, stranger = await room.attach(session), await room.attach(other)
        await eater.until_items(10)
        await room.engine.tidings.session_ended(session.pk)
        await settle()
        assert eater.closed == "session_expired"
        assert eater.notices[-1].event_type == "session_expired"
        assert (await room.engine.status(mine.stream.stream_id)).stream.state == "stopped"
        assert stranger.closed is None
        assert (await room.engine.status(yours.stream.stream_id)).stream.state == "active"


async def test_draining_tells_everyone_where_to_go_on_and_saves_every_place() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session, real_time=True)
        eater = await room.attach(session)
        await eater.until_items(60)
        await settle()
        await room.engine.drain()
        await settle()
        assert eater.closed == "server_draining"
        told = eater.notices[-1]
        assert told.event_type == "server_draining"
        assert told.data["resume_event_id"] == eater.events[-1].event_id
        with pytest.raises(ShuttingDown):
            await room.start(session, DIARY)
        with pytest.raises(ShuttingDown):
            await room.attach(session)
        await room.engine.drain()
        assert len(eater.notices) == 1, "told once"
    stored = await room.ledger.get(view.stream.stream_id)
    assert stored is not None
    assert stored.state is StreamState.ACTIVE
    async with room.running():
        again = await room.attach(session, place=str(told.data["resume_event_id"]))
        room.mail.happen("new")
        await again.until_items(1)
        assert again.ids == ["new"]


async def test_a_stream_without_a_consumer_for_an_hour_is_stopped_and_its_cursor_reopens_it() -> (
    None
):
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session, batch_size=10)
        for _ in range(59):
            await anyio.sleep(60)
            await room.engine.tidy()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.ACTIVE
        for _ in range(3):
            await anyio.sleep(60)
            await room.engine.tidy()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.STOPPED
        assert status.stream.state_reason == "inactive"
        await room.start(session, cursor=status.cursor)
        eater = await room.attach(session)
        await eater.until("stream_completed")
        assert eater.ids == room.mail.ids


async def test_a_quiet_stream_that_is_read_is_not_inactive() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session, real_time=True)
        await room.attach(session)
        for _ in range(150):
            await anyio.sleep(60)
            await room.engine.tidy()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.ACTIVE
        assert session.pk in room.sessions.touched, "an open connection is use"


async def test_what_is_never_proven_is_delivered_for_an_hour_at_most() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        await room.attach(session, proving=False)
        for _ in range(62):
            await anyio.sleep(60)
            await room.engine.tidy()
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.STOPPED


async def test_nothing_is_left_of_a_session_that_nobody_uses() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        await room.start(session)
        eater = await room.attach(session)
        await eater.until("stream_completed")
        await settle()
        room.lose(session, eater)
        assert room.engine.seat_waits(session.pk, None)
        await anyio.sleep(121)
        await room.engine.tidy()
        await settle()
        await room.engine.tidy()
        assert not room.engine.seat_waits(session.pk, None)
        assert list(room.engine._live) == []


async def test_a_database_that_is_away_at_the_start_leaves_no_stream_behind() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        room.audit.broken = True
        with pytest.raises(StorageUnavailable):
            await room.start(session)
        room.audit.broken = False
        await room.start(session)


async def test_a_database_that_is_away_at_the_end_is_waited_for() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        eater = await room.attach(session, proving=False)
        await eater.until("stream_completed")
        room.ledger.broken = True
        eater.prove()
        await anyio.sleep(30)
        room.ledger.broken = False
        await anyio.sleep(3)
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.COMPLETED


async def test_a_stop_that_could_not_be_recorded_can_be_asked_for_again() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        await settle()
        stopping = room.engine.stop(view.stream.stream_id)
        async with anyio.create_task_group() as tasks:

            async def break_after_look_up() -> None:
                room.ledger.broken = True

            tasks.start_soon(break_after_look_up)
            with pytest.raises(StorageUnavailable):
                await stopping
        room.ledger.broken = False
        stopped = await room.engine.stop(view.stream.stream_id)
        assert stopped.stream.state is StreamState.STOPPED


async def test_a_crash_of_one_stream_is_its_own_and_says_nothing_of_what_it_was_reading() -> None:
    room = Room()
    room.mail.troubles["backfill"] = [ValueError("subject: secret plans")]  # type: ignore[list-item]
    async with room.running():
        session = await room.consented()
        view = await room.start(session)
        await room.start(session, DIARY)
        eater = await room.attach(session)
        await eater.until("stream_completed")
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.error is not None
        assert status.stream.error.code == "INTERNAL_ERROR"
        assert "secret plans" not in repr(eater.events) + repr(status)
        assert set(eater.ids) == set(room.diary.ids)


async def test_a_position_lost_while_following_keeps_the_stream_active() -> None:
    room = Room()
    room.mail.troubles["follow"] = [PositionLost("too old")]
    async with room.running():
        session = await room.consented()
        view = await room.start(session, real_time=True)
        eater = await room.attach(session)
        await eater.until("stream_resumed")
        status = await room.engine.status(view.stream.stream_id)
        assert status.stream.state is StreamState.ACTIVE
        assert eater.ids == room.mail.ids * 2
