"""Bytes to a server and what comes back for them, over a bare socket."""

import json
import re
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import SocketStream
from yarl import URL

WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """All that came until the server closed. `cut` : it reset the connection instead."""

    raw: bytes
    cut: bool = False

    @property
    def status(self) -> int:
        """Of the first answer; 0 where there is none."""
        return int(self.raw.split(b" ", 2)[1]) if self.raw.startswith(b"HTTP/") else 0

    @property
    def statuses(self) -> list[int]:
        """Of all answers."""
        return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.raw)]

    @property
    def headers(self) -> dict[str, str]:
        """Of the first answer; names in lower case."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def error(self) -> dict[str, Any]:
        """The error object of the first answer."""
        body = self.raw.partition(b"\r\n\r\n")[2][: int(self.headers["content-length"])]
        answer = json.loads(body)
        assert answer["success"] is False
        return dict(answer["error"])


async def opened(url: str) -> SocketStream:
    """A connection to a server."""
    target = URL(url)
    assert target.host is not None
    assert target.port is not None
    return await anyio.connect_tcp(target.host, target.port)


async def rest_of(stream: SocketStream) -> Heard:
    """What comes until the end."""
    heard = b""
    with anyio.fail_after(WITHIN):
        try:
            while True:
                heard += await stream.receive()
        except anyio.EndOfStream:
            return Heard(heard)
        except anyio.BrokenResourceError:
            return Heard(heard, cut=True)


async def said(url: str, *parts: bytes) -> Heard:
    """Say these bytes; what comes back until the server closes."""
    async with await opened(url) as stream:
        with anyio.fail_after(WITHIN):
            try:
                for part in parts:
                    await stream.send(part)
            except anyio.BrokenResourceError:
                pass  # it had heard enough
        return await rest_of(stream)


def get(path: str = "/healthz", *, close: bool = True, lines: bytes = b"") -> bytes:
    """A request; the server closes after it unless told otherwise."""
    ending = b"Connection: close\r\n" if close else b""
    return b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n" % (path.encode(), lines, ending)
