"""Each way by which the official client comes: everything arrives, in order, in both directions."""

import anyio
import pytest
from support.socketio_javascript import TRANSPORTS, JavaScript, javascript
from support.socketio_server import Running, Way, echoing, patient, serving

from scp_socketio import Client, Handshake, Server

OFTEN = patient(ping_interval=0.05, max_payload_packets=100_000)
"""Pings come between everything else; the client fills its POSTs up to `maxPayload`."""


class Counted:
    """Numbers that clients sent to `up`."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def __call__(self, server: Server) -> None:
        @server.on("up")
        async def up(client: Client, number: int) -> None:
            self.numbers.append(number)


async def count_to(client: Client, end: int, *, start: int = 0) -> None:
    """Emit numbers no faster than they are taken."""
    for number in range(start, end):
        client.emit("number", number)
        await client.drain()


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_events_go_both_ways(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters(auth={"token": "123"})
        assert await browser.hears("auth") == [{"token": "123"}]
        await browser.emit("message", 1, "two", {"three": [True, None]}, "h\u00e9llo \U0001f600")
        heard = await browser.hears("message-back")
        assert heard == [1, "two", {"three": [True, None]}, "h\u00e9llo \U0001f600"]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_long_run_is_neither_lost_nor_reordered(way: Way, transports: str) -> None:
    counted = Counted()
    async with (
        serving(way, OFTEN, echoing, counted) as running,
        javascript(running, transports) as browser,
    ):
        await browser.enters()
        await browser.tell("count", name="up", end=2000)
        await count_to(await running.client(), 2000)
        await running.until(lambda: len(counted.numbers) == 2000)
        await browser.emit("message", "over")
        await browser.hears("message-back")
        assert await browser.numbers() == list(range(2000))
        assert counted.numbers == list(range(2000))
        assert not running.heard.left


async def test_an_upgrade_under_load_loses_nothing(way: Way) -> None:
    """The server emits, and the client too, from before the upgrade until after it."""
    counted = Counted()
    async with (
        serving(way, OFTEN, echoing, counted) as running,
        javascript(running, "upgrade") as browser,
    ):
        await browser.tell("enter")
        await browser.tell("count", name="up", end=3000)
        total = await emit_during_upgrade(running, browser)
        await running.until(lambda: len(counted.numbers) == 3000)
        await browser.emit("message", "over")
        await browser.hears("message-back")
        assert await browser.numbers() == list(range(total))
        assert counted.numbers == list(range(3000))
        assert [sight["transport"] for sight in browser.seen if sight["saw"] == "open"] == [
            "polling"
        ]
        assert browser.count("upgrade_error") == browser.count("disconnect") == 0


async def emit_during_upgrade(running: Running, browser: JavaScript) -> int:
    """Emit until the upgrade is seen and 500 times more; how often in all."""
    upgraded, emitted = anyio.Event(), 0

    async def emit() -> None:
        nonlocal emitted
        client = await running.client()
        while not upgraded.is_set():
            await count_to(client, emitted + 1, start=emitted)
            emitted += 1
        await count_to(client, emitted + 500, start=emitted)
        emitted += 500

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(emit)
        await browser.sees("upgrade")
        upgraded.set()
    return emitted


async def test_upgrades_at_once_lose_nothing(way: Way) -> None:
    async def burst(client: Client, auth: object, handshake: Handshake) -> None:
        for number in range(1000):
            client.emit("number", number)

    def bursting(server: Server) -> None:
        server.on_connect()(burst)

        @server.on("message")
        async def echo(client: Client, *arguments: object) -> None:
            client.emit("message-back", *arguments)

    async with serving(way, OFTEN, bursting) as running, anyio.create_task_group() as tasks:

        async def one() -> None:
            async with javascript(running, "upgrade") as browser:
                await browser.tell("enter")
                await browser.sees("upgrade")
                await browser.emit("message")
                await browser.hears("message-back")
                assert await browser.numbers() == list(range(1000))

        for _ in range(4):
            tasks.start_soon(one)
