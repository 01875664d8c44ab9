"""Drives `mortal_server`: lives of a server that follow each other on one port and one database."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from support import mortal_server
from support.processes import KEPT, STOP_SECONDS, Child, server_environ

SIDES: Final = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a server dies: at the k-th call of a label, before it or after it."""

    label: str
    k: int
    side: str

    def __str__(self) -> str:
        return f"{self.side} call {self.k} of {self.label}"


class Lives:
    """A server that is there again as soon as it has died. Use as a context manager."""

    def __init__(self, folder: Path, sandbox: Child, **settings: str) -> None:
        self.folder = folder
        self.url = ""
        self.calls: Counter[str] = Counter()
        """Of each label, as the last life that ended in order counted them."""
        self.ends: list[int] = []
        """Exit status of every life; minus the signal's number where one ended it."""
        self._environ = server_environ(folder, sandbox, **settings)
        self._said = threading.Condition()
        self.pid = 0
        """Of the life that runs."""
        self._here = False
        self._again = True

    def __enter__(self) -> "Lives":
        inherited = {name: value for name, value in os.environ.items() if name in KEPT}
        path = os.pathsep.join(entry for entry in sys.path if entry)
        with (self.folder / "server.log").open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603  (our own launcher)
                [sys.executable, "-u", mortal_server.__file__],
                env=inherited | self._environ | {"PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._reading = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reading.start()
        try:
            self.begin(None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._again = False
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(STOP_SECONDS)
        self._reading.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def begin(self, at: Point | None) -> None:
        """Let a life begin, after the last one has ended. Returns when it listens.

        If it dies, another begins that does not.
        """
        before = len(self.ends)
        self.conceive(at)
        self._until(lambda: self._here or any(end != -signal.SIGKILL for end in self.ends[before:]))
        if not self._here:
            raise AssertionError(self._told())

    def end(self) -> int:
        """End the life that runs, as an operator would. Returns its exit status.

        If it was about to die by itself, none begins after it either.
        """
        self._until(lambda: self._here)
        count, self._again = len(self.ends), False
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        status = self.ended(count)
        self._again = True
        return status

    def ended(self, count: int) -> int:
        """Wait until more than `count` lives have ended. Returns the exit status of the last."""
        self._until(lambda: len(self.ends) > count)
        return self.ends[-1]

    def kill(self) -> None:
        """End the life that runs as a crash would; the next one has begun on return."""
        count = len(self.ends)
        os.kill(self.pid, signal.SIGKILL)
        self._until(lambda: len(self.ends) > count and self._here)

    def conceive(self, at: Point | None) -> None:
        """Let a life begin that may never come to listen."""
        port = self.url.rsplit(":", 1)[1] if self.url else "0"
        life = {"port": port, "at": [at.label, at.k, at.side] if at else None}
        if self._process.stdin is None:
            raise AssertionError("a pipe was asked for")
        self._process.stdin.write(json.dumps(life).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self, lines: IO[bytes]) -> None:
        for line in lines:
            with self._said:
                self._hear(line.decode())
                self._said.notify_all()

    def _hear(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        match word:
            case "LIFE":
                self.pid = int(rest)
            case "CALLS":
                self.calls = Counter(json.loads(rest))
            case "GONE":
                self._here = False
                self.ends.append(int(rest))
                if self._again and self.ends[-1] == -signal.SIGKILL:
                    self.conceive(None)
            case _ if found := re.search(r"listens on (http://\S+)", line):
                self.url, self._here = found[1], True
            case _:
                pass

    def _until(self, met: Callable[[], bool]) -> None:
        with self._said:
            if not self._said.wait_for(met, STOP_SECONDS):
                raise AssertionError(self._told())

    def _told(self) -> str:
        log = (self.folder / "server.log").read_text(encoding="utf-8")
        return f"no life: {self.ends}\n{log[-4000:]}"
