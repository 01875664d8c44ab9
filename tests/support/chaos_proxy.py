"""A TCP proxy on loopback that breaks connections when it is told to."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from yarl import URL

CHUNK: Final = 64 * 1024
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: what is on its way is dropped, and the peer gets RST (tcp(7))."""
BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


class ChaosProxy:
    """Stands before the server at `behind`; clients connect to `url`."""

    def __init__(self, behind: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.aborted = 0
        """How often connections were broken."""
        self._behind = URL(behind)
        self._open: set[SocketStream] = set()

    def abort(self) -> bool:
        """Reset every connection, towards both sides, in the middle of what is on its way.

        False when there is none.
        """
        for stream in self._open:
            raw = stream._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        ends, self._open = self._open, set()
        self.aborted += bool(ends)
        for stream in ends:
            stream._transport.abort()  # type: ignore[attr-defined]
        return bool(ends)

    async def carry(self, client: SocketStream) -> None:
        """Serve one connection."""
        host, port = self._behind.host or "", self._behind.port or 0
        async with client, await anyio.connect_tcp(host, port) as server:
            ends = {client, server}
            self._open |= ends
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_copy, client, server)
                    tasks.start_soon(_copy, server, client)
            finally:
                self._open -= ends


async def _copy(source: ByteStream, sink: ByteStream) -> None:
    try:
        while True:
            await sink.send(await source.receive(CHUNK))
    except BROKEN:
        # One way ended: so does the connection.
        with anyio.CancelScope(shield=True):
            await sink.aclose()
            await source.aclose()


@asynccontextmanager
async def chaos_proxy(behind: str) -> AsyncIterator[ChaosProxy]:
    """A proxy that runs until the context is left."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra_attributes[SocketAttribute.local_port]()
    proxy = ChaosProxy(behind, int(port))
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.carry)
        yield proxy
        tasks.cancel_scope.cancel()
