"""Clients that speak Engine.IO by hand, so that they can also speak it wrongly."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import anyio
from aiohttp import WSMsgType
from anyio.abc import SocketStream
from yarl import URL

WITHIN: Final = 30.0
"""Seconds in which anything that is waited for must happen."""
SEPARATOR: Final = "\x1e"


class Closed(Exception):
    """The server closed the connection, with this WebSocket code."""


def address(url: str, transport: str, **query: str) -> URL:
    """Where Engine.IO is asked for."""
    return (URL(url) / "socket.io/").with_query({"EIO": "4", "transport": transport} | query)


def greeting(session: str | None, **more: str) -> str:
    """A Socket.IO CONNECT."""
    return "40" + json.dumps({"session_id": session} | more if session else more)


@dataclass(slots=True)
class RawWebSocket:
    """An Engine.IO connection over a WebSocket. Pings are answered, all else is yours."""

    socket: aiohttp.ClientWebSocketResponse
    sid: str = ""
    events: list[Any] = field(default_factory=list)
    """`stream_event`s that came while something else was waited for."""

    async def send(self, text: str) -> None:
        """Send one Engine.IO packet."""
        await self.socket.send_str(text)

    async def receive(self) -> str:
        """The next packet that is no ping. Raises: Closed."""
        with anyio.fail_after(WITHIN):
            while True:
                message = await self.socket.receive()
                if message.type is not WSMsgType.TEXT:
                    raise Closed(self.socket.close_code)
                if message.data != "2":
                    return str(message.data)
                await self.socket.send_str("3")

    async def answer(self) -> str:
        """The next packet that is neither a ping nor a `stream_event`, which are collected."""
        while True:
            packet = await self.receive()
            if not packet.startswith('42["stream_event",'):
                return packet
            self.events.append(json.loads(packet[2:])[1])

    async def event(self, name: str) -> Any:  # noqa: ANN401  (JSON)
        """The next event of a name."""
        while True:
            packet = await self.answer()
            if packet.startswith(f'42["{name}",'):
                return json.loads(packet[2:])[1]

    async def completed(self) -> list[Any]:
        """Read up to `stream_completed`; all events there were."""
        while not (self.events and self.events[-1]["event_type"] == "stream_completed"):
            packet = await self.receive()
            if packet.startswith('42["stream_event",'):
                self.events.append(json.loads(packet[2:])[1])
        return self.events

    async def subscribe(self, *data_types: str) -> Any:  # noqa: ANN401  (JSON)
        """Subscribe, and return the acknowledgement."""
        await self.send("427" + json.dumps(["subscribe_data", {"data_types": data_types}]))
        while not (packet := await self.answer()).startswith("437"):
            pass
        return json.loads(packet[3:])[0]


@asynccontextmanager
async def raw_websocket(
    url: str, session: str | None = None, **more: str
) -> AsyncIterator[RawWebSocket]:
    """Open a WebSocket; with a session, connect too. Leaving closes it without a goodbye."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(address(url, "websocket"), max_msg_size=0) as socket,
    ):
        raw = RawWebSocket(socket)
        raw.sid = json.loads((await raw.receive())[1:])["sid"]
        if session is not None:
            await raw.send(greeting(session, **more))
            connected = await raw.answer()
            assert connected.startswith("40"), connected
        yield raw


@dataclass(slots=True)
class RawPolling:
    """An Engine.IO connection over HTTP requests."""

    http: aiohttp.ClientSession
    url: str
    sid: str = ""

    async def post(self, body: str | bytes) -> int:
        """Send a payload; the answer's status."""
        async with self.http.post(address(self.url, "polling", sid=self.sid), data=body) as answer:
            await answer.read()
            return answer.status

    async def poll(self) -> list[str]:
        """The packets that wait, or the next ones. Raises: Closed with a status."""
        with anyio.fail_after(WITHIN):
            async with self.http.get(address(self.url, "polling", sid=self.sid)) as answer:
                text = await answer.text()
        if answer.status != 200:
            raise Closed(answer.status)
        return text.split(SEPARATOR)


@asynccontextmanager
async def raw_polling(
    url: str, session: str | None = None, **more: str
) -> AsyncIterator[RawPolling]:
    """Open a polling connection; with a session, connect too."""
    async with aiohttp.ClientSession() as http:
        raw = RawPolling(http, url)
        async with http.get(address(url, "polling")) as answer:
            raw.sid = json.loads((await answer.text())[1:])["sid"]
        if session is not None:
            assert await raw.post(greeting(session, **more)) == 200
            packets = await raw.poll()
            assert packets[0].startswith("40"), packets
        yield raw


HANDSHAKE: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(payload: bytes, *, head: int = 0x81) -> bytes:
    """A masked WebSocket frame; `head` is its first byte (0x81: a whole text message)."""
    if len(payload) < 126:
        size = bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        size = bytes([0x80 | 126]) + len(payload).to_bytes(2)
    else:
        size = bytes([0x80 | 127]) + len(payload).to_bytes(8)
    # A mask of zeros is a mask.
    return bytes([head]) + size + bytes(4) + payload


@asynccontextmanager
async def handshaken(url: str) -> AsyncIterator[SocketStream]:
    """A TCP connection over which a WebSocket was opened; little fits into its receive buffer.

    Leaving it resets the connection.
    """
    target = address(url, "websocket")
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", target.port))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    plain.settimeout(0)
    async with await SocketStream.from_socket(plain) as stream:
        request = HANDSHAKE.format(path=target.path_qs, host=target.authority)
        await stream.send(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await stream.receive()
        assert b" 101 " in answer.split(b"\r\n")[0], answer
        yield stream


async def ends(stream: SocketStream) -> bool:
    """Read until the server ends the connection."""
    with anyio.fail_after(WITHIN):
        try:
            while True:
                await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
