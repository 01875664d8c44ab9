"""Both suites, heartbeat and close: 6 cases."""

from contextlib import suppress
from typing import Final

import aiohttp
import anyio
from support.socketio_raw import Gone, polling, websocket
from support.socketio_server import AN_HOUR, Way, patient, serving

from scp_socketio import Reason

PINGING: Final = patient(ping_interval=0.05)
DYING: Final = patient(ping_interval=0.05, ping_timeout=0.05)


async def test_a_poll_is_pinged(way: Way) -> None:
    async with serving(way, PINGING) as running, polling(running) as raw:
        for _ in range(3):
            assert await raw.poll() == ["2"]
            assert (await raw.post("3")).text == "ok"


async def test_polling_ends_when_pings_are_not_answered(way: Way) -> None:
    async with serving(way, DYING) as running, polling(running) as raw:
        assert (await raw.post("40")).text == "ok"
        await running.until(lambda: running.heard.left)
        assert running.heard.left == [("/", Reason.PING_TIMEOUT)]
        assert (await raw.ask("GET")).code == 1


async def test_a_websocket_is_pinged(way: Way) -> None:
    async with serving(way, PINGING) as running, websocket(running) as raw:
        for _ in range(3):
            assert await raw.receive() == "2"
            await raw.send("3")


async def test_a_websocket_ends_when_pings_are_not_answered(way: Way) -> None:
    async with serving(way, DYING) as running, websocket(running) as raw:
        assert (await raw.connect())[0] != "2"
        assert await raw.ends() == ["2"]
        assert running.heard.left == [("/", Reason.PING_TIMEOUT)]


async def test_other_packets_do_not_stand_for_a_pong(way: Way) -> None:
    settings = patient(ping_interval=0.05, ping_timeout=0.5)
    async with serving(way, settings) as running, websocket(running) as raw:
        await raw.connect()
        with suppress(Gone, aiohttp.ClientConnectionError):
            while True:
                await raw.send('42["message"]')
                await raw.receive()
        await running.until(lambda: running.heard.left)
        assert running.heard.left == [("/", Reason.PING_TIMEOUT)]


async def test_a_close_ends_polling(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with anyio.create_task_group() as tasks:

            async def poll() -> None:
                assert await raw.poll() == ["6"]

            tasks.start_soon(poll)
            await running.until(running.polls)
            assert (await raw.post("1")).status == 200
        assert (await raw.ask("GET")).status == 400
        assert running.heard.left == [("/", Reason.TRANSPORT_CLOSE)]


async def test_a_close_ends_a_websocket(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send("1")
        await raw.ended()
        await running.until(lambda: running.heard.left)
        assert running.heard.left == [("/", Reason.TRANSPORT_CLOSE)]


async def test_intervals_below_a_millisecond_are_not_announced_as_none(way: Way) -> None:
    settings = patient(ping_interval=0.0015, ping_timeout=AN_HOUR)
    async with serving(way, settings) as running, websocket(running) as raw:
        assert raw.opened["pingInterval"] in {1, 2}
        assert await raw.receive() == "2"
