"""A transport that keeps what is written to it, and a client's side of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import anyio
from anyio.lowlevel import checkpoint

from scp_socketio import Client, Message, Refusal, Request, Server
from scp_socketio.server.connection import Connection
from scp_socketio.server.probe import Probe

QUERY = b"EIO=4&transport=websocket"


@dataclass(slots=True)
class Tape:
    """A WebSocket of nobody: what it was told, in order."""

    written: list[str | bytes] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    keeps: bool = False
    """Whether what is written stays, as with a client that does not read."""
    backlog: int = 0
    connection: Connection | Probe | None = None
    """Told of the end when there is one."""

    @property
    def name(self) -> Literal["polling", "websocket"]:
        """See `Transport`."""
        return "websocket"

    def write(self, message: Message) -> int:
        """See `Transport`."""
        self.written += [p if isinstance(p, bytes) else "4" + p for p in message.packets]
        self.backlog += message.size if self.keeps else 0
        return self.backlog

    def write_packet(self, text: str) -> None:
        """See `Transport`."""
        self.written.append(text)

    def pause(self) -> None:
        """See `Transport`."""
        self.told.append("pause")

    def resume(self) -> None:
        """See `Transport`."""
        self.told.append("resume")

    def close(self) -> None:
        """See `Transport`."""
        self.told.append("close")
        if self.connection is not None:
            self.connection.lost(error=False)

    def abort(self) -> None:
        """See `Transport`."""
        self.told.append("abort")

    def taken(self) -> list[str | bytes]:
        """What was written since the last look."""
        written, self.written = self.written, []
        return written


@dataclass(slots=True)
class Line:
    """A session over a tape."""

    tape: Tape
    connection: Connection | Probe
    sid: str

    async def says(self, *frames: str | bytes) -> list[str | bytes]:
        """Send frames as fast as a transport may, let all that can run do so; what is answered."""
        for frame in frames:
            with anyio.fail_after(30):
                while self.tape.told and self.tape.told[-1] == "pause":
                    await checkpoint()
            self.connection.received(frame)
        await settled()
        return self.tape.taken()


async def settled() -> None:
    """Everything that can run without outside help has run, as far as a few turns show."""
    for _ in range(20):
        await checkpoint()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Server]:
    """The server, for as long as a test lasts."""
    with anyio.fail_after(30):
        async with server.running():
            yield server


def opened(server: Server, query: bytes = QUERY) -> Line:
    """A new session."""
    tape = Tape()
    request = Request(path="/socket.io/", query=query, headers=(), address="192.0.2.1")
    connection = server.open_websocket(request, tape)
    assert not isinstance(connection, Refusal), connection
    tape.connection = connection
    (hello,) = tape.taken()
    return Line(tape, connection, json.loads(hello[1:])["sid"])


async def entered(server: Server) -> tuple[Line, Client]:
    """A new session that is in the main namespace, and its client."""
    before = {client.id for client in server.clients()}
    line = opened(server)
    await line.says("40")
    (client,) = (client for client in server.clients() if client.id not in before)
    line.tape.told.clear()
    return line, client
