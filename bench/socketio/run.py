"""Measure the fast lane against bare writers: `python bench/socketio/run.py [RUNS]`.

The server runs on core 0, the load client on core 1. Every figure is the best of RUNS interleaved
runs (3 by default) of a hundred rounds each, some of which nobody disturbs: what else the machine
does only ever adds. `us` is the server's CPU time for one delivery, in microseconds.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
KINDS = ("lane", "merged", "naive")
IDLE = 5_000
ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent, and to how many."""

    name: str
    clients: int
    to: str
    burst: int
    events: int


CASES = [
    Case(f"{name}, {'bursts of 16' if burst > 1 else 'one by one'}", clients, to, burst, events)
    for burst, scale in ((16, 1), (1, 3))
    for name, clients, to, events in (
        ("one client", 1, "all", 240_000 // scale),
        ("broadcast to 50", 50, "all", 18_000 // scale),
        ("broadcast to 500", 500, "all", 1_800 // scale),
        ("each of 500", 500, "each", 150_000 // scale),
    )
]


def free_port() -> int:
    """A port nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def started(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A script that has said "ready"; ended by the end of its standard input."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        try:
            if _end(process.stdout).readline() != "ready\n":
                raise SystemExit(f"{script} did not start")
            yield process
        finally:
            _end(process.stdin).close()


def _end(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SystemExit("a pipe is missing")
    return stream


def ask(server: subprocess.Popen[str], **order: object) -> dict[str, Any]:
    """One command."""
    print(json.dumps(order), file=server.stdin, flush=True)
    answer: dict[str, Any] = json.loads(_end(server.stdout).readline())
    return answer


def measure(kind: str, case: Case) -> tuple[float, float]:
    """Deliveries a second, and CPU microseconds of one."""
    port, control = free_port(), free_port()
    with (
        started("serve.py", kind, port, control, 0) as server,
        started("load.py", port, control, case.clients, 1),
    ):
        order = {"events": case.events // ROUNDS, "burst": case.burst, "to": case.to}
        took = [ask(server, **order) for _ in range(ROUNDS)]
    deliveries = case.events // ROUNDS * (case.clients if case.to == "all" else 1)
    wall, cpu = (min(found[name] for found in took) for name in ("wall", "cpu"))
    return deliveries / wall, cpu / deliveries * 1e6


def idle(kind: str) -> float:
    """KiB of resident memory for one idle connection."""
    port, control = free_port(), free_port()
    with started("serve.py", kind, port, control, 0) as server:
        with started("load.py", port, control, 10, 1):
            before = ask(server)["rss"]
        with started("load.py", port, control, IDLE, 1):
            return float(ask(server)["rss"] - before) / IDLE / 1024


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(f"{'':32}" + "".join(f"{kind:>20}" for kind in KINDS) + f"{'lane/merged':>14}")
    for case in CASES:
        found = [{kind: measure(kind, case) for kind in KINDS} for _ in range(runs)]
        best = {
            kind: (max(run[kind][0] for run in found), min(run[kind][1] for run in found))
            for kind in KINDS
        }
        cells = "".join(f"{rate / 1000:>11,.0f}k{us:>6.2f}us" for rate, us in best.values())
        ratio = best["lane"][1] / best["merged"][1]
        print(f"{case.name:32}{cells}{ratio:>14.2f}", flush=True)
    print(f"{'idle, KiB each of ' + str(IDLE):32}", end="")
    print("".join(f"{idle(kind):>20.2f}" for kind in KINDS))


if __name__ == "__main__":
    main()
