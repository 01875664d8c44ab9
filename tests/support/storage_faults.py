"""Real faults of a running server's storage."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

UNLIMITED: Final = resource.RLIM_INFINITY


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Another program writes, and does not finish."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def no_room(pid: int) -> Iterator[None]:
    """No file of the process grows any more: not the database's log, and not the log."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, UNLIMITED))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
