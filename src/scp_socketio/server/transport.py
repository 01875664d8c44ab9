"""What carries a session, as its connection sees it."""

from typing import Literal, Protocol

from scp_socketio.messages import Message


class Transport(Protocol):
    """What carries one session: a WebSocket, or a series of polls. All calls come from the loop.

    Writing may begin, and ``close`` may come, before the call that opened the connection returns:
    a transport keeps both until its own handshake has been answered.
    """

    @property
    def name(self) -> Literal["polling", "websocket"]:
        """Which transport it is, as the protocol spells it."""

    @property
    def backlog(self) -> int:
        """Bytes written here that the kernel has not taken yet."""

    def write(self, message: Message) -> int:
        """Write the MESSAGE packets of it, in order. Never waits, never raises.

        The backlog afterwards; it may leave out what is below ``Settings.low_water``, so that a
        transport need not ask the kernel's side after every message.
        """

    def write_packet(self, text: str) -> None:
        """Write one Engine.IO packet of text ("2", "3probe", "0{...}"), in order with the rest."""

    def pause(self) -> None:
        """Deliver nothing more until ``resume``, not even what was read already: it waits there."""

    def resume(self) -> None:
        """Deliver again, what waits first. Delivers from the loop, never from inside this call."""

    def close(self) -> None:
        """Write what waits, then end. ``lost`` follows. Reads nothing more."""

    def abort(self) -> None:
        """Drop what waits and end now. Whether ``lost`` follows does not matter."""
