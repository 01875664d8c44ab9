"""Engine.IO's suite (v4), handshake: 7 cases. Socket.IO's suite (v5) asks for the same 7."""

import json
from typing import Any, Final

import pytest
from support.socketio_raw import asking, polling, refusal, websocket
from support.socketio_server import Way, patient, serving

from scp_socketio import Settings

OF_THE_SUITE: Final = Settings(ping_interval=0.3, ping_timeout=0.2, max_message=1_000_000)


def assert_announces(opened: dict[str, Any], upgrades: list[str]) -> None:
    """The five members of the protocol and no others; times are whole milliseconds."""
    assert isinstance(opened.pop("sid"), str)
    assert opened == {
        "upgrades": upgrades,
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }
    assert all(type(value) is int for name, value in opened.items() if name != "upgrades")


async def test_a_get_opens_a_session(way: Way) -> None:
    async with serving(way, OF_THE_SUITE) as running, asking(running) as raw:
        answer = await raw.ask("GET")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert answer.text.startswith("0")
        assert_announces(json.loads(answer.text[1:]), ["websocket"])


@pytest.mark.parametrize("version", [None, "abc", "", "3", "5", "04"])
async def test_a_get_of_another_version_is_refused(way: Way, version: str | None) -> None:
    async with serving(way) as running, asking(running) as raw:
        assert (await raw.ask("GET", EIO=version)).code == 5


@pytest.mark.parametrize("transport", [None, "abc", "", "Polling", "webtransport"])
async def test_a_get_of_an_unknown_transport_is_refused(way: Way, transport: str | None) -> None:
    async with serving(way) as running, asking(running) as raw:
        assert (await raw.ask("GET", transport=transport)).code == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_only_a_get_opens_a_session(way: Way, method: str) -> None:
    async with serving(way) as running, asking(running) as raw:
        assert (await raw.ask(method)).code == 2


async def test_a_websocket_opens_a_session(way: Way) -> None:
    async with serving(way, OF_THE_SUITE) as running, websocket(running) as raw:
        assert_announces(raw.opened, [])


@pytest.mark.parametrize("version", [None, "abc", "", "3", "5"])
async def test_a_websocket_of_another_version_is_refused(way: Way, version: str | None) -> None:
    async with serving(way) as running:
        assert await refusal(running, EIO=version) == 400


@pytest.mark.parametrize("transport", [None, "abc", "", "polling"])
async def test_a_websocket_of_an_unknown_transport_is_refused(
    way: Way, transport: str | None
) -> None:
    async with serving(way) as running:
        assert await refusal(running, transport=transport) == 400


async def test_a_transport_that_is_not_offered_is_refused(way: Way) -> None:
    async with serving(way, patient(transports=("websocket",))) as running:
        async with websocket(running) as raw:
            assert raw.opened["upgrades"] == []
        async with asking(running) as asked:
            assert (await asked.ask("GET")).code == 0
    async with serving(way, patient(transports=("polling",))) as running:
        assert await refusal(running) == 400
        async with asking(running) as asked:
            answer = await asked.ask("GET")
            assert json.loads(answer.text[1:])["upgrades"] == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_session_is_refused(way: Way, method: str) -> None:
    async with serving(way) as running, polling(running) as raw:
        raw.sid = "nobody"
        assert (await raw.ask(method, "40" if method == "POST" else None)).code == 1


async def test_a_websocket_for_an_unknown_session_is_refused(way: Way) -> None:
    async with serving(way) as running:
        assert await refusal(running, sid="nobody") == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_a_session_knows_two_methods(way: Way, method: str) -> None:
    async with serving(way) as running, polling(running) as raw:
        assert (await raw.ask(method)).status == 400
        assert (await raw.connect())[0].startswith("40"), "the session is none the worse"
