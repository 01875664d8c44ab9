"""Group commit: writers that come at the same time share one transaction, and one disk sync."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from anyio import (
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    EndOfStream,
    Event,
    WouldBlock,
    create_memory_object_stream,
)
from sqlalchemy import Connection, Executable

from scp_server.domain.errors import StorageUnavailable
from scp_server.storage.sql.failures import Conflict
from scp_server.storage.sql.transactions import Transactions

WAITING: Final = 256
"""Jobs that may wait; who comes later waits to be let in."""
AT_ONCE: Final = 256
"""Jobs in one transaction at most."""

Row = Mapping[str, Any]
"""Values of a statement's parameters, by name."""


class Weaver(Protocol):
    """Works rows out inside the transaction that writes them, from those written before them.

    It is called from one thread at a time.
    """

    def weave(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as they are to be written. May be called again for a transaction undone."""
        ...

    def written(self) -> None:
        """What was woven last is durable."""
        ...

    def lost(self) -> None:
        """Nobody knows what became of what was woven last."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """One statement for several rows. The statement is a constant: equal ones are joined."""

    statement: Executable
    rows: Sequence[Row]
    weaver: Weaver | None = None


@dataclass(slots=True, eq=False)
class _Job:
    lines: tuple[Lines, ...]
    done: Event = field(default_factory=Event)
    failure: Exception | None = None


class GroupCommit:
    """A bounded queue, drained by one task: `run`, which its owner puts into a task group.

    Jobs are written in the order in which they were submitted.
    """

    __slots__ = ("_receive", "_send", "_transactions")

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._send, self._receive = create_memory_object_stream[_Job](WAITING)

    async def submit(self, *lines: Lines) -> None:
        """Write these lines, all or none; durable on return.

        Raises: StorageUnavailable, Conflict.
        """
        job = _Job(lines)
        try:
            await self._send.send(job)
        except (BrokenResourceError, ClosedResourceError):
            raise _stopping() from None
        await job.done.wait()
        if job.failure is not None:
            raise job.failure

    def close(self) -> None:
        """Take no more jobs; `run` ends when those that wait are written."""
        self._send.close()

    async def run(self) -> None:
        """Write what is submitted, until closed."""
        try:
            while group := await self._next_group():
                # Half of a group's writers could not be told what became of it.
                with CancelScope(shield=True):
                    await self._commit(group)
        finally:
            self._send.close()
            self._refuse_waiting()
            self._receive.close()

    async def _next_group(self) -> list[_Job]:
        try:
            return [await self._receive.receive(), *self._waiting(AT_ONCE - 1)]
        except EndOfStream:
            return []

    def _waiting(self, most: int) -> list[_Job]:
        jobs: list[_Job] = []
        while len(jobs) < most:
            try:
                jobs.append(self._receive.receive_nowait())
            except (WouldBlock, EndOfStream):
                break
        return jobs

    async def _commit(self, group: list[_Job]) -> None:
        weavers = {lines.weaver: None for job in group for lines in job.lines if lines.weaver}
        try:
            await self._transactions.write(lambda connection: _write(connection, group))
        except Conflict as exc:
            await self._sort_out(group, exc)
        except StorageUnavailable as exc:
            for weaver in weavers:
                weaver.lost()
            _fail(group, exc)
        except BaseException:
            # A fault of ours: nobody must take it for written.
            _fail(group, StorageUnavailable("The database could not be written."))
            raise
        else:
            for weaver in weavers:
                weaver.written()
        finally:
            for job in group:
                job.done.set()

    async def _sort_out(self, group: list[_Job], conflict: Conflict) -> None:
        """One of them is at fault; the others must not suffer."""
        if len(group) == 1:
            group[0].failure = conflict
            return
        for job in group:
            await self._commit([job])

    def _refuse_waiting(self) -> None:
        for job in self._waiting(WAITING):
            job.failure = _stopping()
            job.done.set()


def _write(connection: Connection, group: list[_Job]) -> None:
    joined: dict[tuple[Executable, Weaver | None], list[Row]] = {}
    for job in group:
        for lines in job.lines:
            joined.setdefault((lines.statement, lines.weaver), []).extend(lines.rows)
    for (statement, weaver), rows in joined.items():
        if rows:
            woven = rows if weaver is None else weaver.weave(connection, rows)
            connection.execute(statement, [dict(row) for row in woven])


def _fail(group: list[_Job], failure: StorageUnavailable) -> None:
    for job in group:
        job.failure = _again(failure)


def _stopping() -> StorageUnavailable:
    return StorageUnavailable("The server is stopping and takes no more writes.")


def _again(exc: StorageUnavailable) -> StorageUnavailable:
    # An exception of its own for each writer: a raised one collects tracebacks.
    copy = StorageUnavailable(exc.message)
    copy.__cause__ = exc
    return copy
