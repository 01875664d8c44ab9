"""The newest proven place reaches the ledger, whatever the database does, and none after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from support.streaming import MemoryLedger
from support.virtual_time import LoopClock, settle

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import LedgerRow, Place
from scp_server.engine.live import Saver
from scp_server.engine.shares import Mark


def mark(n: int) -> Mark:
    return Mark(n=n, place=Place(taken=n), items=n)


@asynccontextmanager
async def saving(ledger: MemoryLedger) -> AsyncIterator[Saver]:
    base = LedgerRow(epoch="abcdefabcdef", n=0, place=Place(), items=0)
    saver = Saver(ledger, LoopClock(), "stream-a", base)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(saver.run)
        yield saver
        tasks.cancel_scope.cancel()


def saved(ledger: MemoryLedger) -> list[int]:
    return [row.n for row in ledger.rows.get("stream-a", [])]


async def test_of_what_is_offered_while_the_database_is_slow_only_the_newest_is_written() -> None:
    ledger = MemoryLedger()
    ledger.pause = lambda: anyio.sleep(1)
    async with saving(ledger) as saver:
        for n in (1, 2, 3):
            saver.offer(mark(n))
            await settle()
        await anyio.sleep(10)
        assert saved(ledger) == [1, 3]
        assert saver.saved == EventRef("abcdefabcdef", 3)


async def test_a_database_that_comes_back_gets_the_newest_place() -> None:
    ledger = MemoryLedger()
    ledger.broken = True
    async with saving(ledger) as saver:
        saver.offer(mark(1))
        await anyio.sleep(10)
        saver.offer(mark(2))
        assert saver.saved == EventRef("abcdefabcdef", 0)
        assert saver.newest.n == 2
        ledger.broken = False
        await anyio.sleep(2)
        assert saved(ledger) == [2]


async def test_held_it_writes_nothing_and_let_go_it_writes_what_was_offered() -> None:
    ledger = MemoryLedger()
    ledger.pause = lambda: anyio.sleep(1)
    async with saving(ledger) as saver:
        saver.offer(mark(1))
        await settle()
        await saver.hold()
        assert saved(ledger) == [1], "what was being written is waited for"
        saver.offer(mark(2))
        await saver.flush()
        await anyio.sleep(10)
        assert saved(ledger) == [1]
        saver.go_on()
        await anyio.sleep(10)
        assert saved(ledger) == [1, 2]
