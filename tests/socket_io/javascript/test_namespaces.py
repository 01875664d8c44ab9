"""Namespaces, refusals and farewells as the official client sees them."""

import pytest
from support.socketio_javascript import TRANSPORTS, javascript
from support.socketio_server import Way, patient, serving

from scp_socketio import Client, ConnectRefused, Handshake, Reason, Server


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_several_namespaces_share_a_connection(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        first = await browser.enters("/", auth={"who": "main"})
        second = await browser.enters("/custom", auth={"who": "other"})
        assert first["id"] != second["id"]
        assert browser.count("open") == 1
        await browser.emit("message", 1, namespace="/custom")
        assert await browser.hears("message-back") == [1]
        await browser.tell("leave", namespace="/custom")
        await running.until(lambda: running.heard.left)
        assert running.heard.left == [("/custom", Reason.CLIENT_DISCONNECT)]
        assert await browser.ask("message-with-ack", 2) is not None
        await browser.tell("come", namespace="/custom")
        assert (await browser.sees("connect"))["namespace"] == "/custom"


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_an_unknown_namespace_is_refused_and_the_others_live(
    way: Way, transports: str
) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        await browser.tell("enter", namespace="/random")
        refused = await browser.sees("connect_error")
        assert (refused["namespace"], refused["message"]) == ("/random", "Invalid namespace")
        await browser.emit("message", "alive")
        assert await browser.hears("message-back") == ["alive"]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_refusal_has_message_and_data(way: Way, transports: str) -> None:
    def refusing(server: Server) -> None:
        @server.on_connect()
        async def refuse(client: Client, auth: object, handshake: Handshake) -> None:
            raise ConnectRefused("session_expired", {"code": 7, "again": None})

    async with serving(way, None, refusing) as running, javascript(running, transports) as browser:
        await browser.tell("enter")
        refused = await browser.sees("connect_error")
        assert refused["message"] == "session_expired"
        assert refused["data"] == {"code": 7, "again": None}
        assert not running.heard.left


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_who_is_disconnected_stays_away(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        (await running.client()).disconnect()
        assert (await browser.sees("disconnect"))["reason"] == "io server disconnect"
        await running.until(lambda: running.heard.left)
        assert not list(running.server.clients("/"))
        assert browser.count("reconnect_attempt") == 0


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_client_that_leaves_is_heard_to_leave(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        await browser.tell("leave")
        await running.until(lambda: running.heard.left)
        assert running.heard.left[0][1] in {Reason.CLIENT_DISCONNECT, Reason.TRANSPORT_CLOSE}


@pytest.mark.parametrize("transports", ["polling", "websocket"])
async def test_a_server_that_refuses_is_tried_again(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        running.server.refusing = True
        await browser.tell("enter")
        await browser.sees("connect_error")
        await browser.sees("reconnect_attempt")
        running.server.refusing = False
        await browser.sees("connect")


async def test_an_origin_that_is_not_allowed_does_not_come_in(way: Way) -> None:
    settings = patient(origins=frozenset({"https://app.example"}))
    for transports in ("polling", "websocket"):
        async with serving(way, settings) as running:
            evil = {"extraHeaders": {"Origin": "https://evil.example"}}
            async with javascript(running, transports, **evil) as browser:
                await browser.tell("enter")
                await browser.sees("connect_error")
            good = {"extraHeaders": {"Origin": "https://app.example"}}
            async with javascript(running, transports, **good) as browser:
                await browser.enters()
