"""Real servers as child processes, each on a free port, ended by their own id."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0

_QUIET: Final = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH"}


@dataclass(slots=True)
class Child:
    """A child process whose output is kept in a file."""

    process: subprocess.Popen[bytes]
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


def start(arguments: list[str], environ: dict[str, str], output: Path, *, listens: str) -> Child:
    """Start `securecontext <arguments>` and wait until it says where it listens.

    `listens` is a pattern with one group, the URL, that a line of its output matches.
    """
    base = {k: v for k, v in os.environ.items() if k in _QUIET}
    with output.open("ab") as sink:
        at = sink.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "scp_cli", *arguments],
            env=base | {"PYTHONUNBUFFERED": "1"} | environ,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    ticker = threading.Event()
    while True:
        text = output.read_bytes()[at:].decode(errors="replace")
        found = re.search(listens, text)
        if found:
            told = dict(re.findall(r"^(SCP_\w+)=(.*)$", text, re.MULTILINE))
            return Child(process, output, found[1], told)
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait(STOP_SECONDS)
            raise RuntimeError(f"{' '.join(arguments)} did not start:\n{text}")
        ticker.wait(0.02)


def start_sandbox(folder: Path, *options: str) -> Child:
    """A sandbox in a process of its own."""
    return start(
        ["sandbox", *options],
        {},
        folder / "sandbox.log",
        listens=r"plays Google at (http\S+)\n(?:SCP_\w+=.*\n){12}",
    )


def start_server(folder: Path, sandbox: Child, **settings: str) -> Child:
    """A server whose Google is the sandbox, with its data in `folder`.

    Settings are given by their variable's name without `SCP_`, in any case.
    """
    environ = {
        "SCP_DATA_DIR": str(folder / "data"),
        "SCP_PORT": "0",
        "SCP_LOG_LEVEL": "debug",
        "SCP_GOOGLE__QUOTA_UNITS_PER_MINUTE": "10000000",
        **sandbox.told,
        **{f"SCP_{name.upper()}": value for name, value in settings.items()},
    }
    child = start(["serve"], environ, folder / "server.log", listens=r"listens on (http\S+)")
    wait_ready(child.url)
    return child


def wait_ready(url: str) -> None:
    """Wait until a server answers that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    ticker = threading.Event()
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            ticker.wait(0.02)
    raise RuntimeError(f"{url} did not become ready")


def operator_key(folder: Path) -> str:
    """The operator key that the server of this folder made."""
    return (folder / "data" / "operator-key").read_text(encoding="utf-8").strip()


def fetch(url: str, body: object = None, *, method: str | None = None) -> Any:  # noqa: ANN401
    """One JSON request to the sandbox's control API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None
