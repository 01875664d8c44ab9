"""Of the processes over one database file, one refreshes a session's tokens at a time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from scp_server.storage.sql import refresh_locks
from scp_server.storage.sql.refresh_locks import RefreshLocks

HOLDER = """
import fcntl, sys
held = open(sys.argv[1], "r+b")
fcntl.lockf(held, fcntl.LOCK_EX, 1, int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path, pk: int) -> Iterator[int]:
    """Another process that is refreshing; its id."""
    path.touch()
    process = subprocess.Popen(  # noqa: S603  (our own code)
        [sys.executable, "-c", HOLDER, str(path), str(pk)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
        process.kill()


async def test_a_process_that_was_stopped_in_a_refresh_holds_nobody_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_locks, "PATIENCE_SECONDS", 0.2)
    locks, path = RefreshLocks(tmp_path / "locks"), tmp_path / "locks"
    with holder(path, 1) as pid:
        os.kill(pid, signal.SIGSTOP)
        with anyio.fail_after(20):
            async with locks.held(1):
                pass
            async with locks.held(2):
                pass
        os.kill(pid, signal.SIGCONT)
    locks.close()


async def test_a_process_that_was_killed_in_a_refresh_holds_nobody_up(tmp_path: Path) -> None:
    locks, path = RefreshLocks(tmp_path / "locks"), tmp_path / "locks"
    with holder(path, 1) as pid:
        async with anyio.create_task_group() as tasks:
            taken = anyio.Event()

            async def take() -> None:
                async with locks.held(1):
                    taken.set()

            tasks.start_soon(take)
            await anyio.wait_all_tasks_blocked()
            assert not taken.is_set()
            os.kill(pid, signal.SIGKILL)
            with anyio.fail_after(20):
                await taken.wait()
    locks.close()
