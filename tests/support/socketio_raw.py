"""Engine.IO spoken by hand, packet by packet: nothing is answered that a test does not answer."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import anyio
from aiohttp import WSMsgType
from support.socketio_server import WITHIN, Running
from yarl import URL

SEPARATOR: Final = "\x1e"

Packet = str | bytes


class Gone(Exception):
    """The connection ended. Its argument is the WebSocket's close code."""


def at(running: Running, **query: str | None) -> URL:
    """Where the server is asked, as a polling client of version 4 unless `query` says otherwise."""
    asked = {"EIO": "4", "transport": "polling"} | query
    given = {name: value for name, value in asked.items() if value is not None}
    return URL(running.url + "/socket.io/").with_query(given)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def packets(self) -> list[str]:
        """Of a poll."""
        assert self.status == 200, self
        return self.text.split(SEPARATOR)

    @property
    def code(self) -> int:
        """Of a refusal, as the protocol numbers them."""
        assert self.status in {400, 403}, self
        return int(json.loads(self.text)["code"])


@dataclass(slots=True)
class RawPolling:
    """A session over HTTP requests."""

    http: aiohttp.ClientSession
    running: Running
    sid: str = ""

    async def ask(self, method: str, body: Packet | None = None, **query: str | None) -> Answer:
        """One request to the session."""
        session: dict[str, str | None] = {"sid": self.sid or None}
        target = at(self.running, **(session | query))
        with anyio.fail_after(WITHIN):
            async with self.http.request(method, target, data=body) as answer:
                return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def post(self, *packets: str) -> Answer:
        """Send a payload."""
        return await self.ask("POST", SEPARATOR.join(packets))

    async def poll(self) -> list[str]:
        """The packets that wait, or the next ones."""
        return (await self.ask("GET")).packets

    async def packets(self, count: int) -> list[str]:
        """Poll until there are so many."""
        found: list[str] = []
        while len(found) < count:
            found += await self.poll()
        return found

    async def connect(self, packet: str = "40") -> list[str]:
        """Enter a namespace; the answer and the greeting of the server `echoing`."""
        assert (await self.post(packet)).text == "ok"
        return await self.packets(2)


@dataclass(slots=True)
class RawWebSocket:
    """A session, or an upgrade to be, over a WebSocket."""

    socket: aiohttp.ClientWebSocketResponse
    opened: dict[str, Any]
    """What the server announced; nothing for an upgrade."""

    @property
    def sid(self) -> str:
        """The session's."""
        return str(self.opened["sid"])

    async def send(self, *packets: Packet) -> None:
        """Send packets, a frame each."""
        for packet in packets:
            if isinstance(packet, str):
                await self.socket.send_str(packet)
            else:
                await self.socket.send_bytes(packet)

    async def receive(self) -> Any:  # noqa: ANN401  (str or bytes, as the test expects)
        """The next packet. Raises: Gone."""
        with anyio.fail_after(WITHIN):
            message = await self.socket.receive()
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            raise Gone(self.socket.close_code)
        return message.data

    async def packets(self, count: int) -> list[Packet]:
        """The next so many."""
        return [await self.receive() for _ in range(count)]

    async def ended(self) -> int | None:
        """See the connection end with nothing sent before; the close code."""
        try:
            packet = await self.receive()
        except Gone as gone:
            return gone.args[0]  # type: ignore[no-any-return]
        raise AssertionError(f"open, and sent {str(packet)[:200]!r}")

    async def ends(self) -> list[Packet]:
        """See the connection end; what was sent before."""
        seen: list[Packet] = []
        try:
            while True:
                seen.append(await self.receive())
        except Gone:
            return seen

    async def connect(self, packet: str = "40") -> list[Packet]:
        """Enter a namespace; the answer and the greeting of the server `echoing`."""
        await self.send(packet)
        return await self.packets(2)


@asynccontextmanager
async def asking(running: Running) -> AsyncIterator[RawPolling]:
    """Somebody who has no session yet."""
    async with aiohttp.ClientSession() as http:
        yield RawPolling(http, running)


@asynccontextmanager
async def polling(running: Running) -> AsyncIterator[RawPolling]:
    """A new session over HTTP."""
    async with asking(running) as raw:
        (opened,) = await raw.poll()
        raw.sid = json.loads(opened[1:])["sid"]
        yield raw


@asynccontextmanager
async def websocket(running: Running, sid: str | None = None) -> AsyncIterator[RawWebSocket]:
    """A new session over a WebSocket; with a `sid`, one that may become that session's."""
    target = at(running, transport="websocket", sid=sid)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(target, max_msg_size=0, autoping=False) as socket,
    ):
        raw = RawWebSocket(socket, {})
        if sid is None:
            raw.opened = json.loads((await raw.receive())[1:])
        yield raw


@asynccontextmanager
async def upgraded(running: Running) -> AsyncIterator[tuple[RawPolling, RawWebSocket]]:
    """A session that was opened over HTTP and has moved to a WebSocket."""
    async with polling(running) as poller, websocket(running, poller.sid) as socket:
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        await socket.send("5")
        yield poller, socket


async def refusal(running: Running, **query: str | None) -> int:
    """Ask for a WebSocket that is not to be had: the status; 0 if it opened and closed at once."""
    asked: dict[str, str | None] = {"transport": "websocket"}
    target = at(running, **(asked | query))
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(target) as socket:
                await RawWebSocket(socket, {}).ended()
                return 0
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
