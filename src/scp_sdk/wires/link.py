"""What reading a stream needs of a wire, whichever it is."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from scp_wire.events import Event

WireName = Literal["socketio", "sse", "ndjson"]
"""How events travel: over Socket.IO, as `text/event-stream`, as `application/x-ndjson`."""


class NothingMore(Exception):
    """The stream has ended, and the event that was named is its last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who wants what, and where it was."""

    session_id: str = field(repr=False)
    stream_type: str
    stream_id: str | None = None
    """None: not started yet. Only Socket.IO can wait for a stream that is to come."""
    agent_id: str | None = None
    agent_key: str | None = field(default=None, repr=False)
    last_event_id: str | None = None
    batch: bool = True
    """Whether several items may come as one event."""


class Link(Protocol):
    """One open connection. It is not made again when it is lost: that is the reader's part."""

    @property
    def heard_at(self) -> float:
        """When the other side last showed a sign of life, by `anyio.current_time`."""
        ...

    @property
    def silence(self) -> float:
        """Seconds without any sign of life after which the connection is lost."""
        ...

    async def receive(self) -> Event | None:
        """The next event; None when the connection is over and all that came was received.

        It may be cancelled, and called again.

        Raises:
            ProtocolError: what came is no event.
            NothingMore: the stream had ended before.
        """
        ...

    async def acknowledge(self, place: str) -> None:
        """Say that all events up to that one were processed. Of a lost connection: nothing."""
        ...

    async def finish(self, place: str) -> bool:
        """As `acknowledge`, and stay until the server knows it. False: it may not know."""
        ...

    async def aclose(self) -> None:
        """Say goodbye, so that the server keeps nothing for us; give up after two seconds."""
        ...
