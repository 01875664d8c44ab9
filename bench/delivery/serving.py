"""What both Python servers of the benchmark do with their orders.

    python ours.py|peer.py PORT CONTROL_PORT CORE SESSIONS [audited]

Orders come on standard input, one JSON object a line, and are answered likewise:
`{"do": "flood", "to": "all" | "each", "burst", "seconds"}` sends as fast as it goes,
`{"do": "pace", "to", "rate", "seconds"}` sends so many events a second,
`{"do": "offer", "events"}` sends so many to all, `{"do": "rest"}` collects garbage.
"""

import asyncio
import gc
import importlib
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

FLIGHT_EVENTS = 10_000
FLIGHT_EVENTS_EACH = 500
TICK_SECONDS = 0.001

LOOP = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"


class Progress(asyncio.Protocol):
    """How many events the load client has counted."""

    def __init__(self) -> None:
        self.total = 0
        self._rest = b""
        self._moved = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Take the latest number."""
        data = self._rest + data
        whole = len(data) - len(data) % 8
        self._rest = data[whole:]
        if whole:
            self.total = int.from_bytes(data[whole - 8 : whole], "big")
            self._moved.set()

    async def reach(self, total: int) -> None:
        """Wait for a total."""
        while self.total < total:
            self._moved.clear()
            await self._moved.wait()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A server that is measured."""

    hello: list[str]
    """What clients join with."""
    joined: Callable[[], int]
    """Called when all are in: how many they are."""
    put: Callable[[int | None], Awaitable[object]]
    """Send an event to one client, by its number, or to all."""
    bounded: bool
    """Whether `put` waits by itself while too much is on its way."""
    stalled: int = 0


@dataclass
class Course:
    """One order."""

    subject: Subject
    progress: Progress
    order: dict[str, Any]
    joined: int = 0
    events: int = 0

    async def run(self) -> dict[str, Any]:
        """Obey."""
        gc.collect()
        if self.order["do"] == "rest":
            return {}
        self.joined = self.subject.joined()
        start, before = time.perf_counter(), self.progress.total
        await {"flood": self._flood, "pace": self._pace, "offer": self._offer}[self.order["do"]]()
        await self.progress.reach(before + self.events * self._fan)
        wall = time.perf_counter() - start
        return {"events": self.events * self._fan, "wall": wall}

    @property
    def _fan(self) -> int:
        reads = self.joined - int(self.order.get("stalled", 0))
        return reads if self.order["to"] == "all" else 1

    async def _put(self) -> None:
        await self.subject.put(None if self.order["to"] == "all" else self.events % self.joined)
        self.events += 1

    async def _flood(self) -> None:
        base, until = self.progress.total, time.perf_counter() + self.order["seconds"]
        while time.perf_counter() < until:
            for _ in range(self.order["burst"]):
                await self._put()
            await self._breathe(base)

    async def _breathe(self, base: int) -> None:
        await asyncio.sleep(0)
        flight = min(FLIGHT_EVENTS, FLIGHT_EVENTS_EACH * self.joined)
        sent = base + self.events * self._fan
        if not self.subject.bounded and sent - self.progress.total > flight:
            await self.progress.reach(sent - flight)

    async def _offer(self) -> None:
        base = self.progress.total
        while self.events < self.order["events"]:
            await self._put()
            if self.events % 16 == 0:
                await self._breathe(base)

    async def _pace(self) -> None:
        start, rate = time.perf_counter(), self.order["rate"]
        while (passed := time.perf_counter() - start) < self.order["seconds"]:
            while self.events < passed * rate:
                await self._put()
            await asyncio.sleep(TICK_SECONDS)


Serving = Callable[[int, int], AbstractAsyncContextManager[Subject]]


async def _lines() -> AsyncIterator[bytes]:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        yield line


async def serve(serving: Serving) -> None:
    """Serve until standard input ends. `serving` takes the port and the number of sessions."""
    port, control_port, core, sessions = map(int, sys.argv[1:5])
    os.sched_setaffinity(0, {core})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    progress, loop = Progress(), asyncio.get_running_loop()
    async with (
        await loop.create_server(lambda: progress, "127.0.0.1", control_port),
        serving(port, sessions) as subject,
    ):
        print(json.dumps({"hello": subject.hello, "loop": LOOP}), flush=True)
        async for line in _lines():
            answer = await Course(subject, progress, json.loads(line)).run()
            print(json.dumps(answer), flush=True)


def main(serving: Serving) -> None:
    """Run."""
    if LOOP == "uvloop":
        importlib.import_module("uvloop").run(serve(serving))
    else:
        asyncio.run(serve(serving))
