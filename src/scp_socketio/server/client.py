"""A client: one connection's presence in one namespace, as handlers and the application hold it."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol

import anyio
import msgspec

from scp_socketio.errors import CallTimedOut, Gone
from scp_socketio.messages import RESERVED_EVENTS, Message
from scp_socketio.protocol.attachments import take_out
from scp_socketio.protocol.packets import Kind, encode
from scp_socketio.settings import Settings


class Reason(Enum):
    """Why a client left. Only CLIENT_DISCONNECT is a goodbye: all else may come back."""

    CLIENT_DISCONNECT = "client disconnect"
    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"
    PING_TIMEOUT = "ping timeout"
    BAD_PACKET = "bad packet"
    SERVER_CLOSE = "server close"
    SLOW = "slow"


class Link(Protocol):
    """What a client needs of its connection."""

    @property
    def backlog(self) -> int: ...
    @property
    def pings_sent(self) -> int: ...
    @property
    def settings(self) -> Settings: ...
    def write(self, message: Message) -> None: ...
    async def drain(self) -> None: ...
    def ask(self, namespace: str) -> int: ...
    def answered(self, number: int) -> None: ...
    def ping(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def swamped(self) -> None: ...
    def send_away(self, client: "Client") -> None: ...


class _State(Enum):
    ASKING = auto()
    IN = auto()
    GONE = auto()


# Looking a member up costs more than all else that `Client.write` does.
_IN: Final = _State.IN
_GONE: Final = _State.GONE


class _Call:
    __slots__ = ("args", "done")

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.args: list[object] | None = None


class Client:
    """One connection's presence in one namespace.

    ``id`` is public, unlike the id of the session. ``data`` is the application's to use.
    ``on_writable`` is called, from the loop, when the backlog has fallen below
    ``Settings.low_water`` after it was above ``Settings.high_water``.
    """

    __slots__ = (
        "_calls",
        "_held",
        "_link",
        "_state",
        "data",
        "id",
        "namespace",
        "on_writable",
        "reason",
    )

    def __init__(self, id: str, namespace: str, link: Link) -> None:
        self.id = id
        self.namespace = namespace
        self.data: object = None
        self.on_writable: Callable[[], None] | None = None
        self.reason: Reason | None = None
        """Why the client left; None while it is there."""
        self._link = link
        self._state = _State.ASKING
        self._held: list[Message] | None = None
        self._calls: dict[int, _Call] | None = None

    @property
    def open(self) -> bool:
        """Whether the client is there: also while its connect handler runs."""
        return self._state is not _GONE

    @property
    def backlog(self) -> int:
        """Bytes written that the kernel has not taken yet, of the whole connection."""
        if self._held is None:
            return 0 if self._state is _GONE else self._link.backlog
        return sum(message.size for message in self._held) + self._link.backlog

    @property
    def pings_sent(self) -> int:
        """Number of the last ping written, on the whole connection.

        A pong with a greater number answers a ping that was sent after everything written while
        this was the number.
        """
        return self._link.pings_sent

    def emit(self, event: str, *args: object) -> None:
        """Encode and write an event; to a client that is gone, nothing.

        Raises:
            ValueError: the name is reserved, or there is binary and it is not enabled.
            TypeError: JSON cannot say an argument.
        """
        self.write(self._encoded(event, args, None))

    def write(self, message: Message) -> None:
        """Write an encoded message. Never waits; to a client that is gone, nothing.

        What is written while the connect handler runs follows the answer to CONNECT. A client whose
        backlog grows beyond ``Settings.max_backlog`` is dropped.
        """
        if self._state is _IN:
            self._link.write(message)
        elif self._state is _State.ASKING:
            if self._held is None:
                self._held = []
            self._held.append(message)
            if self.backlog > self._link.settings.max_backlog:
                self._link.swamped()

    async def drain(self) -> None:
        """Wait until the backlog is below ``Settings.low_water``, or the client gone."""
        await self._link.drain()

    async def call(self, event: str, *args: object, timeout: float) -> list[object]:  # noqa: ASYNC109 - it ends in an error of ours
        """Emit, and wait for the acknowledgement: its arguments. `timeout` in seconds.

        Raises:
            CallTimedOut: none came in time.
            Gone: the client is not there, or left meanwhile.
            ValueError: the name is reserved, or there is binary and it is not enabled.
        """
        if self._state is not _State.IN:
            raise Gone(f"client {self.id} is not there")
        number = self._link.ask(self.namespace)
        call = _Call()
        self._calls = self._calls or {}
        self._calls[number] = call
        try:
            self.write(self._encoded(event, args, number))
            with anyio.move_on_after(timeout):
                await call.done.wait()
        finally:
            self._calls.pop(number, None)
            self._link.answered(number)
        if call.args is not None:
            return call.args
        if not self.open:
            raise Gone(f"client {self.id} left")
        raise CallTimedOut(f"no acknowledgement within {timeout} s")

    def ping(self) -> None:
        """Write a PING now: its number is ``pings_sent`` afterwards."""
        if self.open:
            self._link.ping()

    def close(self) -> None:
        """End the transport after what waits; the client reconnects by itself."""
        if self.open:
            self._link.close()

    def abort(self) -> None:
        """Drop the transport and what waits, now; the client reconnects by itself."""
        if self.open:
            self._link.abort()

    def disconnect(self) -> None:
        """Send DISCONNECT: the client leaves this namespace and stays away."""
        if self.open:
            self._link.send_away(self)

    def answer(self, number: int, result: object) -> None:
        """Acknowledge event `number`: None with nothing, a tuple with its members, else one value.

        Raises:
            ValueError: there is binary and it is not enabled.
            TypeError: JSON cannot say it.
        """
        args = () if result is None else result if isinstance(result, tuple) else (result,)
        self.write(self._packed((Kind.ACK, Kind.BINARY_ACK), args, number))

    def acknowledged(self, number: int, args: list[object]) -> None:
        """The acknowledgement of a call has come."""
        call = (self._calls or {}).get(number)
        if call is not None:
            call.args = args
            call.done.set()

    def let_in(self, packet: str) -> None:
        """The client is in: `packet` says so, and what was written meanwhile follows."""
        self._state = _State.IN
        held, self._held = self._held or (), None
        self._link.write(Message([packet]))
        for message in held:
            self.write(message)

    def depart(self, reason: Reason) -> bool:
        """The client is gone. Whether it had been let in, and was still there."""
        was_in = self._state is _State.IN
        if self._state is not _State.GONE:
            self.reason = reason
        self._state = _State.GONE
        self._held = None
        for call in (self._calls or {}).values():
            call.done.set()
        return was_in

    def _encoded(self, event: str, args: tuple[object, ...], number: int | None) -> Message:
        if event in RESERVED_EVENTS:
            raise ValueError(f"{event!r} is an event of the client library: choose another name.")
        return self._packed((Kind.EVENT, Kind.BINARY_EVENT), (event, *args), number)

    def _packed(
        self, kinds: tuple[Kind, Kind], args: tuple[object, ...], number: int | None
    ) -> Message:
        plain, found = take_out(args)
        if found and not self._link.settings.binary:
            raise ValueError("binary is not enabled: set Settings(binary=True)")
        packet = encode(
            kinds[bool(found)],
            msgspec.json.encode(plain),
            namespace=self.namespace,
            id=number,
            attachments=len(found),
        )
        return Message([packet, *found])

    def __repr__(self) -> str:
        """Its id and state, no content."""
        return f"<Client {self.id} in {self.namespace!r}: {self._state.name.lower()}>"
