"""Transactions, run in threads: a whole one is one trip, and cannot be torn by a cancellation.

SQLAlchemy's own async layer would take a trip per statement and greenlets beside it; measured here
it costs several times what this does.
"""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, Engine, select

from scp_server.storage.sql import sqlite
from scp_server.storage.sql.failures import border

T = TypeVar("T")


class Transactions:
    """Runs functions over a connection, each in a transaction of its own.

    A cancelled caller is cancelled after its transaction has ended, one way or the other.
    """

    __slots__ = ("_engine", "_readers", "_reading", "_writers")

    def __init__(self, engine: Engine, *, readers: int, writers: int) -> None:
        self._engine = engine
        self._reading = engine.execution_options(**{sqlite.READ_ONLY: True})
        self._readers = CapacityLimiter(readers)
        self._writers = CapacityLimiter(writers)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that reads; it sees one state of the database.

        Raises: StorageUnavailable.
        """
        return await to_thread.run_sync(_run, self._reading, work, limiter=self._readers)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work that writes; durable on return, undone when it raises.

        Raises: StorageUnavailable, Conflict.
        """
        return await to_thread.run_sync(_run, self._engine, work, limiter=self._writers)

    async def forget_log(self) -> None:
        """Make sure that no copy of deleted rows is left in a log of ours.

        Raises: StorageUnavailable.
        """
        await to_thread.run_sync(_truncate_log, self._engine, limiter=self._writers)

    async def ping(self) -> None:
        """Ask the database for an answer.

        Raises: StorageUnavailable.
        """
        await self.read(lambda connection: connection.execute(select(1)).scalar())


def _run(engine: Engine, work: Callable[[Connection], T]) -> T:
    with border(), engine.begin() as connection:
        return work(connection)


def _truncate_log(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        with border():
            sqlite.truncate_log(engine)
