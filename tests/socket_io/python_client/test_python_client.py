"""python-socketio's client, by each of its ways."""

from dataclasses import replace

import anyio
import pytest
import socketio
from support.socketio_python import TRANSPORTS, python
from support.socketio_server import Way, echoing, patient, serving

from scp_socketio import (
    CallTimedOut,
    Client,
    ConnectRefused,
    Gone,
    Handshake,
    Reason,
    Server,
)

# This client's polling waits for the ping interval, or the timeout and 5 s, before it lets go of a
# connection that ended while it was writing.
LIVELY = patient(ping_interval=0.3, ping_timeout=3.0)
BY_EACH = pytest.mark.parametrize("transports", TRANSPORTS)


@BY_EACH
async def test_events_go_both_ways(way: Way, transports: str) -> None:
    async with serving(way, LIVELY) as running, python(running, transports, auth={"a": 1}) as one:
        assert await one.hears("auth") == ({"a": 1},)
        await one.client.emit("message", (1, "two", {"three": [True, None]}, "\U0001f600"))
        assert await one.hears("message-back") == (1, "two", {"three": [True, None]}, "\U0001f600")
        assert one.client.transport() == ("polling" if transports == "polling" else "websocket")


@BY_EACH
async def test_a_long_run_is_neither_lost_nor_reordered(way: Way, transports: str) -> None:
    heard: list[int] = []

    def counting(server: Server) -> None:
        @server.on("up")
        async def up(client: Client, number: int) -> None:
            heard.append(number)

    settings = replace(LIVELY, max_payload_packets=2_000)
    async with (
        serving(way, settings, echoing, counting) as running,
        python(running, transports) as one,
    ):
        client = await running.client()

        async def down() -> None:
            for number in range(1000):
                client.emit("number", number)
                await client.drain()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(down)
            for number in range(1000):
                await one.client.emit("up", number)
        await one.hears("number", 1000)
        await running.until(lambda: len(heard) == 1000)
        assert [rest[0] for rest in one.named("number")] == list(range(1000))
        assert heard == list(range(1000))


@BY_EACH
async def test_both_sides_are_answered(way: Way, transports: str) -> None:
    async with serving(way, LIVELY) as running, python(running, transports) as one:
        assert await one.client.call("message-with-ack", {"a": [1]}) == {"a": [1]}
        assert tuple(await one.client.call("message-with-ack", (1, 2))) == (1, 2)
        assert await one.client.call("message-with-ack") is None
        assert await (await running.client()).call("ask", 1, "two", timeout=30) == [1, "two"]


async def test_a_call_that_is_not_answered_times_out(way: Way) -> None:
    async with serving(way) as running, python(running) as one:
        client = await running.client()
        forever = anyio.Event()
        one.client.on("slow", forever.wait)
        with pytest.raises(CallTimedOut):
            await client.call("slow", timeout=0.05)
        await one.client.disconnect()
        with pytest.raises(Gone):
            await client.call("slow", timeout=30)


@BY_EACH
async def test_several_namespaces_share_a_connection(way: Way, transports: str) -> None:
    async with (
        serving(way) as running,
        python(running, transports, namespaces=("/", "/custom"), auth={"a": 1}) as one,
    ):
        assert await one.hears("auth", namespace="/custom") == ({"a": 1},)
        await one.client.emit("message", "here", namespace="/custom")
        assert await one.hears("message-back", namespace="/custom") == ("here",)
        assert await one.client.call("message-with-ack", "there") == "there"
        (await running.client("/custom")).disconnect()
        await one.hears("disconnect", namespace="/custom")
        assert await one.client.call("message-with-ack", "still") == "still"


@BY_EACH
async def test_bytes_go_both_ways_where_enabled(way: Way, transports: str) -> None:
    async with (
        serving(way, replace(LIVELY, binary=True)) as running,
        python(running, transports) as one,
    ):
        await one.client.emit("message", {"deep": [b"\0\1", b""], "text": "t"})
        assert await one.hears("message-back") == ({"deep": [b"\0\1", b""], "text": "t"},)
        assert await one.client.call("message-with-ack", b"\xff" * 5000) == b"\xff" * 5000
        assert await (await running.client()).call("ask", b"\2", timeout=30) == [b"\2"]


@BY_EACH
async def test_bytes_are_refused_where_not_enabled(way: Way, transports: str) -> None:
    async with (
        serving(way, LIVELY) as running,
        python(running, transports, reconnection=False) as one,
    ):
        await one.client.emit("message", b"\1")
        await one.hears("disconnect")
        assert running.heard.left == [("/", Reason.BAD_PACKET)]


@BY_EACH
async def test_a_refusal_has_message_and_data(way: Way, transports: str) -> None:
    def refusing(server: Server) -> None:
        @server.on_connect()
        async def refuse(client: Client, auth: object, handshake: Handshake) -> None:
            raise ConnectRefused("session_expired", {"code": 7})

    async with (
        serving(way, None, refusing) as running,
        python(running, transports, connect=False) as one,
    ):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await one.client.connect(running.url, transports=TRANSPORTS[transports], retry=False)
        refused = await one.hears("connect_error")
        assert refused == ({"message": "session_expired", "data": {"code": 7}},)
        assert not running.heard.left


@BY_EACH
async def test_a_client_that_was_closed_comes_back(way: Way, transports: str) -> None:
    async with serving(way, LIVELY) as running, python(running, transports) as one:
        client = await running.client()
        client.emit("farewell", 1)
        client.close()
        assert await one.hears("farewell") == (1,)
        await one.hears("auth", 2)
        assert running.heard.left == [("/", Reason.SERVER_CLOSE)]
        assert await one.client.call("message-with-ack", "alive") == "alive"


@BY_EACH
async def test_who_is_disconnected_stays_away(way: Way, transports: str) -> None:
    async with serving(way, LIVELY) as running, python(running, transports) as one:
        (await running.client()).disconnect()
        await one.hears("disconnect")
        await running.until(lambda: running.heard.left)
        assert len(one.named("connect")) == 1
        assert not list(running.server.clients("/"))


@BY_EACH
async def test_who_leaves_is_heard_to_leave(way: Way, transports: str) -> None:
    async with serving(way, LIVELY) as running, python(running, transports) as one:
        await one.client.disconnect()
        await running.until(lambda: running.heard.left)
        assert running.heard.left[0][1] in {Reason.CLIENT_DISCONNECT, Reason.TRANSPORT_CLOSE}
