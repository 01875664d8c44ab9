"""Refresh locks: of all processes over one database file, one refreshes a session's tokens.

A provider that rotates refresh tokens takes a second use of one for a theft and ends them all. The
version of a grant keeps two from being stored, but not two from being used. Locks of the operating
system end with their process, however it ends: there is no lease to wait for after a crash.
"""

import fcntl
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio

LOOK_SECONDS: Final = 0.05
"""Between looks at a lock that another process holds."""
PATIENCE_SECONDS: Final = 60.0
"""A holder that does not move, a stopped process for instance, holds the others up no longer."""


class RefreshLocks:
    """A byte of a file for each session (POSIX record locks). Good for one host.

    Within a process it locks nothing: there the callers share one refresh anyway.
    """

    __slots__ = ("_file", "_held", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._held = Counter[int]()

    def close(self) -> None:
        """Let go of all of them."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @asynccontextmanager
    async def held(self, pk: int) -> AsyncIterator[None]:
        """Hold a session's lock, or go on without it once patience is over."""
        with anyio.move_on_after(PATIENCE_SECONDS):
            while not self._taken(pk):  # noqa: ASYNC110  (no event tells of another process)
                await anyio.sleep(LOOK_SECONDS)
        self._held[pk] += 1
        try:
            yield
        finally:
            self._held[pk] -= 1
            if not self._held[pk]:
                del self._held[pk]
                fcntl.lockf(self._opened(), fcntl.LOCK_UN, 1, pk)

    def _taken(self, pk: int) -> bool:
        try:
            fcntl.lockf(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, pk)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _opened(self) -> int:
        # Kept open: closing any descriptor of the file would let go of all locks (POSIX).
        if self._file is None:
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        return self._file
