"""Processes that a launcher forked, to be dealt with as those of `subprocess`."""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from support import launcher


class Launcher:
    """One launcher's other end. See `support.launcher`."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._asking = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                [sys.executable, "-u", str(Path(launcher.__file__)), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self, arguments: list[str], environ: dict[str, str], errors: IO[bytes]
    ) -> tuple["Forked", IO[bytes]]:
        """Run `securecontext`. Returns the process and its standard output."""
        said, output = os.pipe()
        ended, held = os.pipe()
        order: dict[str, object] = {"start": arguments, "environ": environ}
        try:
            pid = self._ask(order, output, errors.fileno(), held)
        finally:
            os.close(output)
            os.close(held)
        return Forked(self, pid, os.fdopen(ended, "rb")), os.fdopen(said, "rb")

    def reap(self, pid: int) -> int:
        """Exit status of a process that has ended."""
        return self._ask({"reap": pid})

    def _ask(self, order: dict[str, object], *passed: int) -> int:
        with self._asking:
            socket.send_fds(self._control, [json.dumps(order).encode() + b"\n"], passed)
            answer, _ = launcher.received(self._control)
        return int(answer)

    def close(self) -> None:
        """End it, and what it started."""
        self._control.close()
        self._process.wait()


@functools.cache
def launcher_of_this_run() -> Launcher:
    """The one of this process: it lives as long."""
    started = Launcher()
    atexit.register(started.close)
    return started


@dataclass(slots=True)
class Forked:
    """What `subprocess.Popen` would be for a process that is a child's child."""

    _launcher: Launcher
    pid: int
    _end: IO[bytes]
    """Readable as soon as the process has ended."""
    _status: int | None = None
    _reaping: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        return self._ended(0)

    def wait(self, timeout: float) -> int:
        """Its exit status. Raises: TimeoutError."""
        status = self._ended(timeout)
        if status is None:
            raise TimeoutError(f"process {self.pid} has not ended within {timeout} s")
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float) -> int | None:
        with self._reaping:
            if self._status is None and select.select([self._end], [], [], seconds)[0]:
                self._end.close()
                self._status = self._launcher.reap(self.pid)
            return self._status
