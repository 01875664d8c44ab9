"""Group commit: shared transactions, order, and nobody left waiting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, event, insert
from support.sql_stores import sql

from scp_server.domain.errors import StorageUnavailable
from scp_server.storage.sql import sqlite
from scp_server.storage.sql.failures import Conflict
from scp_server.storage.sql.group_commit import AT_ONCE, WAITING, GroupCommit, Lines
from scp_server.storage.sql.transactions import Transactions

METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("n", Integer, unique=True), sqlite_strict=True)
INSERT = insert(NUMBERS)


class Bench:
    """A group commit over a table of numbers, with its commits counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        sqlite.configure(self.engine)
        METADATA.create_all(self.engine)
        self.commits = 0
        event.listen(self.engine, "commit", self._count)
        self.group = GroupCommit(Transactions(self.engine, readers=1, writers=1))

    def _count(self, _connection: object) -> None:
        self.commits += 1

    async def add(self, *numbers: object) -> None:
        await self.group.submit(Lines(INSERT, [{"n": number} for number in numbers]))

    def stored(self) -> list[object]:
        return [n for (n,) in sql(self.path, "SELECT n FROM numbers ORDER BY rowid")]


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Bench]:
    bench = Bench(path)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.group.run)
            yield bench
            bench.group.close()
    bench.engine.dispose()


async def test_what_was_submitted_is_on_the_disk_when_submit_returns(tmp_path: Path) -> None:
    async with running(tmp_path / "db") as bench:
        await bench.add(1, 2)
        assert bench.stored() == [1, 2]


async def test_writers_that_come_together_share_a_transaction_in_their_order(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "db") as bench:
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(bench.add, number)
        assert bench.stored() == list(range(200))
        assert bench.commits < 10


async def test_more_writers_than_may_wait_are_all_served_in_order(tmp_path: Path) -> None:
    async with running(tmp_path / "db") as bench:
        async with anyio.create_task_group() as tasks:
            for number in range(2 * WAITING + AT_ONCE + 7):
                tasks.start_soon(bench.add, number)
        assert bench.stored() == list(range(2 * WAITING + AT_ONCE + 7))


async def test_one_writer_s_conflict_is_its_own(tmp_path: Path) -> None:
    async with running(tmp_path / "db") as bench:
        await bench.add(5)
        conflicts: list[int] = []

        async def try_adding(number: int) -> None:
            try:
                await bench.add(number)
            except Conflict:
                conflicts.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(try_adding, number)
        assert conflicts == [5]
        assert bench.stored() == [5, 0, 1, 2, 3, 4, 6, 7, 8, 9]


async def test_the_lines_of_a_job_are_written_all_or_none(tmp_path: Path) -> None:
    async with running(tmp_path / "db") as bench:
        await bench.add(2)
        with pytest.raises(Conflict):
            await bench.add(1, 2, 3)
        assert bench.stored() == [2]


async def test_when_the_database_fails_every_writer_of_the_group_is_told(tmp_path: Path) -> None:
    async with running(tmp_path / "db") as bench:
        sql(bench.path, "DROP TABLE numbers")
        told: list[StorageUnavailable] = []

        async def try_adding(number: int) -> None:
            try:
                await bench.add(number)
            except StorageUnavailable as exc:
                told.append(exc)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(try_adding, number)
        assert len({id(exc) for exc in told}) == 20
        METADATA.create_all(bench.engine)
        await bench.add(1)
        assert bench.stored() == [1]


async def test_nothing_to_write_is_written_without_harm(tmp_path: Path) -> None:
    async with running(tmp_path / "db") as bench:
        await bench.add()
        assert bench.stored() == []


async def test_on_closing_what_waits_is_written_and_what_comes_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "db")
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(bench.add, number)
            await checkpoint()
            await checkpoint()
            bench.group.close()
            tasks.start_soon(bench.group.run)
    assert bench.stored() == list(range(50))
    with pytest.raises(StorageUnavailable, match="stopping"):
        await bench.add(99)
    bench.engine.dispose()


async def test_when_its_task_is_cancelled_waiting_writers_are_told_and_nobody_hangs(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "db")
    outcomes: list[str] = []

    async def try_adding(number: int) -> None:
        try:
            await bench.add(number)
        except StorageUnavailable:
            outcomes.append("refused")
        else:
            outcomes.append("written")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as writers, anyio.create_task_group() as tasks:
            tasks.start_soon(bench.group.run)
            await bench.add(1000)
            for number in range(WAITING + 100):
                writers.start_soon(try_adding, number)
            await checkpoint()
            tasks.cancel_scope.cancel()
    assert len(outcomes) == WAITING + 100
    assert len(bench.stored()) == 1 + outcomes.count("written")
    assert "refused" in outcomes
    bench.engine.dispose()
