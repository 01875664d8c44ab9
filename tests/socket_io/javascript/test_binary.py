"""Bytes both ways where that is enabled; a closed transport where it is not."""

import base64

import pytest
from support.socketio_javascript import TRANSPORTS, javascript
from support.socketio_server import Way, patient, serving

from scp_socketio import Reason


def shown(content: bytes) -> dict[str, str]:
    """Bytes as the client tells of them."""
    return {"$bytes": base64.b64encode(content).decode()}


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_bytes_go_both_ways(way: Way, transports: str) -> None:
    async with (
        serving(way, patient(binary=True)) as running,
        javascript(running, transports) as browser,
    ):
        await browser.enters()
        sent = [shown(bytes(range(256))), {"deep": [shown(b""), 1]}, shown(b"\0" * 10_000)]
        await browser.emit("message", *sent)
        assert await browser.hears("message-back") == sent
        assert await browser.ask("message-with-ack", shown(b"\xff")) == shown(b"\xff")
        client = await running.client()
        assert await client.call("ask", b"\1\2", {"b": b"\3"}, timeout=30) == [
            b"\1\2",
            {"b": b"\3"},
        ]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_bytes_are_refused_where_they_are_not_enabled(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        await browser.emit("message", shown(b"\1\2\3"))
        assert (await browser.sees("disconnect"))["reason"].startswith("transport")
        await running.until(lambda: running.heard.left)
        assert running.heard.left == [("/", Reason.BAD_PACKET)]


async def test_a_server_without_binary_emits_none(way: Way) -> None:
    async with serving(way) as running, javascript(running) as browser:
        await browser.enters()
        with pytest.raises((TypeError, ValueError)):
            (await running.client()).emit("message", b"\1")
        assert await browser.ask("message-with-ack", "alive") == "alive"
