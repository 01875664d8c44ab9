"""Connections that are lost, and the official client's ways of coming back."""

import pytest
from support.socketio_javascript import TRANSPORTS, javascript
from support.socketio_server import Way, patient, serving

from scp_socketio import Reason

LOST = {Reason.TRANSPORT_CLOSE, Reason.TRANSPORT_ERROR}


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_client_whose_network_fails_comes_back(way: Way, transports: str) -> None:
    settings = patient(ping_interval=0.1, ping_timeout=1.0)
    async with serving(way, settings) as running, javascript(running, transports) as browser:
        first = await browser.enters()
        for _ in range(5):
            await browser.tell("cut")
            again = await browser.sees("connect")
            assert again["id"] != first["id"]
            await running.until(lambda: len(list(running.server.clients("/"))) == 1)
        await running.until(lambda: len(running.heard.left) == 5)
        assert {reason for _, reason in running.heard.left} <= LOST | {Reason.PING_TIMEOUT}
        await browser.emit("message", "alive")
        assert await browser.hears("message-back") == ["alive"]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_client_that_was_closed_comes_back_with_all_it_was_sent(
    way: Way, transports: str
) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        client = await running.client()
        client.emit("farewell", "x" * 100_000)
        client.close()
        await browser.sees("connect")
        (farewell,) = (one for one in browser.seen if one.get("name") == "farewell")
        assert len(farewell["arguments"][0]) == 100_000
        (lost,) = (one for one in browser.seen if one["saw"] == "disconnect")
        assert lost["reason"].startswith("transport")
        assert running.heard.left == [("/", Reason.SERVER_CLOSE)]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_client_that_was_dropped_comes_back(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        (await running.client()).abort()
        await browser.sees("disconnect")
        await browser.sees("connect")
        assert running.heard.left == [("/", Reason.SERVER_CLOSE)]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_all_namespaces_come_back(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters("/")
        await browser.enters("/custom")
        (await running.client()).close()
        back = {(await browser.sees("connect"))["namespace"] for _ in range(2)}
        assert back == {"/", "/custom"}
        assert sorted(name for name, _ in running.heard.left) == ["/", "/custom"]
