"""Opening the database: check, migrate, hand out the stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anyio import CancelScope, create_task_group, to_thread
from sqlalchemy import Connection, Engine, create_engine, insert, make_url, select

from scp_server.domain.errors import StartRefused, StorageUnavailable
from scp_server.ports.clock import Clock
from scp_server.ports.envelopes import Envelopes
from scp_server.ports.seals import Seals
from scp_server.storage.sql import sqlite
from scp_server.storage.sql.agents import SqlAgents
from scp_server.storage.sql.audit import SqlAudit
from scp_server.storage.sql.failures import border
from scp_server.storage.sql.group_commit import GroupCommit
from scp_server.storage.sql.migrate import migrate
from scp_server.storage.sql.rows import SessionRows
from scp_server.storage.sql.sessions import SqlSessions
from scp_server.storage.sql.streams import SqlStreams
from scp_server.storage.sql.tables import key_checks
from scp_server.storage.sql.transactions import Transactions

_CHECKED: Final = b"scp"
_CHECK: Final = "database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores of one open database."""

    sessions: SqlSessions
    agents: SqlAgents
    streams: SqlStreams
    audit: SqlAudit
    transactions: Transactions

    async def ping(self) -> None:
        """Ask the database for an answer.

        Raises: StorageUnavailable.
        """
        await self.transactions.ping()


@asynccontextmanager
async def open_database(
    url: str, *, seals: Seals, envelopes: Envelopes, clock: Clock
) -> AsyncIterator[Stores]:
    """Open `sqlite:///<path>`, made and brought up to date where that is needed.

    On leaving, what was submitted is written, then the database is closed.

    Raises: StartRefused when the file is damaged, of a later release, or of other keys.
    """
    engine = await to_thread.run_sync(_opened, url, seals)
    try:
        transactions = Transactions(engine, readers=sqlite.READERS, writers=sqlite.WRITERS)
        async with _running(GroupCommit(transactions)) as group:
            rows = SessionRows(transactions)
            yield Stores(
                sessions=SqlSessions(
                    transactions, rows, seals=seals, envelopes=envelopes, clock=clock
                ),
                agents=SqlAgents(transactions, seals=seals, clock=clock),
                streams=SqlStreams(transactions, group, rows, envelopes=envelopes),
                audit=SqlAudit(transactions, group, seals=seals),
                transactions=transactions,
            )
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(engine.dispose)


@asynccontextmanager
async def _running(group: GroupCommit) -> AsyncIterator[GroupCommit]:
    failure: Exception | None = None
    async with create_task_group() as tasks:
        tasks.start_soon(group.run)
        try:
            yield group
        except Exception as exc:  # noqa: BLE001  (raised below, outside: no group around it)
            failure = exc
        finally:
            group.close()
    if failure is not None:
        raise failure


def _opened(address: str, seals: Seals) -> Engine:
    url = make_url(address)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StartRefused("The database must be sqlite:///<path>: set SCP_DATABASE_URL.")
    path = Path(url.database)
    sqlite.prepare_file(path)
    engine = create_engine(
        url,
        hide_parameters=True,  # they are content; errors must not quote them
        pool_size=sqlite.READERS + sqlite.WRITERS,
        max_overflow=0,
        pool_timeout=10,
    )
    sqlite.configure(engine)
    try:
        with border():
            sqlite.quick_check(engine, path)
            migrate(engine)
            with engine.begin() as connection:
                _check_keys(connection, seals)
    except StorageUnavailable as exc:
        engine.dispose()
        raise StartRefused(f"{exc.message} ({path})") from exc
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_keys(connection: Connection, seals: Seals) -> None:
    # A key file that was lost and made anew would make every session unreadable, one by one and
    # without a word. So the first start leaves something behind that only its own keys open.
    row = connection.execute(select(key_checks).where(key_checks.c.name == _CHECK)).one_or_none()
    mark = seals.fingerprint(_CHECK, _CHECKED)
    if row is None:
        values = {"name": _CHECK, "sealed": seals.seal(_CHECK, _CHECKED), "hash": mark}
        connection.execute(insert(key_checks), values)
    elif seals.open(_CHECK, row.sealed) != _CHECKED or row.hash != mark:
        raise StartRefused(
            "The key file does not belong to this database. Restore the key file from its backup"
            " (SCP_KEY_FILE); or move the database away to begin with an empty one: users then"
            " have to consent again."
        )
