"""What this library is measured against: writers with nothing around them.

They answer the handshake blindly and never look at what a client sends. `naive` hands every frame
to the transport at once; `merged` collects the frames of a turn and joins them, for each connection
by itself.
"""

import asyncio
from typing import cast

ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Naive(asyncio.Protocol):
    """One `transport.write` per frame."""

    def __init__(self, members: list["Naive"]) -> None:
        self._members = members
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Greet, then join whatever comes."""
        if not self._greeted:
            self._greeted = True
            self.transport.write(ANSWER + b"\x81\x030{}")
        elif self not in self._members[-1:]:
            self._members.append(self)
            self.transport.write(b"\x81\x0440{}")

    def send(self, frame: bytes) -> None:
        """Write."""
        self.transport.write(frame)


class Merged(Naive):
    """One `transport.write` per turn."""

    def __init__(self, members: list[Naive]) -> None:
        super().__init__(members)
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []

    def send(self, frame: bytes) -> None:
        """Collect."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(frame)

    def _flush(self) -> None:
        self.transport.write(b"".join(self._waiting))
        self._waiting.clear()
