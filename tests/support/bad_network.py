"""A TCP proxy on loopback whose network is as bad as it is told to be, and can be mended again."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc
from anyio.abc import SocketAttribute, SocketStream
from support.chaos_proxy import BROKEN, reset
from yarl import URL

CHUNK: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How the network is from now on."""

    latency: float = 0.0
    """Seconds that each piece takes, either way."""
    bytes_per_second: float | None = None
    """How fast answers come."""
    cut_after: int | None = None
    """Bytes of the next piece of an answer after which its connection is reset."""
    black_hole: bool = False
    """Whether all that is sent is lost."""


FAIR: Final = Weather()


class BadNetwork:
    """Stands before the server at `behind`; clients connect to `url`."""

    def __init__(self, behind: str, port: int) -> None:
        self.weather = FAIR
        self.connections = 0
        """How many are open."""
        self.url = ""
        self._behind = URL(behind)
        self._port = port
        self._serving = anyio.CancelScope()
        self._tasks: anyio.abc.TaskGroup | None = None

    async def open(self) -> None:
        """Take connections, always at the same port."""
        listener = await anyio.create_tcp_listener(
            local_host="127.0.0.1", local_port=self._port, reuse_port=False
        )
        self._port = int(listener.extra_attributes[SocketAttribute.local_port]())
        self.url = f"http://127.0.0.1:{self._port}"
        self._serving = anyio.CancelScope()
        if self._tasks is None:
            raise AssertionError("use bad_network()")
        self._tasks.start_soon(self._serve, listener, self._serving)

    async def refuse(self) -> None:
        """Refuse connections, and reset those that are open, until `open` is called."""
        self._serving.cancel()
        await anyio.lowlevel.checkpoint()

    async def _serve(
        self, listener: anyio.abc.Listener[SocketStream], scope: anyio.CancelScope
    ) -> None:
        with scope:
            async with listener:
                await listener.serve(self._carry)

    async def _carry(self, client: SocketStream) -> None:
        self.connections += 1
        try:
            async with client:
                await self._through(client)
        finally:
            self.connections -= 1

    async def _through(self, client: SocketStream) -> None:
        host, port = self._behind.host or "", self._behind.port or 0
        async with (
            await anyio.connect_tcp(host, port) as server,
            anyio.create_task_group() as tasks,
        ):

            async def back() -> None:
                await self._bring(server, client, answers=True)
                tasks.cancel_scope.cancel()

            tasks.start_soon(back)
            await self._bring(client, server, answers=False)
            tasks.cancel_scope.cancel()

    async def _bring(self, source: SocketStream, sink: SocketStream, *, answers: bool) -> None:
        with suppress(*BROKEN):
            while piece := await source.receive(CHUNK):
                weather = self.weather
                if weather.black_hole:
                    continue
                await anyio.sleep(weather.latency)
                if not answers:
                    await sink.send(piece)
                elif weather.cut_after is not None:
                    await sink.send(piece[: weather.cut_after])
                    reset(source)
                    reset(sink)
                    return
                else:
                    await _drip(sink, piece, weather.bytes_per_second)


async def _drip(sink: SocketStream, piece: bytes, rate: float | None) -> None:
    size = len(piece) if rate is None else max(int(rate / 20), 1)
    for start in range(0, len(piece), size):
        if rate is not None:
            await anyio.sleep(size / rate)
        await sink.send(piece[start : start + size])


@asynccontextmanager
async def bad_network(behind: str, *, at: str | None = None) -> AsyncIterator[BadNetwork]:
    """A proxy that runs until the context is left; the weather is fair at first.

    `at` is the address it takes, or else it takes any.
    """
    network = BadNetwork(behind, (at and URL(at).port) or 0)
    async with anyio.create_task_group() as tasks:
        network._tasks = tasks
        await network.open()
        yield network
        tasks.cancel_scope.cancel()


def nobody() -> str:
    """An address on loopback at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"
