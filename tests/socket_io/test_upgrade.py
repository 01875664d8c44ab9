"""Moving a session from polling to a WebSocket: nothing lost, nothing out of order."""

import json
from collections.abc import MutableMapping
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from support.socketio_transport import Tape, running, settled

from scp_socketio import Client, Refusal, Request, Server
from scp_socketio.server.probe import Probe

STEPS = st.lists(st.sampled_from(["write", "ping", "poll", "probe", "upgrade"]), max_size=30)


async def asked(server: Server, method: str, query: str, body: bytes = b"") -> tuple[int, str]:
    """The status and body of one request, whose client waits for as long as it takes."""
    answers: list[MutableMapping[str, Any]] = []
    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if not asked:
            await anyio.sleep_forever()
        return asked.pop()

    async def send(event: MutableMapping[str, Any]) -> None:
        answers.append(event)

    query = f"EIO=4&transport=polling{query}"
    scope = {"type": "http", "method": method, "path": "/socket.io/", "headers": []}
    await server(scope | {"query_string": query.encode(), "client": None}, receive, send)
    return answers[0]["status"], answers[1]["body"].decode()


class Mover:
    """A client that polls, and may move to a WebSocket."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tape = Tape()
        self.probe: Probe | None = None
        self.moved = False
        self.expected: list[str] = []
        self.polled: list[str] = []
        self.sid = ""

    async def enter(self) -> Client:
        _, hello = await asked(self.server, "GET", "")
        self.sid = json.loads(hello[1:])["sid"]
        assert await asked(self.server, "POST", f"&sid={self.sid}", b"40") == (200, "ok")
        await self.poll()
        self.polled.clear()
        (client,) = self.server.clients()
        return client

    async def poll(self) -> None:
        status, body = await asked(self.server, "GET", f"&sid={self.sid}")
        assert status == (400 if self.moved else 200)
        if status == 200:
            self.polled += [packet for packet in body.split("\x1e") if packet != "6"]

    def start(self) -> None:
        query = f"EIO=4&transport=websocket&sid={self.sid}".encode()
        request = Request(path="/socket.io/", query=query, headers=())
        probe = self.server.open_websocket(request, self.tape)
        assert isinstance(probe, Probe)
        probe.received("2probe")
        assert self.tape.taken() == ["3probe"]
        self.probe = probe

    async def step(self, kind: str, client: Client) -> None:
        if kind == "write":
            client.emit("e", len(self.expected))
            self.expected.append(f'42["e",{len(self.expected)}]')
        elif kind == "ping":
            client.ping()
            self.expected.append("2")
        elif kind == "poll" and (self.probe or client.backlog):  # else it would wait
            await self.poll()
        elif kind == "probe" and self.probe is None:
            self.start()
        elif kind == "upgrade" and self.probe is not None and not self.moved:
            self.probe.received("5")
            self.moved = True


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_over_any_course_all_arrives_in_order(steps: list[str]) -> None:
    async def run() -> None:
        server = Server()
        async with running(server):
            mover = Mover(server)
            client = await mover.enter()
            for kind in steps:
                await mover.step(kind, client)
            while client.backlog and not mover.moved:
                await mover.poll()
            assert [*mover.polled, *mover.tape.taken()] == mover.expected
            assert client.backlog == 0
            client.abort()

    anyio.run(run)


async def test_a_poll_that_waits_is_let_go_and_one_that_comes_during_the_probe_too() -> None:
    server = Server()
    async with running(server), anyio.create_task_group() as tasks:
        mover = Mover(server)
        client = await mover.enter()
        tasks.start_soon(mover.poll)
        await settled()
        mover.start()
        await settled()
        await mover.poll()
        assert mover.polled == []
        await mover.step("upgrade", client)
        await mover.poll()
        client.abort()


async def test_a_probe_that_fails_leaves_the_session_polling() -> None:
    server = Server()
    async with running(server), anyio.create_task_group() as tasks:
        mover = Mover(server)
        client = await mover.enter()
        for failure in ("oops", "2probe", None):
            mover.tape.told.clear()
            mover.start()
            assert mover.probe is not None
            if failure is None:
                mover.probe.ring(anyio.current_time())
            else:
                mover.probe.received(failure)
            assert mover.tape.told == ["close"]
            mover.probe.received("5")
            mover.probe.lost(error=True)
        tasks.start_soon(mover.poll)
        await settled()
        await mover.step("write", client)
        await settled()
        assert mover.polled == mover.expected
        client.abort()


async def test_only_one_websocket_may_take_a_session_over() -> None:
    server = Server()
    async with running(server):
        mover = Mover(server)
        client = await mover.enter()
        mover.start()
        for _ in range(2):
            late, request = Tape(), f"EIO=4&transport=websocket&sid={mover.sid}".encode()
            probe = server.open_websocket(
                Request(path="/socket.io/", query=request, headers=()), late
            )
            assert not isinstance(probe, Refusal)
            assert late.told == ["close"]
            probe.received("2probe")
            probe.received("5")
            assert late.written == []
            await mover.step("upgrade", client)
        client.emit("e")
        assert mover.tape.taken() == ['42["e"]']
        client.abort()
