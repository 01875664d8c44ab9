"""An HTTP client of one response, over a bare socket: it can stop reading, and reset."""

import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from anyio.abc import SocketStream
from yarl import URL

RESET: Final = b"\x01\0\0\0\0\0\0\0"
"""SO_LINGER of zero seconds: closing resets the connection."""
SMALL: Final = 4096


@dataclass(slots=True)
class RawResponse:
    """What came of a response. A chunk that was cut off is not looked at."""

    stream: SocketStream
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    _raw: bytes = b""

    async def receive(self, size: int = 65536) -> bool:
        """Read some of it; False when there is no more."""
        try:
            self._raw += await self.stream.receive(size)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return False
        if not self.status:
            head, found, rest = self._raw.partition(b"\r\n\r\n")
            if not found:
                return True
            lines = head.decode().split("\r\n")
            self.status, self._raw = int(lines[0].split(" ")[1]), rest
            pairs = (line.partition(": ") for line in lines[1:])
            self.headers = {name.lower(): value for name, _, value in pairs}
        self._unchunk()
        return not self.ended

    def _unchunk(self) -> None:
        while b"\r\n" in self._raw:
            size, _, rest = self._raw.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            self.body += rest[:length]
            self._raw = rest[length + 2 :]
            if not length:
                self.ended = True

    async def whole(self) -> None:
        """Read to the end, in whatever way it comes."""
        while await self.receive():
            pass

    async def some(self, dice: random.Random, most: int) -> None:
        """Read up to a random point, which may be within an event."""
        left = dice.randrange(most)
        while left > 0 and await self.receive(min(left, 65536)):
            left -= 65536

    @property
    def events(self) -> list[Any]:
        """Complete events, in either form."""
        *lines, _cut_off = self.body.split(b"\n")
        if "event-stream" in self.headers.get("content-type", ""):
            lines = [line[6:] for line in lines if line.startswith(b"data: ")]
        return [json.loads(line) for line in lines if line]


@asynccontextmanager
async def raw_get(
    url: str, headers: dict[str, str], *, small: bool = False
) -> AsyncIterator[RawResponse]:
    """Ask; leaving resets the connection. `small`: hardly anything fits into its buffer."""
    target = URL(url)
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if small:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    plain.connect(("127.0.0.1", target.port))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    plain.settimeout(0)
    async with await SocketStream.from_socket(plain) as stream:
        named = {"Host": target.authority, **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        await stream.send(f"GET {target.raw_path_qs} HTTP/1.1\r\n{lines}\r\n".encode())
        yield RawResponse(stream)
