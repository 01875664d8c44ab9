"""Opening the database: check, migrate, hand out the stores."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anyio import CancelScope, create_task_group, to_thread
from sqlalchemy import URL, Engine, create_engine, make_url

from scp_server.domain.errors import StartRefused, StorageUnavailable
from scp_server.ports.clock import Clock
from scp_server.ports.envelopes import Envelopes
from scp_server.ports.seals import Seals
from scp_server.storage.sql import sqlite
from scp_server.storage.sql.agents import SqlAgents
from scp_server.storage.sql.audit import SqlAudit
from scp_server.storage.sql.audit_chain import Chain
from scp_server.storage.sql.audit_keeping import AuditKeeping
from scp_server.storage.sql.audit_marks import Marks
from scp_server.storage.sql.audit_salts import Salts
from scp_server.storage.sql.failures import border
from scp_server.storage.sql.group_commit import GroupCommit
from scp_server.storage.sql.key_uses import SqlKeyUses
from scp_server.storage.sql.ledger import MOST_ROWS, Room
from scp_server.storage.sql.migrate import migrate
from scp_server.storage.sql.refresh_locks import RefreshLocks
from scp_server.storage.sql.root_keys import check_keys
from scp_server.storage.sql.rows import SessionRows
from scp_server.storage.sql.sessions import SqlSessions
from scp_server.storage.sql.streams import SqlStreams
from scp_server.storage.sql.tombstones import FILE_NAME, Tombstones
from scp_server.storage.sql.transactions import Transactions

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores of one open database."""

    sessions: SqlSessions
    agents: SqlAgents
    streams: SqlStreams
    audit: SqlAudit
    keeping: AuditKeeping
    keys: SqlKeyUses
    transactions: Transactions

    async def ping(self) -> None:
        """Ask the database for an answer.

        Raises: StorageUnavailable.
        """
        await self.transactions.ping()

    async def answers(self) -> bool:
        """Whether the database answers."""
        try:
            await self.ping()
        except StorageUnavailable:
            return False
        return True


@asynccontextmanager
async def open_database(
    url: str,
    *,
    seals: Seals,
    envelopes: Envelopes,
    clock: Clock,
    ledger_rows: int = MOST_ROWS,
) -> AsyncIterator[Stores]:
    """Open `sqlite:///<path>`, made and brought up to date where that is needed.

    On leaving, what was submitted is written, then the database is closed.

    Raises: StartRefused when the file is damaged, of a later release, or of other keys.
    """
    path = _path_of(url)
    tombstones = Tombstones(path.with_name(FILE_NAME))
    engine = await to_thread.run_sync(_opened, path, seals, envelopes)
    locks = RefreshLocks(path.with_name(f"{path.name}-refresh"))
    try:
        await to_thread.run_sync(_end_again, engine, tombstones, clock.now())
        transactions = Transactions(engine, readers=sqlite.READERS, writers=sqlite.WRITERS)
        async with _running(GroupCommit(transactions)) as group:
            rows, room = SessionRows(transactions), Room(ledger_rows)
            audit, keeping = _audit(transactions, group, seals=seals, clock=clock)
            yield Stores(
                sessions=SqlSessions(
                    transactions,
                    rows,
                    seals=seals,
                    envelopes=envelopes,
                    clock=clock,
                    tombstones=tombstones,
                    locks=locks,
                ),
                agents=SqlAgents(transactions, seals=seals, clock=clock, tombstones=tombstones),
                streams=SqlStreams(transactions, group, rows, envelopes=envelopes, room=room),
                audit=audit,
                keeping=keeping,
                keys=SqlKeyUses(transactions, rows, seals=seals, clock=clock),
                transactions=transactions,
            )
    finally:
        locks.close()
        with CancelScope(shield=True):
            await to_thread.run_sync(engine.dispose)


@asynccontextmanager
async def open_keeping(
    engine: Engine, *, seals: Seals, clock: Clock
) -> AsyncIterator[AuditKeeping]:
    """The audit trail of a database that is open already (see `upkeep`), to be looked after."""
    transactions = Transactions(engine, readers=sqlite.READERS, writers=sqlite.WRITERS)
    async with _running(GroupCommit(transactions)) as group:
        _, keeping = _audit(transactions, group, seals=seals, clock=clock)
        yield keeping


def _audit(
    transactions: Transactions, group: GroupCommit, *, seals: Seals, clock: Clock
) -> tuple[SqlAudit, AuditKeeping]:
    marks, salts = Marks(seals), Salts(transactions, seals=seals)
    audit = SqlAudit(transactions, group, Chain(marks, clock), salts, seals=seals)
    return audit, AuditKeeping(transactions, audit, salts, marks=marks, clock=clock)


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


def _path_of(address: str) -> Path:
    url = make_url(address)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StartRefused("The database must be sqlite:///<path>: set SCP_DATABASE_URL.")
    return Path(url.database)


def _opened(path: Path, seals: Seals, envelopes: Envelopes) -> Engine:
    sqlite.prepare_file(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
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
                check_keys(connection, seals, envelopes)
    except StorageUnavailable as exc:
        engine.dispose()
        raise StartRefused(f"{exc.message} ({path})") from exc
    except BaseException:
        engine.dispose()
        raise
    return engine


def _end_again(engine: Engine, tombstones: Tombstones, now: float) -> None:
    with border(), engine.begin() as connection:
        ended = tombstones.apply(connection, now=now)
    if ended:
        _LOG.warning(
            "%d sessions and agents' keys that had been ended are in this database, as if it came"
            " from a backup: they were ended again.",
            ended,
        )
