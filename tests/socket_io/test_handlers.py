"""Handlers: their order, their bounds, their faults, and what they are told of coming and going."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from support.socketio_transport import entered, opened, running, settled

from scp_socketio import (
    CallTimedOut,
    Client,
    ConnectRefused,
    Gone,
    Handshake,
    Reason,
    Server,
    Settings,
)


class Gate:
    """Handlers wait here, and say that they do."""

    def __init__(self) -> None:
        self.opened = anyio.Event()
        self.waiting = 0

    async def wait(self) -> None:
        self.waiting += 1
        await self.opened.wait()
        self.waiting -= 1


def farewells(server: Server) -> list[Reason]:
    left: list[Reason] = []

    @server.on_disconnect()
    def leave(client: Client, reason: Reason) -> None:
        assert not client.open
        left.append(reason)

    return left


async def test_handlers_start_in_the_order_of_arrival_and_may_end_in_another() -> None:
    server, seen, gate = Server(), list[Any](), Gate()

    @server.on("e")
    async def handle(client: Client, number: int) -> None:
        seen.append(number)
        if number == 0:
            await gate.wait()
        seen.append(-number)

    async with running(server):
        line, _ = await entered(server)
        await line.says(*(f'42["e",{number}]' for number in range(3)))
        assert seen == [0, 1, -1, 2, -2]
        gate.opened.set()
        await settled()
        assert seen[-1] == 0


async def test_reading_pauses_while_as_many_handlers_run_as_may() -> None:
    server, gate = Server(Settings(max_handlers=2)), Gate()

    @server.on("e")
    async def handle(client: Client) -> None:
        await gate.wait()

    async with running(server):
        line, _ = await entered(server)
        await line.says('42["e"]')
        assert line.tape.told == []
        await line.says('42["e"]')
        assert line.tape.told == ["pause"]
        gate.opened.set()
        await settled()
        assert line.tape.told == ["pause", "resume"]


async def test_a_handler_that_waits_for_an_answer_does_not_keep_it_from_being_read() -> None:
    server, answers = Server(Settings(max_handlers=1)), list[Any]()

    @server.on("e")
    async def handle(client: Client) -> None:
        answers.append(await client.call("question", timeout=60))

    async with running(server):
        line, _ = await entered(server)
        assert await line.says('42["e"]') == ['421["question"]']
        assert line.tape.told == ["pause", "resume"]
        await line.says("431[7]")
        assert answers == [[7]]
        assert line.tape.told[-1] == "resume"


async def test_a_handler_that_raises_is_reported_and_harms_nobody() -> None:
    server, faults = Server(), list[Any]()

    @server.on("e")
    async def handle(client: Client) -> None:
        raise RuntimeError("a secret")

    @server.on("f")
    async def fine(client: Client) -> int:
        return 1

    @server.on_error()
    def report(client: Client | None, event: str, error: Exception) -> None:
        faults.append((event, str(error)))
        raise RuntimeError("the hook too")

    async with running(server):
        line, client = await entered(server)
        assert await line.says('420["e"]', '421["f"]') == ["431[1]"]
        assert faults == [("e", "a secret")]
        assert client.open


async def test_without_a_hook_a_fault_is_logged_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()

    @server.on("e")
    async def handle(client: Client, word: str) -> object:
        return {word: object()}

    @server.on_disconnect()
    def leave(client: Client, reason: Reason) -> None:
        raise ValueError("a secret")

    async with running(server):
        line, _ = await entered(server)
        await line.says('420["e","a secret"]', "41")
    assert [record.name for record in caplog.records] == ["scp_socketio"] * 2
    assert "secret" not in caplog.text
    assert "'e' raised TypeError" in caplog.text


async def test_the_handshake_is_told_to_whoever_decides() -> None:
    server, told = Server(), list[Any]()

    @server.on_connect()
    async def come(client: Client, auth: object, handshake: Handshake) -> None:
        told.append((auth, handshake.query["a"], handshake.address))

    async with running(server):
        await opened(server, b"EIO=4&transport=websocket&a=1&a=2").says('40{"b":3}')
    assert told == [({"b": 3}, ("1", "2"), "192.0.2.1")]


async def test_what_is_written_while_a_client_asks_follows_the_answer() -> None:
    server = Server()

    @server.on_connect()
    async def come(client: Client, auth: object, handshake: Handshake) -> None:
        client.emit("early")
        assert client.backlog > 0
        assert client.open
        await checkpoint()
        with pytest.raises(Gone):
            await client.call("question", timeout=1)

    async with running(server):
        answer, early = await opened(server).says("40")
        assert str(answer).startswith('40{"sid":')
        assert early == '42["early"]'


@pytest.mark.parametrize(
    ("error", "packet"),
    [
        (ConnectRefused("no"), '44{"message":"no"}'),
        (ConnectRefused("no", {"code": 1}), '44{"message":"no","data":{"code":1}}'),
        (ConnectRefused("no", object()), '44{"message":"no"}'),
        (RuntimeError("a secret"), '44{"message":"Internal server error"}'),
    ],
)
async def test_who_is_refused_is_told_why_and_never_was_there(
    error: Exception, packet: str
) -> None:
    server, faults = Server(), list[Any]()
    left = farewells(server)

    @server.on_connect()
    async def come(client: Client, auth: object, handshake: Handshake) -> None:
        client.emit("early")
        raise error

    @server.on_error()
    def report(client: Client | None, event: str, error: Exception) -> None:
        faults.append(event)

    async with running(server):
        line = opened(server)
        assert await line.says("40") == [packet]
        assert server.clients() == ()
        assert await line.says("40") == [packet]
    assert left == []
    assert set(faults) <= {"connect"}


Ends = Callable[[Any], object]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda line: line.connection.received("41"), Reason.CLIENT_DISCONNECT),
        (lambda line: line.connection.received("1"), Reason.TRANSPORT_CLOSE),
        (lambda line: line.connection.lost(error=True), Reason.TRANSPORT_ERROR),
        (lambda line: line.connection.lost(error=False), Reason.TRANSPORT_CLOSE),
        (lambda line: line.connection.received("oops"), Reason.BAD_PACKET),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
async def test_a_client_leaves_once_for_the_first_reason_also_while_it_is_let_in(
    end: Ends, reason: Reason, *, inside: bool
) -> None:
    server, gate = Server(), Gate()
    left = farewells(server)

    @server.on_connect()
    async def come(client: Client, auth: object, handshake: Handshake) -> None:
        await gate.wait()

    async with running(server):
        line = opened(server)
        if inside:
            gate.opened.set()
        await line.says("40")
        end(line)
        await settled()
        assert left == ([reason] if inside else [])
        gate.opened.set()
        for last in ("1", "41", "oops"):
            line.connection.received(last)
        line.connection.lost(error=True)
        await settled()
        assert left == [reason]
        assert server.clients() == ()


async def test_a_farewell_is_told_after_what_was_sent_before_it() -> None:
    server, seen = Server(), list[Any]()

    @server.on("e")
    async def handle(client: Client, number: int) -> None:
        seen.append(number)

    @server.on_disconnect()
    def leave(client: Client, reason: Reason) -> None:
        seen.append(reason)

    async with running(server):
        line, _ = await entered(server)
        await line.says('42["e",1]', '42["e",2]', "41")
        assert seen == [1, 2, Reason.CLIENT_DISCONNECT]


async def test_a_server_that_ends_tells_all_farewells_and_stops_handlers() -> None:
    server, gate, stopped = Server(), Gate(), list[str]()
    left = farewells(server)

    @server.on("e")
    async def handle(client: Client) -> None:
        try:
            await gate.wait()
        finally:
            stopped.append("e")

    async with running(server):
        line, client = await entered(server)
        await line.says('42["e"]')
    assert left == [Reason.SERVER_CLOSE]
    assert stopped == ["e"]
    assert not client.open


async def test_calls_end_with_an_answer_or_in_time_or_with_the_client() -> None:
    server, ends = Server(), list[Any]()

    async def ask(client: Client, timeout: float) -> None:  # noqa: ASYNC109 - as Client.call
        try:
            ends.append(await client.call("q", timeout=timeout))
        except (CallTimedOut, Gone) as error:
            ends.append(type(error))

    async with running(server), anyio.create_task_group() as tasks:
        line, client = await entered(server)
        for timeout in (60, 0, 60):
            tasks.start_soon(ask, client, timeout)
        await settled()
        assert line.tape.taken() == ['421["q"]', '422["q"]', '423["q"]']
        await line.says("431[1,2]", "432[]", "4399[]")
        line.connection.lost(error=True)
        await settled()
        assert sorted(ends, key=str) == sorted([[1, 2], CallTimedOut, Gone], key=str)
        await ask(client, 60)
        assert ends[-1] is Gone
