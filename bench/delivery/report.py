"""The benchmark's figures as the page that shows them."""

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

Figures = Mapping[str, Mapping[str, float]]
"""By name of the figure (`case|measure`) and by server, the median."""

OURS, NODE, PYTHON, AUDITED = "ours", "node", "python", "audited"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has found."""

    figures: Figures
    runs: int
    seconds: float
    loads: tuple[float, ...]
    """The machine's load before each run: what others did."""
    node: str
    """Node's version."""
    socketio: str
    """That of Node's socket.io."""
    loop: str
    """The event loop of both Python servers."""

    def text(self) -> str:
        """Markdown."""
        return "\n\n".join([self._machine(), *self._tables()]) + "\n"

    def _machine(self) -> str:
        loads = ", ".join(f"{load:.1f}" for load in self.loads)
        return (
            f"{os.cpu_count()} cores, Linux, Python {platform.python_version()}, "
            f"Node {self.node}. socket.io {self.socketio} (npm), python-socketio "
            f"{version('python-socketio')} and uvicorn {version('uvicorn')} with websockets "
            f"{version('websockets')} (PyPI); {self.loop} under both Python servers. Medians of "
            f"{self.runs} interleaved runs of {self.seconds:g} s each. The machine's one-minute "
            f"load before each run: {loads}."
        )

    def _tables(self) -> Iterable[str]:
        if any(name.endswith("|cpu") for name in self.figures):
            yield self._floods()
        if any(name.endswith("|p99") for name in self.figures):
            yield self._paces()
        if any(name.endswith("|memory") for name in self.figures):
            yield self._memory()

    def _floods(self) -> str:
        rows = []
        for name in (name for name in self.figures if name.endswith("|cpu")):
            case = name.partition("|")[0]
            cpu, rate = self.figures[name], self.figures[f"{case}|rate"]
            cells = (
                f"{rate[kind] / 1000:,.1f}k ({cpu[kind]:.2f})" if kind in cpu else "-"
                for kind in (OURS, NODE, PYTHON, AUDITED)
            )
            rows.append(
                [case, *cells, *_ratios(cpu), _node_aim(case), _met(cpu, case)],
            )
        head = ["events/s (CPU µs of one)", OURS, "Node", "python-socketio", "ours, audited"]
        return _table([*head, "Node/ours", "python/ours", "aims", "met"], rows)

    def _paces(self) -> str:
        rows = []
        for name in (name for name in self.figures if name.endswith("|p99")):
            case = name.partition("|")[0]
            p99, p50 = self.figures[name], self.figures[f"{case}|p50"]
            cells = (
                f"{p50[kind]:.2f} / {p99[kind]:.2f}" if kind in p99 else "-"
                for kind in (OURS, NODE, PYTHON, AUDITED)
            )
            met = p99[OURS] <= p99.get(NODE, float("inf"))
            rows.append([case, *cells, "p99 ≤ Node's", _yes(met=met)])
        head = ["ms, p50 / p99", OURS, "Node", "python-socketio", "ours, audited"]
        return _table([*head, "aim", "met"], rows)

    def _memory(self) -> str:
        rows = []
        for name in (name for name in self.figures if name.endswith("|memory")):
            found, stalled = self.figures[name], name.startswith("stalled")
            unit, aim = ("MiB", 2.0) if stalled else ("KiB", 8.0)
            cells = (f"{found[k]:.1f} {unit}" if k in found else "-" for k in (OURS, NODE, PYTHON))
            case = name.partition("|")[0]
            what = "a stalled client offered 130 MB" if stalled else f"connection, {case}"
            rows.append([what, *cells, f"≤ {aim:g} {unit}", _yes(met=found[OURS] <= aim)])
        return _table(["resident memory", OURS, "Node", "python-socketio", "aim", "met"], rows)


def _aims(case: str) -> tuple[float, float]:
    """How many times Node's CPU, and python-socketio's, one event of ours may be cheaper."""
    if "one at a time" in case:
        return 1.0, 6.0
    return (6.0 if "broadcast" in case else 2.0), 6.0


def _node_aim(case: str) -> str:
    node, python = _aims(case)
    return f"≥ {node:g} x Node, {python:g} x python"


def _ratios(cpu: Mapping[str, float]) -> list[str]:
    return [f"{cpu[kind] / cpu[OURS]:.1f} x" if kind in cpu else "-" for kind in (NODE, PYTHON)]


def _met(cpu: Mapping[str, float], case: str) -> str:
    found = [
        _yes(met=cpu[kind] / cpu[OURS] >= aim)
        for kind, aim in zip((NODE, PYTHON), _aims(case), strict=True)
        if kind in cpu
    ]
    return ", ".join(found)


def _yes(*, met: bool) -> str:
    return "yes" if met else "**no**"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
