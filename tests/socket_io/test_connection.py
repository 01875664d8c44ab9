"""A connection: its deadlines, its backlog, its pings and its ends."""

from typing import Any

import anyio
import pytest
from support.socketio_transport import Line, entered, opened, running, settled

from scp_socketio import Client, Message, ProtocolError, Reason, Server, Settings
from scp_socketio.messages import RESERVED_EVENTS
from scp_socketio.server.connection import Connection

SMALL = Settings(high_water=200, low_water=100, max_backlog=400)
FIFTY = Message(["2" + "x" * 46])


def connection(line: Line) -> Connection:
    assert isinstance(line.connection, Connection)
    return line.connection


def leavers(server: Server) -> list[Reason]:
    left: list[Reason] = []

    @server.on_disconnect()
    def leave(client: Client, reason: Reason) -> None:
        left.append(reason)

    return left


async def test_who_enters_no_namespace_in_time_is_closed() -> None:
    server = Server(Settings(connect_timeout=5))
    async with running(server):
        line = opened(server)
        now = anyio.current_time()
        assert connection(line).ring(now) is not None
        assert line.tape.told == []
        connection(line).ring(now + 6)
        assert line.tape.told == ["close"]


async def test_who_leaves_its_last_namespace_has_that_time_again() -> None:
    server = Server(Settings(connect_timeout=5, ping_interval=1000))
    async with running(server):
        line, _ = await entered(server)
        later = anyio.current_time() + 6
        connection(line).ring(later)
        assert line.tape.told == []
        await line.says("41")
        connection(line).ring(later)
        assert line.tape.told == ["close"]


async def test_a_client_is_pinged_and_dies_of_silence() -> None:
    server = Server(Settings(ping_interval=25, ping_timeout=20))
    left = leavers(server)
    async with running(server):
        line, client = await entered(server)
        later = anyio.current_time() + 26
        connection(line).ring(later)
        assert line.tape.taken() == ["2"]
        assert client.pings_sent == 1
        connection(line).ring(later + 21)
        await settled()
    assert left == [Reason.PING_TIMEOUT]


async def test_a_client_that_is_not_read_from_does_not_die_of_silence() -> None:
    server = Server(Settings(max_handlers=1))
    forever = anyio.Event()

    @server.on("e")
    async def handle(client: Client) -> None:
        await forever.wait()

    async with running(server):
        line, client = await entered(server)
        await line.says('42["e"]')
        client.ping()
        connection(line).ring(anyio.current_time() + 60)
        assert client.open


async def test_pongs_are_told_by_the_number_of_their_ping() -> None:
    server, pongs = Server(), list[int]()

    @server.on_pong()
    def pong(client: Client, number: int) -> None:
        pongs.append(number)

    async with running(server):
        line, client = await entered(server)
        client.emit("before")
        before = client.pings_sent
        client.ping()
        client.ping()
        assert line.tape.taken() == ['42["before"]', "2", "2"]
        await line.says("3", "3", "3")
        assert pongs == [1, 2]
        assert pongs[0] > before


async def test_a_transport_that_does_not_end_is_dropped() -> None:
    server = Server()
    async with running(server):
        line, client = await entered(server)
        line.tape.connection = None  # it tells nothing of its end
        client.close()
        assert line.tape.told == ["close"]
        connection(line).ring(anyio.current_time())
        assert line.tape.told == ["close", "abort"]


async def test_who_does_not_read_is_dropped_with_what_waits() -> None:
    server = Server(SMALL)
    left = leavers(server)
    async with running(server):
        line, client = await entered(server)
        line.tape.keeps = True
        while client.open:
            client.write(FIFTY)
        assert line.tape.told == ["abort"]
        assert line.tape.backlog > SMALL.max_backlog
        assert client.backlog == 0
        client.write(FIFTY)
        await settled()
        assert left == [Reason.SLOW]


async def test_who_is_swamped_before_it_is_let_in_is_dropped() -> None:
    server = Server(SMALL)
    tapes: list[bool] = []

    @server.on_connect()
    async def come(client: Client, *_: object) -> None:
        while client.open:
            client.write(FIFTY)
        tapes.append(client.open)

    async with running(server):
        line = opened(server)
        await line.says("40")
        assert line.tape.told[-1] == "abort"
        assert tapes == [False]
        assert server.clients() == ()


