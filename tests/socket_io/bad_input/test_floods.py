"""Clients that send without end, never read, stop half way, or come and go in storms."""

from contextlib import AsyncExitStack
from typing import Final

import aiohttp
import anyio
import anyio.lowlevel
import pytest
from support.socketio_neighbours import ends, frame, frames, plain, settles, unharmed
from support.socketio_raw import RawWebSocket, polling, websocket
from support.socketio_server import Running, Way, echoing, patient, serving

from scp_socketio import Client, Message, Reason, Server

MEGABYTE: Final = 1024 * 1024


class Gate:
    """A handler `wait` that returns when the gate is opened."""

    def __init__(self) -> None:
        self.inside = self.most = self.through = 0
        self.opened = anyio.Event()

    def __call__(self, server: Server) -> None:
        server.on("wait")(self.wait)

    async def wait(self, client: Client, *arguments: object) -> None:
        """Come in, wait, go."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.opened.wait()
        self.inside -= 1
        self.through += 1


async def is_served(raw: RawWebSocket) -> None:
    """A round trip."""
    await raw.send('42["message","alive"]')
    assert await raw.receive() == '42["message-back","alive"]'


async def test_only_so_many_handlers_of_a_client_run_at_once(way: Way) -> None:
    gate = Gate()
    async with (
        serving(way, patient(max_handlers=16), echoing, gate) as running,
        unharmed(running),
        websocket(running) as flood,
        websocket(running) as other,
    ):
        await flood.connect()
        await other.connect()
        await flood.send(*['42["wait"]'] * 1_000)
        await running.until(lambda: gate.inside == 16)
        for _ in range(20):
            await is_served(other)
        assert gate.most == 16
        gate.opened.set()
        await running.until(lambda: gate.through == 1_000)
        assert gate.most == 16
        await is_served(flood)


async def test_only_so_many_handlers_of_a_poller_run_at_once(way: Way) -> None:
    gate = Gate()
    async with (
        serving(way, patient(max_handlers=4), echoing, gate) as running,
        unharmed(running),
        polling(running) as flood,
    ):
        await flood.connect()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(flood.post, *['42["wait"]'] * 16)
            await running.until(lambda: gate.inside == 4)
            async with websocket(running) as other:
                await other.connect()
                await is_served(other)
            assert gate.most == 4
            gate.opened.set()
        await running.until(lambda: gate.through == 16)
        assert gate.most == 4
        await flood.post("1")


async def test_handlers_of_a_client_that_went_are_ended(way: Way) -> None:
    gate = Gate()
    async with serving(way, patient(), echoing, gate) as running, unharmed(running):
        async with websocket(running) as raw:
            await raw.connect()
            await raw.send(*['42["wait"]'] * 5)
            await running.until(lambda: gate.inside == 5)
        await running.until(lambda: running.heard.left)
        gate.opened.set()


@pytest.mark.parametrize("events", [10_000])
async def test_a_flood_of_events_is_taken_in_order_or_ended(way: Way, events: int) -> None:
    heard: list[int] = []

    def hearing(server: Server) -> None:
        @server.on("up")
        async def up(client: Client, number: int) -> None:
            heard.append(number)

    async with (
        serving(way, patient(), echoing, hearing) as running,
        unharmed(running),
        frames(running, "40") as stream,
    ):
        packets = (f'42["up",{number}]'.encode() for number in range(events))
        await stream.send(b"".join(frame(packet) for packet in packets))
        await running.until(lambda: len(heard) == events)
        assert heard == list(range(events))


async def stuffed(running: Running, client: Client, *, upto: int) -> int:
    """Emit until the client is dropped; how many bytes were emitted. Never more than `upto`."""
    message, sent = Message.event("stuff", b'"' + b"x" * 10_000 + b'"'), 0
    while client.open and sent < upto:
        client.write(message)
        sent += message.size
        await anyio.lowlevel.checkpoint()
    return sent


async def test_who_never_reads_is_dropped_and_the_others_get_everything(way: Way) -> None:
    settings = patient(max_backlog=2 * MEGABYTE)
    async with (
        serving(way, settings) as running,
        unharmed(running),
        frames(running, "40/custom,", deaf=True),
    ):
        client = await running.client("/custom")
        sent = await stuffed(running, client, upto=60 * MEGABYTE)
        assert sent < 60 * MEGABYTE, "it took everything"
        await running.until(lambda: running.heard.left)
        assert running.heard.left == [("/custom", Reason.SLOW)]
        assert not client.open
        assert client.backlog == 0


async def test_who_never_polls_is_dropped(way: Way) -> None:
    async with (
        serving(way, patient(max_backlog=MEGABYTE)) as running,
        unharmed(running),
        polling(running) as raw,
    ):
        await raw.post("40/custom,")
        client = await running.client("/custom")
        sent = await stuffed(running, client, upto=10 * MEGABYTE)
        assert sent < 2 * MEGABYTE
        assert running.heard.left == [("/custom", Reason.SLOW)]
        assert (await raw.ask("GET")).code == 1


async def test_who_never_reads_holds_up_nobody(way: Way) -> None:
    """A broadcast to one who is deaf and to five who are not."""
    message = Message.event("stuff", b'"' + b"x" * 10_000 + b'"', namespace="/custom")
    async with (
        serving(way, patient()) as running,
        frames(running, "40/custom,", deaf=True),
        anyio.create_task_group() as tasks,
    ):
        counts: list[int] = []

        async def reads() -> None:
            async with websocket(running) as raw:
                await raw.connect("40/custom,")
                for _ in range(1_000):
                    await raw.receive()
                counts.append(1_000)

        slow = await running.client("/custom")
        for _ in range(5):
            tasks.start_soon(reads)
        await running.until(lambda: len(list(running.server.clients("/custom"))) == 6)
        quick = [client for client in running.server.clients("/custom") if client is not slow]
        for _ in range(1_000):
            running.server.broadcast(message, [slow, *quick])
            for client in quick:
                await client.drain()
        await running.until(lambda: len(counts) == 5)
        assert counts == [1_000] * 5
        assert [reason for _, reason in running.heard.left].count(Reason.SLOW) == 1


async def test_who_falls_silent_is_dropped_although_its_socket_stays_open(way: Way) -> None:
    settings = patient(ping_interval=0.1, ping_timeout=0.1)
    async with serving(way, settings) as running:
        before = running.census()
        async with frames(running, "40", deaf=True), frames(running), plain(running):
            await running.until(lambda: running.heard.left == [("/", Reason.PING_TIMEOUT)])
            await running.until(lambda: not list(running.server.clients("/")))
        await settles(running, before)


async def test_who_stops_within_a_frame_is_dropped(way: Way) -> None:
    settings = patient(ping_interval=0.1, ping_timeout=0.1)
    async with serving(way, settings) as running:
        before = running.census()
        async with frames(running, "40") as stream:
            await stream.send(frame(b'42["message",1]')[:9])
            await ends(stream)
            assert running.heard.left == [("/", Reason.PING_TIMEOUT)]
        await settles(running, before)


async def test_connections_that_come_and_go_leave_nothing(way: Way) -> None:
    async with serving(way, patient()) as running, unharmed(running):
        for _ in range(10):
            async with anyio.create_task_group() as tasks:
                for packets in [("40",), ("40", "40/custom,"), (), ("40", "41"), ("9",)] * 4:
                    tasks.start_soon(_come_and_go, running, packets)
        await running.until(lambda: not list(running.server.clients("/custom")))


async def _come_and_go(running: Running, packets: tuple[str, ...]) -> None:
    async with frames(running, *packets):
        pass


async def test_disconnects_are_told_once_each(way: Way) -> None:
    async with serving(way, patient()) as running, unharmed(running):
        for _ in range(20):
            async with frames(running, "40/custom,") as stream:
                await running.client("/custom")
                await stream.send(frame(b"41/custom,") + frame(b"1") + frame(b"9"))
                await ends(stream)
        assert running.heard.left == [("/custom", Reason.CLIENT_DISCONNECT)] * 20


async def test_a_server_that_closes_closes_everybody(way: Way) -> None:
    """Also those that do not read, and those that are half way in."""
    async with AsyncExitStack() as clients:
        async with serving(way, patient()) as running:
            deaf = await clients.enter_async_context(frames(running, "40", deaf=True))
            half = await clients.enter_async_context(frames(running))
            one = await clients.enter_async_context(websocket(running))
            other = await clients.enter_async_context(polling(running))
            await one.connect()
            await other.connect()
            await running.until(lambda: len(list(running.server.clients("/"))) == 3)
            await stuffed(running, next(iter(running.server.clients("/"))), upto=MEGABYTE)
        assert running.heard.left == [("/", Reason.SERVER_CLOSE)] * 3
        for stream in (deaf, half):
            await ends(stream)
        await one.ends()
        with pytest.raises(aiohttp.ClientConnectionError):
            await other.poll()
