"""Real servers as child processes, each on a free port, ended by their own id.

Their sockets listen before they say where, so a request made at once waits in the backlog: nobody
has to poll for readiness.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Protocol

from support.forked import launcher_of_this_run

STOP_SECONDS: Final = 30.0
KEPT: Final = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV"}
"""Variables a child inherits: none of the caller's own SCP_ settings."""


class Process(Protocol):
    """One of `subprocess`, or of a launcher."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""

    def wait(self, timeout: float) -> int:
        """Its exit status."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """End it at once."""


Begin = Callable[[list[str], dict[str, str], IO[bytes]], tuple[Process, IO[bytes]]]
"""Starts a process with arguments, variables and errors' file; returns it and its output."""


@dataclass(slots=True)
class Child:
    """A child process. What it prints, on either stream, is kept in `output`."""

    process: Process
    output: Path
    url: str
    told: dict[str, str] = field(default_factory=dict)
    """`NAME=value` lines it printed at its start."""

    def kill(self) -> None:
        """End it as a crash would: SIGKILL."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """End it as an operator would: SIGTERM. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def close(self) -> None:
        """Make sure it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(STOP_SECONDS)


def start(
    arguments: list[str], environ: dict[str, str], output: Path, *, until: str, begin: Begin
) -> Child:
    """Start `securecontext <arguments>` and read its standard output up to a line with `until`.

    The first URL it prints is taken as its address.
    """
    inherited = {name: value for name, value in os.environ.items() if name in KEPT}
    with output.open("ab") as errors:
        process, printed = begin(arguments, inherited | environ, errors)
    said = _said(printed, until)
    if until not in said:
        process.kill()
        process.wait(STOP_SECONDS)
        raise AssertionError(f"{arguments} did not start:\n{said}\n{output.read_text()[-4000:]}")
    threading.Thread(target=_keep, args=(printed, output), daemon=True).start()
    urls = re.findall(r"https?://\S+", said)
    told = dict(re.findall(r"^(SCP_\w+)=(.*)$", said, re.MULTILINE))
    return Child(process, output, urls[0], told)


def forked(
    arguments: list[str], environ: dict[str, str], errors: IO[bytes]
) -> tuple[Process, IO[bytes]]:
    """A process that finds everything imported."""
    return launcher_of_this_run().start(arguments, environ, errors)


def executed(
    arguments: list[str], environ: dict[str, str], errors: IO[bytes]
) -> tuple[Process, IO[bytes]]:
    """A process that starts as an operator's does."""
    process = subprocess.Popen(  # noqa: S603  (our own command line)
        [sys.executable, "-u", "-m", "scp_cli", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
    )
    if process.stdout is None:
        raise AssertionError("a pipe was asked for")
    return process, process.stdout


def _said(lines: Iterable[bytes], until: str) -> str:
    said = ""
    for line in lines:
        said += line.decode()
        if until in said:
            break
    return said


def _keep(source: IO[bytes], output: Path) -> None:
    with source, output.open("ab") as sink:
        for line in source:
            sink.write(line)
            sink.flush()


def start_sandbox(folder: Path, *options: str, begin: Begin = forked) -> Child:
    """A sandbox in a process of its own."""
    last = "SCP_MICROSOFT__CLIENT_SECRET"
    return start(["sandbox", *options], {}, folder / "sandbox.log", until=last, begin=begin)


def start_server(folder: Path, sandbox: Child, begin: Begin = forked, /, **settings: str) -> Child:
    """A server whose Google is the sandbox, with its data in `folder`.

    Settings are given by their variable's name without `SCP_`, in lower case; names in capitals
    are variables as they stand.
    """
    environ = server_environ(folder, sandbox, **settings)
    return start(["serve"], environ, folder / "server.log", until="listens on", begin=begin)


def server_environ(folder: Path, sandbox: Child, **settings: str) -> dict[str, str]:
    """What `start_server` sets."""
    return {
        "SCP_DATA_DIR": str(folder / "data"),
        "SCP_PORT": "0",
        "SCP_LOG_LEVEL": "debug",
        # Tests count its files and measure its memory.
        "SCP_ALLOW_DEBUGGERS": "true",
        "SCP_GOOGLE__QUOTA_UNITS_PER_MINUTE": "10000000",
        **sandbox.told,
        **{
            name if name.isupper() else f"SCP_{name.upper()}": value
            for name, value in settings.items()
        },
    }


def operator_key(folder: Path) -> str:
    """The operator key that the server of this folder made at its first start."""
    return (folder / "data" / "operator-key").read_text(encoding="utf-8").strip()


def fetch(url: str, body: object = None, *, method: str | None = None) -> Any:  # noqa: ANN401
    """One JSON request over loopback, for instance to the sandbox's control API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310  (a loopback address of our own)
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        text = answer.read()
    return json.loads(text) if text else None
