"""What must be the same after somebody misbehaved: the neighbours, and what the server holds."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import SocketStream
from support.socketio_raw import RawPolling, RawWebSocket, at, polling, websocket
from support.socketio_server import WITHIN, Census, Running

HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESET: Final = b"\x01\0\0\0\0\0\0\0"
"""SO_LINGER of nothing: closing resets the connection."""


@asynccontextmanager
async def unharmed(running: Running) -> AsyncIterator[None]:
    """Two neighbours are served before and after, and nothing is left behind in between."""
    async with websocket(running) as near, polling(running) as far:
        await near.connect()
        await far.connect()
        await _are_served(near, far)
        await running.until(lambda: not running.polls())
        before = running.census()
        yield
        await _are_served(near, far)
        await settles(running, before)


async def _are_served(near: RawWebSocket, far: RawPolling) -> None:
    await near.send('42["message","near"]')
    assert await near.receive() == '42["message-back","near"]'
    assert (await far.post('42["message","far"]')).text == "ok"
    assert await far.poll() == ['42["message-back","far"]']


async def settles(running: Running, before: Census) -> None:
    """Wait until clients, connections, sockets and tasks are what they were."""
    try:
        await running.until(lambda: running.census() == before)
    except TimeoutError:
        raise AssertionError(f"left behind: {before} became {running.census()}") from None


def frame(payload: bytes, *, head: int = 0x81, masked: bool = True) -> bytes:
    """A WebSocket frame; `head` is its first byte (0x81: a whole text message)."""
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        size = bytes([bit | len(payload)])
    elif len(payload) < 65536:
        size = bytes([bit | 126]) + len(payload).to_bytes(2)
    else:
        size = bytes([bit | 127]) + len(payload).to_bytes(8)
    mask = b"\x0f\xf0\x55\xaa" if masked else b""
    sent = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if masked else payload
    return bytes([head]) + size + mask + sent


@asynccontextmanager
async def plain(running: Running, *, deaf: bool = False) -> AsyncIterator[SocketStream]:
    """A TCP connection. `deaf`: little fits into its receive buffer. Leaving it resets it."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if deaf:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.connect(("127.0.0.1", running.port))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    opened.settimeout(0)
    async with await SocketStream.from_socket(opened) as stream:
        yield stream


@asynccontextmanager
async def frames(
    running: Running, *packets: str, deaf: bool = False
) -> AsyncIterator[SocketStream]:
    """A WebSocket of which the test writes the frames itself; packets to begin with."""
    target = at(running, transport="websocket")
    async with plain(running, deaf=deaf) as stream:
        request = HANDSHAKE.format(path=target.path_qs, host=target.authority)
        await stream.send(request.encode())
        answer = b""
        # The head, and the packet that opens the session.
        while b"}" not in answer:
            answer += await stream.receive()
        assert b" 101 " in answer.split(b"\r\n")[0], answer
        for packet in packets:
            await stream.send(frame(packet.encode()))
        yield stream


async def ends(stream: SocketStream) -> bytes:
    """Read until the server ends the connection, or says that it is ended; what came."""
    read = b""
    with anyio.fail_after(WITHIN):
        try:
            while not _is_closed(read):
                read += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
    return read


def _is_closed(read: bytes) -> bool:
    """Whether the last frame is a close: our own answer to it could take its time."""
    tail = read[-127:]
    places = range(len(tail) - 1)
    return any(tail[at] == 0x88 and tail[at + 1] == len(tail) - at - 2 for at in places)


async def receives(stream: SocketStream, wanted: bytes) -> bytes:
    """Read until something has come; all that came."""
    read = b""
    with anyio.fail_after(WITHIN):
        while wanted not in read:
            read += await stream.receive()
    return read
