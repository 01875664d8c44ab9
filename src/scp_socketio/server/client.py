"""A client: one connection's presence in one namespace, as handlers and the application hold it."""

from collections.abc import Callable
from enum import Enum

from scp_socketio.messages import Message


class Reason(Enum):
    """Why a client left. Only CLIENT_DISCONNECT is a goodbye: all else may come back."""

    CLIENT_DISCONNECT = "client disconnect"
    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"
    PING_TIMEOUT = "ping timeout"
    BAD_PACKET = "bad packet"
    SERVER_CLOSE = "server close"
    SLOW = "slow"


class Client:
    """One connection's presence in one namespace."""

    id: str
    namespace: str
    data: object
    on_writable: Callable[[], None] | None

    @property
    def open(self) -> bool:
        """Whether the client is there."""
        raise NotImplementedError

    @property
    def backlog(self) -> int:
        """Bytes written that the kernel has not taken yet, of the whole connection."""
        raise NotImplementedError

    @property
    def pings_sent(self) -> int:
        """Number of the last ping written: a pong numbered more answers a later one."""
        raise NotImplementedError

    def emit(self, event: str, *args: object) -> None:
        """Encode and write an event."""
        raise NotImplementedError

    def write(self, message: Message) -> None:
        """Write an encoded message; never waits."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Wait until the backlog is below the low-water mark, or the client gone."""
        raise NotImplementedError

    async def call(self, event: str, *args: object, timeout: float) -> list[object]:  # noqa: ASYNC109 - the API of Socket.IO: the wait ends in an error of ours
        """Emit and wait for the acknowledgement: its arguments. Raises CallTimedOut, Gone."""
        raise NotImplementedError

    def ping(self) -> None:
        """Write a PING now."""
        raise NotImplementedError

    def close(self) -> None:
        """End the transport after what waits; the client reconnects by itself."""
        raise NotImplementedError

    def abort(self) -> None:
        """Drop the transport and what waits, now."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Send DISCONNECT: the client leaves this namespace and stays away."""
        raise NotImplementedError
