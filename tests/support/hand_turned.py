"""An event loop and a transport that a test turns by hand."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class HandTurnedTimer:
    """Rings when a test calls it."""

    ring: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        """Not to ring."""
        self.cancelled = True


class HandTurnedLoop:
    """Callbacks run when a test says so; timers never by themselves."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], object]] = []
        self.timers: list[HandTurnedTimer] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Due in the next turn."""
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object]) -> HandTurnedTimer:
        """Kept."""
        self.timers.append(HandTurnedTimer(callback))
        return self.timers[-1]

    def turn(self) -> None:
        """Run what is due, not what that brings about."""
        due, self.soon = self.soon, []
        for callback in due:
            callback()


class HandTurnedSocket(asyncio.Transport):
    """Keeps what is written as it was written; takes `room` bytes of it, and the rest waits."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.room: int | None = None
        self.waiting = 0
        self.limit = 0
        self.reading = True
        self.ended = ""
        self.protocol: asyncio.Protocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it; what finds no room waits."""
        self.writes.append(data)  # type: ignore[arg-type]
        if self.room is None:
            return
        self.waiting += max(0, len(data) - self.room)
        self.room = max(0, self.room - len(data))
        if self.waiting > self.limit:
            assert self.protocol is not None
            self.protocol.pause_writing()

    def drain(self) -> None:
        """The peer reads everything, and will from now on."""
        self.room, self.waiting = None, 0
        assert self.protocol is not None
        self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        """What waits."""
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Above `high` the protocol is told."""
        assert high is not None
        self.limit = high

    def pause_reading(self) -> None:
        """As asked."""
        self.reading = False

    def resume_reading(self) -> None:
        """As asked."""
        self.reading = True

    def close(self) -> None:
        """After what waits."""
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        """At once."""
        self.ended = "aborted"
