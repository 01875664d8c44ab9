"""Clients that misuse the wire are cut off; the server neither grows nor keeps anything of them."""

from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from support.raw_engineio import (
    SEPARATOR,
    WITHIN,
    Closed,
    ends,
    frame,
    greeting,
    handshaken,
    raw_polling,
    raw_websocket,
)
from support.running import Server, StartServer, assert_quiet, message_ids

BROKEN_FRAMES: dict[str, bytes] = {
    "not masked": b"\x81\x0240",
    "compressed, though nobody agreed to": frame(b"40", head=0xC1),
    "an unknown opcode": frame(b"", head=0x83),
    "half a ping": frame(b"", head=0x09),
    "the rest of nothing": frame(b"", head=0x80),
    "a text that is not UTF-8": frame(b"4\xff\xfe"),
    "300 KB": frame(b"4" + b"2" * 300_000),
    "a length of 2**62": b"\x81\xff" + (1 << 62).to_bytes(8) + bytes(4),
    "close code 0": frame(b"\x00\x00", head=0x88),
    "close code 999": frame((999).to_bytes(2), head=0x88),
    "close code 5000": frame((5000).to_bytes(2), head=0x88),
}


async def test_broken_websocket_frames_end_their_connection_only(
    server: Server, session: str
) -> None:
    for told, broken in BROKEN_FRAMES.items():
        async with handshaken(server.url) as stream:
            await stream.send(frame(greeting(session, agent_id=told).encode()))
            await stream.send(broken)
            assert await ends(stream), told
    assert_quiet(server)


def resident(server: Server) -> int:
    """KiB of memory that the server holds."""
    status = Path(f"/proc/{server.child.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def descriptors(server: Server) -> int:
    """Files and connections that the server has open."""
    return len(list(Path(f"/proc/{server.child.process.pid}/fd").iterdir()))


FLOODS = {
    "subscriptions": frame(b'427["subscribe_data",{"data_types":[]}]') * 200,
    "pings of the WebSocket": frame(b"x" * 125, head=0x89) * 200,
}
FLOOD_BYTES = 100_000_000
"""More than any buffers on the way may hold."""


async def sent_unread(stream: SocketStream, flood: bytes) -> None:
    """Send and never read, as long as the server takes it."""
    with anyio.fail_after(WITHIN):
        for _ in range(FLOOD_BYTES // len(flood)):
            await stream.send(flood)


async def cut_off(server: Server, session: str, name: str) -> None:
    """Connect, flood, and see the server end the connection."""
    async with handshaken(server.url) as stream:
        await stream.send(frame(greeting(session, agent_id=name).encode()))
        with pytest.raises(anyio.BrokenResourceError):
            await sent_unread(stream, FLOODS[name])


async def test_clients_that_send_and_do_not_read_are_cut_off(server: Server, session: str) -> None:
    async with raw_websocket(server.url, session) as beside:
        before = resident(server)
        async with anyio.create_task_group() as tasks:
            for name in FLOODS:
                tasks.start_soon(cut_off, server, session, name)
        assert resident(server) - before < 32 * 1024, "what they did not read was kept"
        await server.start_stream(session, max_results=20)
        assert len(await beside.completed()) == 22
    assert_quiet(server)


async def test_a_client_that_posts_and_does_not_poll_is_cut_off(
    server: Server, session: str
) -> None:
    before = resident(server)
    async with raw_polling(server.url, session) as raw:
        # Each is answered by an error and an acknowledgement, which wait for a poll.
        flood = SEPARATOR.join(['427["subscribe_data",{"data_types":["no"]}]'] * 16)
        statuses = [200]
        while statuses[-1] == 200 and len(statuses) < 2000:
            statuses.append(await raw.post(flood))
        assert statuses[-1] == 400, "the connection is gone"
        with pytest.raises(Closed):
            await raw.poll()
        assert await server.connections(session) == 0
    assert resident(server) - before < 16 * 1024
    assert_quiet(server)


async def test_a_client_that_is_never_let_in_has_to_go(server: Server, session: str) -> None:
    async with raw_websocket(server.url) as raw, raw_polling(server.url) as poller:
        # Pongs that nobody asked for are no substitute.
        for _ in range(2):
            await raw.send("3")
            await poller.post("3")
        # It could poll on: a NOOP, and then there is no such session.
        assert await poller.poll() == ["6"]
        with pytest.raises(Closed):
            await raw.receive()
        with pytest.raises(Closed):
            await poller.poll()
    async with raw_websocket(server.url, session) as raw:
        for _ in range(5):
            await raw.send("3")
        assert (await raw.subscribe("gmail_messages"))["success"] is True
    assert_quiet(server)


async def left_at_once(server: Server, session: str, *, politely: bool) -> None:
    """Connect, and be gone before the answer, or right after it."""
    async with handshaken(server.url) as stream:
        await stream.send(frame(greeting(session).encode()))
        if politely:
            seen = b""
            while b"40{" not in seen:
                seen += await stream.receive()


async def test_a_storm_of_reconnections_leaves_nothing_behind(start: StartServer) -> None:
    server = start(
        limits__connections_per_session="0",
        limits__data_requests_per_minute="0",
        limits__stream_events_per_minute="0",
    )
    session = await server.open_session()
    await left_at_once(server, session, politely=True)
    before = descriptors(server)
    for _ in range(5):
        async with anyio.create_task_group() as tasks:
            for i in range(40):
                tasks.start_soon(partial(left_at_once, server, session, politely=i % 2 == 0))

    with anyio.fail_after(WITHIN):
        while await server.connections(session) or descriptors(server) > before + 1:
            pass
    # A consumer that was let in and is not there would hold the stream up for ever.
    async with raw_websocket(server.url, session) as raw:
        await server.start_stream(session)
        assert len(await raw.completed()) == len(message_ids(server.sandbox)) + 2
    assert_quiet(server)
