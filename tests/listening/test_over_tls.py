"""The same bounds where TLS is spoken, whose transports end in another way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from anyio.streams.tls import TLSStream
from support.certificates import Certificate, certificate
from support.listening_room import Room, listening
from support.wire import Heard, get
from yarl import URL

from scp_server.listening.door import Bounds
from scp_server.listening.http import HttpBounds

QUICK = HttpBounds(head_seconds=0.3, body_seconds=0.3)
UPGRADE = get(
    "/socket.io/?EIO=4&transport=websocket",
    close=False,
    lines=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
)


@pytest.fixture
def tls(tmp_path: Path) -> Certificate:
    """A certificate of its own."""
    return certificate(tmp_path)


@asynccontextmanager
async def connected(room: Room, tls: Certificate) -> AsyncIterator[TLSStream]:
    port = URL(room.url).port or 0
    async with await anyio.connect_tcp(
        "127.0.0.1", port, ssl_context=tls.trusted(), tls_standard_compatible=False
    ) as stream:
        yield stream


async def said(room: Room, tls: Certificate, *parts: bytes) -> Heard:
    heard = b""
    async with connected(room, tls) as stream:
        with anyio.fail_after(10):
            try:
                for part in parts:
                    await stream.send(part)
                while True:
                    heard += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return Heard(heard)


async def until(room: Room, sockets: int) -> None:
    with anyio.fail_after(10):
        while room.tally.open != sockets:
            await checkpoint()


async def test_what_is_too_long_or_too_late_is_refused(tls: Certificate) -> None:
    async with listening(QUICK, tls=tls) as room:
        assert (await said(room, tls, get())).status == 200
        for status, request in (
            (431, get(lines=b"X: " + b"x" * 40_000 + b"\r\n")),
            (408, b"GET / HTT"),
            (408, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"),
            (400, b"nonsense\r\n\r\n"),
        ):
            heard = await said(room, tls, request)
            assert heard.status == status, heard
            assert heard.headers["strict-transport-security"]
        await until(room, 0)


async def test_sockets_are_counted_through_an_upgrade_to_their_end(tls: Certificate) -> None:
    async with listening(sockets=Bounds(sockets=2), tls=tls) as room:
        async with connected(room, tls) as one, connected(room, tls):
            await one.send(UPGRADE)
            assert b"101 Switching" in await one.receive()
            assert room.tally.open == 2
            assert (await said(room, tls, get())).status == 503
        await until(room, 0)
        assert (await said(room, tls, get())).status == 200
