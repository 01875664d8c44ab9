"""Tombstones: which sessions and agents' keys were ended, kept beside the database and not in it.

A backup of the database holds the sessions of its day, tokens and all. When it is restored, those
that were ended since must not come back, nor agents' keys that were revoked: so each ending leaves
the keyed hash of the id in a file that is no part of the database, and every start ends what is
written there and lives again. A tombstone is needed only until the session or the key would have
run out by itself.

This helps as long as the file is not put back to its older self together with the database.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, update

from scp_server.domain.sessions import SessionState
from scp_server.storage.sql.endings import end_session
from scp_server.storage.sql.tables import agents, sessions

_LOG: Final = logging.getLogger(__name__)
FILE_NAME: Final = "ended"
FOREVER: Final = 1e11
"""For what has no end of its own."""


class Tombstones:
    """A file of lines `<keyed hash of an id> <until, in seconds>`, only added to."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, id_hash: bytes, until: float) -> None:
        """Note an end; on the disk on return. A failure is only logged."""
        try:
            with _locked(self._path) as descriptor:
                os.write(descriptor, f"{id_hash.hex()} {until:.0f}\n".encode())
                os.fsync(descriptor)
        except OSError as exc:
            # It must end all the same.
            _LOG.error("%s cannot be written (%s).", self._path, exc.strerror)

    def apply(self, connection: Connection, *, now: float) -> int:
        """End what is noted here and lives in the database; how many. Forgets what has run out.

        Raises: OSError when the file cannot be read.
        """
        noted = self._read()
        ended = sum(_end(connection, id_hash, now) for id_hash in noted)
        if any(until <= now for until in noted.values()):
            self._forget(now)
        return ended

    def _read(self) -> dict[bytes, float]:
        if not self._path.exists():
            return {}
        noted: dict[bytes, float] = {}
        for line in self._path.read_text("ascii", "replace").splitlines():
            # A line that was torn by a crash is of something that had not ended yet.
            with contextlib.suppress(ValueError):
                hashed, until = line.split()
                noted[bytes.fromhex(hashed)] = float(until)
        return noted

    def _forget(self, now: float) -> None:
        with _locked(self._path):
            lasting = [
                f"{id_hash.hex()} {until:.0f}\n"
                for id_hash, until in self._read().items()
                if until > now
            ]
            beside = self._path.with_name(f".{self._path.name}.new")
            beside.unlink(missing_ok=True)
            descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.writelines(lasting)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)


def _end(connection: Connection, id_hash: bytes, now: float) -> int:
    again = select(sessions.c.pk).where(
        sessions.c.id_hash == id_hash, sessions.c.state != SessionState.ENDED
    )
    found = connection.execute(again).scalars().all()
    for pk in found:
        end_session(connection, pk, now=now)
    revoked = (
        update(agents)
        .where(agents.c.key_hash == id_hash)
        .values(key_hash=None, revoked_at=now)
        .returning(agents.c.pk)
    )
    return len(found) + len(connection.execute(revoked).all())


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file, open for appending, while nobody else has it."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            _lock(descriptor)
            # Another process may have put a new file in its place while we waited.
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    with contextlib.suppress(ImportError):
        import fcntl  # noqa: PLC0415  (not on Windows, where one process has the database)

        fcntl.flock(descriptor, fcntl.LOCK_EX)
