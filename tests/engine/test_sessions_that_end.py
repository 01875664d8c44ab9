"""A session's time: who reads it keeps it, who does not loses it, and an end reaches everybody."""

import anyio
from support.engine_room import Room
from support.streaming import Eater
from support.virtual_time import settle

from scp_server.consent.revoke import Revoke
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import StreamState
from scp_server.engine.arrivals import Arrival
from scp_wire.stream_types import StreamType

DAY = 86_400.0


async def housekeeping(room: Room) -> None:
    """What a server does twice a minute."""
    await room.engine.tidy()
    tidings = room.engine.tidings
    await Revoke(room.sessions, {}, tidings, room.audit, room.clock).sweep()
    await settle()


async def state_of(room: Room, session: Session) -> SessionState:
    stored = await room.sessions.get(session.pk)
    assert stored is not None
    return stored.state


async def expiring(room: Room) -> Session:
    """A session whose days end in a minute, as if nobody had used it for a month."""
    session = await room.consented()
    now = room.clock.now()
    await room.sessions.touch(session.pk, now=now - 30 * DAY, expires_at=now + 60)
    return session


async def test_an_open_connection_is_use() -> None:
    room = Room()
    async with room.running():
        session = await expiring(room)
        eater = await room.attach(session)
        await housekeeping(room)
        await anyio.sleep(3600)
        await housekeeping(room)
        assert await state_of(room, session) is SessionState.ACTIVE
        assert eater.closed is None


async def test_a_session_nobody_reads_ends_on_its_day_and_its_streams_stop() -> None:
    room = Room()
    async with room.running():
        session = await expiring(room)
        stream_id = (await room.start(session, real_time=True)).stream.stream_id
        await anyio.sleep(61)
        await housekeeping(room)
        assert await state_of(room, session) is SessionState.ENDED
        status = await room.engine.status(stream_id)
        assert status.stream.state is StreamState.STOPPED
        assert status.cursor is not None


async def test_who_was_let_in_while_the_session_ended_is_found_and_disconnected() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        await room.sessions.set_state(session.pk, SessionState.ENDED)
        late = await room.attach(session)
        await housekeeping(room)
        assert late.closed == "session_expired"
        assert late.notices[-1].event_type == "session_expired"


async def test_only_those_who_came_with_a_key_are_cut_off_with_it() -> None:
    room = Room()
    async with room.running():
        session, other = await room.consented(), await room.consented()
        eaters: list[Eater] = [await room.attach(s) for s in (session, session, other)]
        eaters[0].reader.agent_pk, eaters[2].reader.agent_pk = 7, 8
        assert room.engine.tidings.agents_here() == {7, 8}
        cut = room.engine.tidings.cut_off(lambda _, agent: agent == 7, "It is over.")
        await settle()
        assert cut == 1
        assert [eater.closed for eater in eaters] == ["session_expired", None, None]


async def test_a_key_for_some_types_is_not_given_the_others_through_a_seat() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        everything = await room.attach(session, agent="shared")
        room.lose(session, everything, agent="shared")
        allowed = frozenset({StreamType.CALENDAR_EVENTS})
        arrival = Arrival(agent_id="shared", agent_pk=7, allowed=allowed)
        reader = await room.engine.attach(session, arrival)
        assert reader.seated
        assert reader.subscription.types == allowed
        assert reader.agent_pk == 7
