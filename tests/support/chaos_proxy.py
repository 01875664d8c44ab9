"""A TCP proxy on loopback that breaks connections in the middle of what they bring."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
from anyio.abc import SocketAttribute, SocketStream
from yarl import URL

CHUNK: Final = 8 * 1024
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: what is on its way is dropped, and the peer gets RST (tcp(7))."""
BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


class ChaosProxy:
    """Stands before the server at `behind`; clients connect to `url`.

    A connection that brought `after` bytes is reset, towards both sides and in the middle of what
    is on its way; so many `times` in all.
    """

    def __init__(self, behind: str, port: int, *, after: int, times: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.aborted = 0
        """How many connections were broken."""
        self._behind = URL(behind)
        self._after = after
        self._times = times

    async def carry(self, client: SocketStream) -> None:
        """Serve one connection."""
        host, port = self._behind.host or "", self._behind.port or 0
        async with (
            client,
            await anyio.connect_tcp(host, port) as server,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(self._bring, server, client)
            await _copy(client, server)

    async def _bring(self, server: SocketStream, client: SocketStream) -> None:
        brought = 0
        with suppress(*BROKEN):
            while True:
                chunk = await server.receive(CHUNK)
                await client.send(chunk)
                brought += len(chunk)
                if brought >= self._after and self.aborted < self._times:
                    self.aborted += 1
                    reset(server)
                    reset(client)
                    break
        await _close(server, client)


async def _copy(source: SocketStream, sink: SocketStream) -> None:
    with suppress(*BROKEN):
        while True:
            await sink.send(await source.receive(CHUNK))
    await _close(source, sink)


async def _close(*ends: SocketStream) -> None:
    """One way ended: so does the connection."""
    with anyio.CancelScope(shield=True):
        for end in ends:
            await end.aclose()


def reset(end: SocketStream) -> None:
    """Close it so that the peer gets RST and what is on its way is dropped."""
    raw = end._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if raw.fileno() >= 0:  # else it was closed from its own side
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end._transport.abort()  # type: ignore[attr-defined]


@asynccontextmanager
async def chaos_proxy(behind: str, *, after: int, times: int) -> AsyncIterator[ChaosProxy]:
    """A proxy that runs until the context is left."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = int(listener.extra_attributes[SocketAttribute.local_port]())
    proxy = ChaosProxy(behind, port, after=after, times=times)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.carry)
        yield proxy
        tasks.cancel_scope.cancel()
