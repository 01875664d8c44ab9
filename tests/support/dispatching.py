"""A dispatch, and clients by hand for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec
from support.delivering import SESSION, Room, item_names, read

from scp_server.access.limits import LimitValues
from scp_server.delivery.courier import Courier
from scp_server.delivery.dispatch import Dispatch, Recipient
from scp_server.domain.errors import ScpError
from scp_server.domain.secrets import Secret
from scp_server.domain.sliding_log import Policy
from scp_socketio import Message
from scp_wire.codes import ErrorCode
from scp_wire.events import Event

STALL_SECONDS = 30.0
HIGH_WATER = 64 * 1024


@dataclass(eq=False)
class Line:
    """A client that takes what it is written at once, or not, and answers pings, or not."""

    dispatch: Dispatch | None = None
    recipient: Recipient | None = None
    reads: bool = True
    pongs: bool = True
    broken: bool = False
    open: bool = True
    backlog: int = 0
    pings_sent: int = 0
    ponged: int = 0
    on_writable: Callable[[], None] | None = None
    packets: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def write(self, message: Message) -> None:
        if self.broken:
            raise RuntimeError("this line breaks what it touches")
        self.messages.append(message)
        packets = [str(packet) for packet in message.packets]
        self.packets += packets
        self.times += [anyio.current_time()] * len(packets)
        if not self.reads:
            self.backlog += message.size

    def emit(self, event: str, *args: object) -> None:
        raise AssertionError("the dispatch itself emits nothing")

    def ping(self) -> None:
        self.pings_sent += 1
        if self.reads and self.pongs:
            self.pong()

    def pong(self) -> None:
        self.ponged += 1
        assert self.dispatch is not None
        assert self.recipient is not None
        self.dispatch.ponged(self.recipient, self.ponged)

    def close(self) -> None:
        raise AssertionError("the dispatch itself closes nothing")

    abort = close

    def catch_up(self) -> None:
        """It reads again, and all that waited is taken."""
        self.reads, self.backlog = True, 0
        assert self.on_writable is not None
        self.on_writable()

    @property
    def events(self) -> list[Event]:
        found = [msgspec.json.decode(packet[1:]) for packet in self.packets]
        assert all(name == "stream_event" for name, _ in found)
        return [read(msgspec.json.encode(event)) for _, event in found]

    @property
    def names(self) -> list[str]:
        return item_names(self.events)


@dataclass
class Ends:
    """Notes who came to which end."""

    overs: list[tuple[Recipient, str]] = field(default_factory=list)
    failures: list[tuple[Recipient, ScpError]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def over(self, recipient: Recipient, reason: str) -> None:
        self.overs.append((recipient, reason))

    def failed(self, recipient: Recipient, error: ScpError) -> None:
        self.failures.append((recipient, error))
        self.times.append(anyio.current_time())

    @property
    def codes(self) -> list[ErrorCode]:
        return [error.code for _, error in self.failures]


@dataclass
class Post(Room):
    """A room whose events a dispatch carries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ends = Ends()
        self.dispatch = Dispatch(
            self.outlet(), self.ends, stall_seconds=STALL_SECONDS, high_water=HIGH_WATER
        )

    def consumer(
        self,
        *,
        pace: Policy | None = None,
        session: Secret = SESSION,
        name: str = "c",
        reads: bool = True,
        pongs: bool = True,
        **subscription: Any,  # noqa: ANN401  (any field)
    ) -> Line:
        """Somebody who comes now."""
        courier = self.courier(pace=pace, session=session, name=name, **subscription)
        return self.admitted(Line(reads=reads, pongs=pongs), courier)

    def admitted(self, line: Line, courier: Courier) -> Line:
        line.dispatch, line.recipient = self.dispatch, Recipient(line, courier)
        self.dispatch.admit(line.recipient)
        return line


@asynccontextmanager
async def posting(
    *, batch_size: int = 100, limits: LimitValues | None = None
) -> AsyncIterator[Post]:
    with anyio.fail_after(10_000):
        async with anyio.create_task_group() as tasks:
            post = Post(batch_size=batch_size, limits=limits or LimitValues())
            tasks.start_soon(post.dispatch.run)
            yield post
            tasks.cancel_scope.cancel()


def recipient_of(line: Line) -> Recipient:
    assert line.recipient is not None
    return line.recipient


def names(count: int, first: int = 1, of: str = "g") -> list[str]:
    return [f"{of}{k}" for k in range(first, first + count)]
