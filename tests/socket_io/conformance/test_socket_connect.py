"""Socket.IO's suite (v5), connect and disconnect: 9 cases."""

import json

import pytest
from support.socketio_raw import RawPolling, RawWebSocket, polling, websocket
from support.socketio_server import Way, patient, serving

from scp_socketio import Client, ConnectRefused, Handshake, Reason, Server


def assert_let_in(packets: list[str], namespace: str, auth: str) -> None:
    """The answer to a CONNECT, then what the connect handler emitted."""
    answer, greeting = packets
    prefix = "" if namespace == "/" else f"{namespace},"
    assert answer.startswith(f"40{prefix}")
    opened = json.loads(answer.removeprefix(f"40{prefix}"))
    assert list(opened) == ["sid"]
    assert isinstance(opened["sid"], str)
    assert greeting == f'42{prefix}["auth",{auth}]'


@pytest.mark.parametrize(
    ("packet", "namespace", "auth"),
    [
        ("40", "/", "{}"),
        ("40/", "/", "{}"),
        ("40/,", "/", "{}"),
        ('40{"token":"123"}', "/", '{"token":"123"}'),
        ("40/custom,", "/custom", "{}"),
        ("40/custom", "/custom", "{}"),
        ('40/custom,{"token":"abc"}', "/custom", '{"token":"abc"}'),
    ],
)
async def test_a_namespace_is_entered(way: Way, packet: str, namespace: str, auth: str) -> None:
    async with serving(way) as running:
        async with websocket(running) as raw:
            assert_let_in([str(p) for p in await raw.connect(packet)], namespace, auth)
        async with polling(running) as asked:
            assert_let_in(await asked.connect(packet), namespace, auth)


async def test_the_id_of_the_engine_is_not_that_of_the_client(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        first, _ = await raw.connect()
        second, _ = await raw.connect("40/custom,")
        inner = {json.loads(str(first)[2:])["sid"], json.loads(str(second)[10:])["sid"]}
        assert len(inner | {raw.sid}) == 3


async def test_an_unknown_namespace_is_refused(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.send("40/random")
        assert await raw.receive() == '44/random,{"message":"Invalid namespace"}'
        assert len(await raw.connect()) == 2, "others may be entered"


async def test_a_connect_handler_refuses_with_message_and_data(way: Way) -> None:
    def refusing(server: Server) -> None:
        @server.on_connect()
        async def refuse(client: Client, auth: object, handshake: Handshake) -> None:
            raise ConnectRefused("not today", {"retry_after": 60})

        @server.on_connect("/bare")
        async def bare(client: Client, auth: object, handshake: Handshake) -> None:
            raise ConnectRefused("never")

    async with serving(way, None, refusing) as running, websocket(running) as raw:
        await raw.send("40")
        answer = str(await raw.receive())
        assert answer.startswith("44{")
        assert json.loads(answer[2:]) == {"message": "not today", "data": {"retry_after": 60}}
        await raw.send("40/bare,")
        assert await raw.receive() == '44/bare,{"message":"never"}'
        assert not running.heard.left, "who was never in does not leave"
        assert not list(running.server.clients("/"))


async def test_the_handshake_tells_query_headers_and_address(way: Way) -> None:
    seen: list[Handshake] = []

    def looking(server: Server) -> None:
        @server.on_connect()
        async def look(client: Client, auth: object, handshake: Handshake) -> None:
            seen.append(handshake)

    async with serving(way, None, looking) as running:
        async with websocket(running) as raw:
            await raw.send("40")
            await raw.receive()
        async with polling(running) as asked:
            await asked.post("40")
            await asked.poll()
    for handshake in seen:
        assert handshake.query["EIO"] == ("4",)
        assert handshake.headers["host"] == f"127.0.0.1:{running.port}"
        assert "127.0.0.1" in str(handshake.address)
    assert [handshake.query["transport"] for handshake in seen] == [("websocket",), ("polling",)]


@pytest.mark.parametrize(
    "packet", ["4abc", "40[]", '40"auth"', "401", "40{", "40null,", "40custom"]
)
async def test_an_invalid_connect_ends_the_connection(way: Way, packet: str) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.send(packet)
        await raw.ended()


async def test_a_second_connect_to_a_namespace_ends_the_connection_or_is_ignored(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send("40", '42["message","hello"]')
        assert await raw.ends() == []
        assert running.heard.left == [("/", Reason.BAD_PACKET)]


async def test_who_enters_no_namespace_is_disconnected(way: Way) -> None:
    async with serving(way, patient(connect_timeout=0.05)) as running:
        async with websocket(running) as raw:
            await raw.ended()
        async with polling(running) as asked:
            await gone(asked)
        async with websocket(running) as raw:
            await raw.send("40/random")
            assert (await raw.ends())[0] == '44/random,{"message":"Invalid namespace"}'


async def gone(raw: RawPolling) -> None:
    """See a polling session end."""
    answer = await raw.ask("GET")
    while answer.status == 200:
        answer = await raw.ask("GET")
    assert answer.status == 400


async def test_leaving_the_last_namespace_does_not_end_the_connection(way: Way) -> None:
    async with serving(way, patient(ping_interval=0.3)) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send("41")
        assert await raw.receive() == "2"
        assert running.heard.left == [("/", Reason.CLIENT_DISCONNECT)]


async def test_one_namespace_is_left_and_the_other_kept(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.connect("40/custom")
        await raw.send("41/custom", '42["message","message to main namespace"]')
        assert await raw.receive() == '42["message-back","message to main namespace"]'
        assert running.heard.left == [("/custom", Reason.CLIENT_DISCONNECT)]
        assert await came_back(raw)


async def came_back(raw: RawWebSocket) -> bool:
    """Whether a namespace that was left can be entered again."""
    return str((await raw.connect("40/custom,"))[0]).startswith("40/custom,{")
