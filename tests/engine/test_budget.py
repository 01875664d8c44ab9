"""Bytes of all windows together: who was idle longest lets go first, and it is read again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import MAIL, config_of, stream_of
from support.taking import take, wrote
from support.virtual_time import settle

from scp_server.domain.event_ref import EventRef
from scp_server.engine.budget import Budget
from scp_server.engine.readers import Reader, Subscription
from scp_server.engine.shares import Draft, Share, ShareLimits
from scp_server.engine.window import Window
from scp_wire.events import EventType
from scp_wire.stream_types import Provider

EVENT_BYTES = 1000


class Session:
    """One session's window with one stream."""

    def __init__(self, budget: Budget) -> None:
        limits = ShareLimits(events=1000, size=1 << 30)
        self.window = Window(Provider.GOOGLE, "e" * 12, limits, budget)
        self.share: Share = self.window.open(stream_of(config_of(MAIL)), lambda _: None, 0)

    async def put(self, count: int = 1) -> None:
        """Events come, as soon as there is room."""
        for k in range(count):
            draft = Draft(
                event_type=EventType.DATA_UPDATE,
                body=b'{"x":"%b"}' % (b"x" * EVENT_BYTES),
                timestamp=1.0,
                ordinal=self.share.offset + 1,
                item_id=str(k),
            )
            await self.window.reserve(self.share, draft.room)
            self.window.append(self.share, draft)

    def consumer(self) -> Reader:
        return self.window.attach(Subscription(), None)

    async def proves_all(self, reader: Reader) -> None:
        entries = (await take(reader, 10_000)).entries
        wrote(reader, entries, self.window.epoch)
        reader.proven(EventRef(self.window.epoch, entries[-1].n))

    @property
    def held(self) -> int:
        return len(self.share.waiting)


@asynccontextmanager
async def within() -> AsyncIterator[None]:
    """Virtual seconds enough for everything."""
    with anyio.fail_after(1000):
        yield


async def at_once(what: Callable[[], Awaitable[None]]) -> bool:
    """Whether it need not wait."""
    with anyio.move_on_after(1):
        await what()
        return True
    return False


async def test_the_budget_knows_what_all_windows_hold() -> None:
    budget = Budget(1 << 30)
    sessions = [Session(budget) for _ in range(3)]
    for session in sessions:
        await session.put(5)
    assert budget.used == sum(session.share.size for session in sessions)
    sessions[0].window.drop(sessions[0].share)
    sessions[1].window.close(sessions[1].share)
    sessions[2].window.rewind("f" * 12)
    assert budget.used == 0


async def test_the_session_that_was_idle_longest_lets_go_first() -> None:
    budget = Budget(12 * EVENT_BYTES)
    first, second, third = (Session(budget) for _ in range(3))
    await first.put(4)
    await second.put(4)
    await third.put(2)
    assert [s.held for s in (first, second, third)] == [4, 4, 2]
    await third.put(1)
    assert [s.held for s in (first, second, third)] == [0, 4, 3]
    assert budget.used < 12 * EVENT_BYTES
    assert first.window.lacks_unproven


async def test_what_a_consumer_who_is_here_still_needs_is_not_let_go() -> None:
    budget = Budget(8 * EVENT_BYTES)
    idle, busy = Session(budget), Session(budget)
    reader, _ = idle.consumer(), busy.consumer()
    await idle.put(4)
    await busy.put(2)
    assert not await at_once(lambda: busy.put(20))
    assert idle.held == 4
    assert [e.n for e in (await take(reader, 10)).entries] == [1, 2, 3, 4]


async def test_streams_wait_when_nobody_can_let_go_and_go_on_when_somebody_can() -> None:
    budget = Budget(8 * EVENT_BYTES)
    one, other = Session(budget), Session(budget)
    readers = one.consumer(), other.consumer()
    await one.put(5)
    async with within(), anyio.create_task_group() as tasks:
        tasks.start_soon(other.put, 10)
        await settle()
        stuck = other.held
        assert stuck < 10
        assert budget.full
        await one.proves_all(readers[0])
        await settle()
        assert other.held > stuck
        while other.share.offset < 10:
            await other.proves_all(readers[1])
            await settle()


async def test_an_event_larger_than_all_of_the_budget_still_comes_through() -> None:
    session = Session(Budget(10))
    reader = session.consumer()
    async with within(), anyio.create_task_group() as tasks:
        tasks.start_soon(session.put, 3)
        for _ in range(3):
            await session.proves_all(reader)
            await settle()
    assert session.share.offset == 3


async def test_a_session_that_is_forgotten_is_asked_no_more() -> None:
    budget = Budget(4 * EVENT_BYTES)
    gone, here = Session(budget), Session(budget)
    await gone.put(1)
    gone.window.close(gone.share)
    budget.forget(gone.window)
    await here.put(10)
    assert here.held < 10
    assert budget.used == here.share.size


async def test_what_was_let_go_is_read_again_for_who_comes() -> None:
    room = Room(mail=Source(items=20), window_bytes=4000)
    async with within(), room.running():
        session, other = await room.consented(), await room.consented()
        await room.start(session)
        # Nobody is here: it reads a batch and waits, and other sessions need the room.
        await settle()
        await room.start(other)
        await settle()
        eater = await room.attach(session)
        await eater.until("stream_completed")
        assert list(dict.fromkeys(eater.ids)) == room.mail.ids


async def test_who_leaves_what_it_needed_is_room_for_others() -> None:
    budget = Budget(6 * EVENT_BYTES)
    one, other = Session(budget), Session(budget)
    reader, _ = one.consumer(), other.consumer()
    await one.put(5)
    async with within(), anyio.create_task_group() as tasks:
        tasks.start_soon(other.put, 4)
        await settle()
        assert other.share.offset < 4
        reader.detach()
    assert other.share.offset == 4