async def test_a_writer_is_told_once_when_it_may_go_on() -> None:
    server, told = Server(SMALL), list[int]()
    async with running(server):
        line, client = await entered(server)
        line.tape.keeps = True
        client.on_writable = lambda: told.append(client.backlog)

        def falls_to(backlog: int) -> None:
            line.tape.backlog = backlog
            line.connection.writable()

        client.write(FIFTY)
        falls_to(0)
        assert told == []  # it had never been too much
        while client.backlog <= SMALL.high_water:
            client.write(FIFTY)
        falls_to(SMALL.low_water)
        assert told == []
        falls_to(SMALL.low_water - 1)
        falls_to(0)
        assert told == [SMALL.low_water - 1]


@pytest.mark.parametrize("ends", ["writable", "lost"])
async def test_drain_waits_for_room_or_for_the_end(ends: str) -> None:
    server, done = Server(SMALL), list[bool]()

    async def drain(client: Client) -> None:
        await client.drain()
        done.append(client.open)

    async with running(server), anyio.create_task_group() as tasks:
        line, client = await entered(server)
        await drain(client)
        assert done == [True]
        line.tape.keeps = True
        for _ in range(3):
            client.write(FIFTY)
        for _ in range(2):
            tasks.start_soon(drain, client)
        await settled()
        assert done == [True]
        if ends == "lost":
            line.connection.lost(error=True)
        else:
            line.tape.backlog = SMALL.low_water - 1
            line.connection.writable()
        await settled()
        assert done == [True, *[ends == "writable"] * 2]


async def test_a_client_that_is_sent_away_keeps_its_connection() -> None:
    server = Server()
    left = leavers(server)
    async with running(server):
        line, client = await entered(server)
        client.disconnect()
        client.disconnect()
        assert await line.says('42["e"]', "30[]") == ["41"]
        assert line.tape.told == []
    assert left == [Reason.SERVER_CLOSE]


async def test_who_broke_the_protocol_is_named_and_closed() -> None:
    server, bad = Server(), list[Any]()

    @server.on_bad_packet()
    def report(client: Client | None, error: ProtocolError) -> None:
        bad.append(client)

    async with running(server):
        line, client = await entered(server)
        await line.says("oops", "oops")
        stranger = opened(server)
        await stranger.says("4oops")
        assert bad == [client, None]
        assert line.tape.told == stranger.tape.told == ["close"]


@pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
async def test_reserved_names_are_refused_both_ways(event: str) -> None:
    server = Server()

    async def handle(client: Client) -> None: ...

    with pytest.raises(ValueError, match=event):
        server.on(event)(handle)
    async with running(server):
        _, client = await entered(server)
        with pytest.raises(ValueError, match=event):
            client.emit(event)


async def test_binary_is_written_only_where_it_is_enabled() -> None:
    server = Server()
    async with running(server):
        _, client = await entered(server)
        with pytest.raises(ValueError, match="binary"):
            client.emit("e", {"a": [b"x"]})
    server = Server(Settings(binary=True))
    async with running(server):
        line, client = await entered(server)
        client.emit("e", {"a": [b"x"]})
        assert line.tape.taken() == ['451-["e",{"a":[{"_placeholder":true,"num":0}]}]', b"x"]


async def test_one_message_is_written_to_all_that_are_there() -> None:
    server = Server()
    async with running(server):
        lines = [(await entered(server))[0] for _ in range(3)]
        lines[0].connection.lost(error=True)
        clients = tuple(server.clients())
        assert len(clients) == 2
        server.broadcast(Message.event("e", b"1"), clients)
        assert [line.tape.taken() for line in lines] == [[], ['42["e",1]'], ['42["e",1]']]


async def test_a_server_that_refuses_lets_go_on_what_is_open() -> None:
    server = Server()
    async with running(server):
        line, client = await entered(server)
        server.refusing = True
        with pytest.raises(AssertionError):
            opened(server)
        client.emit("e")
        assert line.tape.taken() == ['42["e"]']
