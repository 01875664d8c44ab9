"""A server that dies where it is told to: `securecontext serve`, started by our own hand.

    python mortal_server.py < lives

Each line of standard input is a life, as JSON: `{"port": "0", "at": null}`, or with
`"at": [label, k, side]` one that is killed at the k-th call of that label, before it or after it;
side "term" only asks it to end, before the call. A label is an async method of the classes in
`PLACES`, as `Class.method`: all of them together are the awaits of a stream's life. They are
wrapped here, waits are shortened, and the clock is turned; the product knows nothing of it.

Everything is imported once and each life is a fork, so that a life costs no start of Python.
Printed: `LIFE pid`, what the server prints, `CALLS {label: count}` after an orderly end, and
`GONE status`.
"""

import functools
import importlib
import inspect
import json
import os
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

PLACES: Final = (
    "scp_server.storage.sql.sessions:SqlSessions",
    "scp_server.storage.sql.streams:SqlStreams",
    "scp_server.storage.sql.audit:SqlAudit",
    "scp_server.storage.sql.group_commit:GroupCommit",
    "scp_server.storage.sql.transactions:Transactions",
    "scp_server.consent.freshness:Freshness",
    "scp_server.providers.google.oauth:GoogleAuthority",
    "scp_server.providers.microsoft.oauth:MicrosoftAuthority",
    "scp_server.providers.link:HttpLink",
    "scp_server.providers.exchange:Exchange",
    "scp_server.engine.audience:Audience",
    "scp_server.engine.courses:Courses",
    "scp_server.engine.door:Door",
    "scp_server.engine.live:Saver",
    "scp_server.engine.runner:Runner",
    "scp_server.engine.supervisor:Supervisor",
    "scp_server.engine.window:Window",
    "scp_server.delivery.dispatch:Dispatch",
    "scp_server.delivery.entry:Entry",
    "scp_server.delivery.http_readers:HttpReaders",
    "scp_server.delivery.http_readers:Reading",
    "scp_server.delivery.body:Body",
    "scp_server.delivery.socketio:SocketIO",
)
HASTE: Final = {
    "scp_server.engine.cadence": {"QUICK": 0.1, "SLOW": 0.3, "DURING_BACKFILL": 0.1},
    "scp_server.domain.backoff": {"FIRST_DELAY": 0.1, "MAX_DELAY": 0.8},
    "scp_server.providers.link": {"LONG": 0.3},
}
"""Seconds between looks at a provider and between tries: a life is short here."""
NETWORK: Final = {"connect": 0.5, "idle": 0.4, "total": 0.8}
"""Seconds that a provider is waited for."""
BUSY_MILLISECONDS: Final = 200
CLOCK: Final = "CLOCK_FILE"
"""Names a file with the seconds by which the server's clock of the day goes wrong."""


class Fate:
    """Counts the calls of every label, and ends the process at the one that was chosen."""

    def __init__(self, at: tuple[str, int, str] | None) -> None:
        self.calls: Counter[str] = Counter()
        self._at = at

    def over(self, label: str, number: int, side: str) -> None:
        """Die here, if it is here."""
        if self._at == (label, number, side):
            os.kill(os.getpid(), signal.SIGTERM if side == "term" else signal.SIGKILL)

    def watch(self, holder: type, name: str) -> None:
        """Wrap one method."""
        label, awaited = f"{holder.__name__}.{name}", getattr(holder, name)
        setattr(holder, name, self._wrapped(label, awaited))

    def _wrapped(self, label: str, awaited: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(awaited)
        async def mortal(*args: Any, **named: Any) -> Any:  # noqa: ANN401  (whatever it is)
            self.calls[label] += 1
            number = self.calls[label]
            self.over(label, number, "before")
            self.over(label, number, "term")
            try:
                return await awaited(*args, **named)
            finally:
                self.over(label, number, "after")

        return mortal


def _places() -> list[tuple[type, str]]:
    found = []
    for place in PLACES:
        module, _, name = place.partition(":")
        holder = getattr(importlib.import_module(module), name)
        found += [
            (holder, method)
            for method, value in vars(holder).items()
            if inspect.iscoroutinefunction(value)
        ]
    return found


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def live(port: str, at: tuple[str, int, str] | None) -> None:
    """Be a server, until the end."""
    os.environ["SCP_PORT"] = port
    fate = Fate(at)
    for holder, name in _places():
        fate.watch(holder, name)
    from scp_cli.main import commands  # noqa: PLC0415  (nothing runs before the settings are there)

    try:
        commands.main(args=["serve"], standalone_mode=False)
    finally:
        _say("CALLS", json.dumps(fate.calls))


def _outlive(pid: int) -> None:
    """Wait for the end of a life; when nobody wants it any more, end it."""
    gone = os.pidfd_open(pid)
    ready, _, _ = select.select([gone, sys.stdin], [], [])
    if gone not in ready:
        os.kill(pid, signal.SIGKILL)
    os.close(gone)
    _, status = os.waitpid(pid, 0)
    _say("GONE", os.waitstatus_to_exitcode(status))


def _hurry() -> None:
    for module, figures in HASTE.items():
        for name, seconds in figures.items():
            setattr(importlib.import_module(module), name, seconds)
    limits = importlib.import_module("scp_server.providers.exchange").TimeLimits
    limits.__init__.__kwdefaults__ = NETWORK
    sqlite = importlib.import_module("scp_server.storage.sql.sqlite")
    patient = [pragma for pragma in sqlite._PRAGMAS if "busy_timeout" not in pragma]
    hurried = (f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}", *patient)
    setattr(sqlite, "_PRAGMAS", hurried)  # noqa: B010  (a module that is named by a string)


def _turn_the_clock(file: str) -> None:
    clock = importlib.import_module("scp_server.telemetry.clock").SystemClock
    # Open for good: there may be no room for another open file later.
    turned = os.open(file, os.O_RDONLY)

    def now(_: object) -> float:
        return time.time() + float(os.pread(turned, 64, 0) or 0)

    clock.now = now


def main() -> None:
    """Live as often as asked."""
    _hurry()
    if CLOCK in os.environ:
        _turn_the_clock(os.environ[CLOCK])
    importlib.import_module("scp_server.bootstrap")
    importlib.import_module("scp_cli.serve")
    while line := os.read(0, 4096):
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.close(0)
            at = asked["at"]
            live(asked["port"], (at[0], at[1], at[2]) if at else None)
            return
        _say("LIFE", pid)
        _outlive(pid)


if __name__ == "__main__":
    main()
