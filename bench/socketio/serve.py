"""A server to be measured: this library in uvicorn's fast lane, or a bare writer.

    python serve.py lane|merged|naive PORT CONTROL_PORT CORE

Commands come on standard input, one JSON object a line, and are answered likewise:
`{"events", "burst", "to": "all" | "each"}` sends and tells CPU and wall seconds; `{}` tells the
resident memory. It ends when its standard input does.
"""

import asyncio
import gc
import json
import os
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bare import Merged, Naive

from scp_socketio import Message, Server
from scp_socketio.server.lane import lane

EVENT_BYTES = 1_964
FLIGHT_FRAMES = 10_000
# Below the backlog that a client may have: the load client is slow at worst, never stalled.
FLIGHT_FRAMES_EACH = 500

Send = Callable[[int | None], int]
"""Encode one event and send it to one client (its number) or to all: bytes, over all."""


class Progress(asyncio.BufferedProtocol):
    """What the load client has counted."""

    def __init__(self) -> None:
        self.total = 0
        self._buffer = bytearray(8 * 1024)
        self._held = 0
        self._moved = asyncio.Event()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where numbers go."""
        return memoryview(self._buffer)[self._held :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take the latest number."""
        have = self._held + nbytes
        whole = have - have % 8
        if whole:
            self.total = int.from_bytes(self._buffer[whole - 8 : whole], "big")
            self._moved.set()
        self._held = have - whole
        self._buffer[: self._held] = self._buffer[whole:have]

    async def reach(self, total: int) -> None:
        """Wait for a total."""
        while self.total < total:
            self._moved.clear()
            await self._moved.wait()


def body() -> bytes:
    """The argument of an event whose packet has EVENT_BYTES."""
    around = len('42["stream_event",{"data":""}]')
    return b'{"data":"%s"}' % (b"x" * (EVENT_BYTES - around))


@asynccontextmanager
async def library(listener: socket.socket) -> AsyncIterator[tuple[Callable[[], int], Send]]:
    """The library."""
    import uvicorn  # noqa: PLC0415  (what the others do not need is not in their memory)

    server, argument = Server(), body()
    config = uvicorn.Config(
        server, ws=lane(server), lifespan="off", log_config=None, loop="asyncio"
    )
    http = uvicorn.Server(config)

    def send(to: int | None) -> int:
        message = Message.event("stream_event", argument)
        if to is None:
            server.broadcast(message, clients)
            return message.size * len(clients)
        clients[to].write(message)
        return message.size

    clients = list(server.clients())

    def joined() -> int:
        clients[:] = server.clients()
        return len(clients)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(http.serve([listener]))
        async with server.running():
            yield joined, send
        http.should_exit = True


@asynccontextmanager
async def bare(
    kind: type[Naive], listener: socket.socket
) -> AsyncIterator[tuple[Callable[[], int], Send]]:
    """A bare writer."""
    members, argument = list[Naive](), body()

    def send(to: int | None) -> int:
        frame = b"".join((b"\x81\x7e\x07\xac", b'42["stream_event",', argument, b"]"))
        for member in members if to is None else (members[to],):
            member.send(frame)
        return len(frame) * (len(members) if to is None else 1)

    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: kind(members), sock=listener):
        yield lambda: len(members), send


async def run(send: Send, joined: int, progress: Progress, order: dict[str, object]) -> object:
    """Send so many events, in bursts, with a bound on what is in flight."""
    events, burst = int(str(order["events"])), int(str(order["burst"]))
    to_all = order["to"] == "all"
    flight = min(FLIGHT_FRAMES, FLIGHT_FRAMES_EACH * joined) * EVENT_BYTES
    sent = start = progress.total
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(events):
        sent += send(None if to_all else number % joined)
        if (number + 1) % burst == 0:
            await asyncio.sleep(0)
            if sent - progress.total > flight:
                await progress.reach(sent - flight)
    await progress.reach(sent)
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "bytes": sent - start,
    }


def memory() -> object:
    """Resident bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"rss": pages * os.sysconf("SC_PAGE_SIZE")}


async def main() -> None:
    """Serve."""
    kind, port, control_port, core = sys.argv[1], *map(int, sys.argv[2:])
    os.sched_setaffinity(0, {core})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Named as TCP, as uvicorn's own: else asyncio leaves Nagle's algorithm on for the bare writers.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    loop, progress = asyncio.get_running_loop(), Progress()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    kinds = {"naive": Naive, "merged": Merged}
    serving = library(listener) if kind == "lane" else bare(kinds[kind], listener)
    async with (
        await loop.create_server(lambda: progress, "127.0.0.1", control_port),
        serving as (
            joined,
            send,
        ),
    ):
        print("ready", flush=True)
        async for line in lines:
            order = json.loads(line)
            answer = await run(send, joined(), progress, order) if order else memory()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
