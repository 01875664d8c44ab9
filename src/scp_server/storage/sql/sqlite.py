"""SQLite: the file, the connection's settings, and everything only SQLite knows.

One policy for all connections: WAL, so that readers and the writer do not wait for each other;
`synchronous=FULL`, so that a commit is on the disk when it returns, tokens and places alike (a
refresh token lost to a power cut may be lost for good). The price is a sync per commit; places
and audit rows share theirs in groups. One writer at a time, queued in this process: SQLite has
one writer anyway, and its own queue is a busy loop.
"""

import os
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from scp_server.domain.errors import StartRefused

WRITERS: Final = 1
READERS: Final = 4
SIDE_FILES: Final = ("-wal", "-shm")
"""SQLite makes them with the mode of the database."""
READ_ONLY: Final = "scp_read_only"
"""Execution option of an engine that only reads."""

_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 3000",  # milliseconds; for a backup or shell that holds the file
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # deleted content is overwritten with zeros
    "PRAGMA temp_store = MEMORY",  # nothing spills into temporary files
)

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SQLITE_BUSY": "The database is locked by another program. Try again.",
        "SQLITE_LOCKED": "The database is locked by another program. Try again.",
        "SQLITE_FULL": "The disk of the database is full. Free some space.",
        "SQLITE_IOERR": "The disk of the database failed. Look at the system's log.",
        "SQLITE_CORRUPT": "The database is damaged. Restore it from a backup.",
        "SQLITE_NOTADB": "The database is damaged. Restore it from a backup.",
        "SQLITE_READONLY": "The database cannot be written. Look at the rights of its directory.",
        "SQLITE_CANTOPEN": "The database cannot be opened. Look at the rights of its directory.",
    }
)
"""What SQLite's error codes mean to an operator (sqlite.org/rescode.html)."""


def advice(exc: BaseException | None) -> str | None:
    """What to do about an error of SQLite's, by its (extended) code."""
    name = getattr(exc, "sqlite_errorname", None) or ""
    return ADVICE.get("_".join(name.split("_")[:2]))


def prepare_file(path: Path) -> None:
    """Make the file with mode 0600 in a directory with mode 0700, and close what is there already.

    A directory that is there stays as it is, unless everybody may write to it.
    Raises: StartRefused.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_open_directory(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        for file in (path, *(path.with_name(path.name + suffix) for suffix in SIDE_FILES)):
            if file.exists():
                file.chmod(0o600)
    except OSError as exc:
        raise StartRefused(
            f"The database {path} cannot be opened ({exc.strerror}). Let the user the server runs"
            " as own it and its directory."
        ) from exc


def _refuse_open_directory(path: Path) -> None:
    mode = path.stat().st_mode
    if os.name == "posix" and mode & stat.S_IWOTH:
        # Whoever may write there can put another database in place of this one, sticky or not.
        raise StartRefused(
            f"Everybody may write to the directory {path} (mode {mode & 0o777:o}), where the"
            f" database is. Run: chmod o-w {path}"
        )


def configure(engine: Engine) -> None:
    """Give every connection its settings, and every transaction its proper beginning."""
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


def quick_check(engine: Engine, path: Path) -> None:
    """Refuse a damaged file before anything is read from it.

    Raises: StartRefused.
    """
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    except Exception as exc:
        if advice(getattr(exc, "orig", None)) != ADVICE["SQLITE_CORRUPT"]:
            raise
        found = "not a database"
    if found != "ok":
        raise StartRefused(
            f"The database {path} is damaged. Restore it from a backup, or move it away to begin"
            " with an empty one: users then have to consent again."
        )


def truncate_log(engine: Engine) -> None:
    """Empty the write-ahead log, so that it holds no copy of what was just deleted."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


def _on_connect(connection: DBAPIConnection, _record: object) -> None:
    # The driver is not to begin transactions by itself: it would begin them too late, and not
    # for reads (SQLAlchemy, "Transactions with SQLite and the sqlite3 driver").
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    # A writer takes its lock at once: one that finds out later that it cannot have it would have
    # to be started over (SQLITE_BUSY_SNAPSHOT).
    read_only = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")


DRIVER_ERROR: Final = sqlite3.Error
"""What the driver raises where SQLAlchemy does not wrap it."""
