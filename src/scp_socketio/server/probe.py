"""Probe: a WebSocket that asks to take over a session that polls.

https://github.com/socketio/engine.io-protocol#upgrade: the client sends ``2probe`` and is answered
``3probe``; it lets its poll and its POST come to their ends, sends ``5``, and from then on both
sides use the WebSocket. What waits for the next poll by then is written here first.
"""

from enum import Enum, auto
from typing import Protocol

from scp_socketio.engine.packets import PROBE, PROBE_ANSWER, UPGRADE
from scp_socketio.errors import ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.connection import Connection, Home
from scp_socketio.server.transport import Transport


class Polled(Protocol):
    """The transport that is to be taken over."""

    def hurry(self, *, on: bool) -> None:
        """Answer polls at once, with NOOP if need be, so that the client can leave them."""

    def surrender(self) -> list[Message | str]:
        """Give up what waits, in order, and answer no poll again with content."""


class _State(Enum):
    NEW = auto()
    PROBED = auto()
    MOVED = auto()
    OVER = auto()


class Probe:
    """A WebSocket that asks to take over. A transport calls it as it calls a Connection.

    After the upgrade it hands on everything to the connection. If it is not done within
    ``Settings.upgrade_timeout``, or sends anything else, it is closed; the session polls on.
    """

    __slots__ = ("_connection", "_home", "_polled", "_state", "_transport", "alarm")

    def __init__(
        self, home: Home, connection: Connection, transport: Transport, polled: Polled | None
    ) -> None:
        """`polled` is None if the session has a WebSocket already: then this one is closed."""
        self.alarm: float | None = None
        self._home = home
        self._connection = connection
        self._transport = transport
        self._polled = polled
        self._state = _State.NEW
        home.alarms.set(self, home.alarms.now() + home.settings.upgrade_timeout)
        if polled is None or connection.guest is not None or connection.reason is not None:
            self.dismiss()
        else:
            connection.guest = self

    def received(self, frame: str | bytes) -> None:
        """One Engine.IO packet: the probe, the upgrade, and after it the session's own."""
        if self._state is _State.MOVED:
            self._connection.received(frame)
        elif self._state is _State.NEW and frame == PROBE and self._polled is not None:
            self._state = _State.PROBED
            self._transport.write_packet(PROBE_ANSWER)
            self._polled.hurry(on=True)
        elif self._state is _State.PROBED and frame == UPGRADE and self._polled is not None:
            self._move(self._polled)
        elif self._state is not _State.OVER:
            self.violated(ProtocolError("no packet of an upgrade"))

    def violated(self, error: ProtocolError) -> None:
        """What arrived was not even a frame. Never raises."""
        if self._state is _State.MOVED:
            self._connection.violated(error)
        elif self._state is not _State.OVER:
            self._give_up()
            self._transport.close()
            self._home.handlers.misbehaved(None, error)

    def lost(self, *, error: bool) -> None:
        """The WebSocket has ended. May come repeatedly."""
        if self._state is _State.MOVED:
            self._connection.lost(error=error)
            return
        self._home.alarms.drop(self)
        if self._state is not _State.OVER:
            self._give_up()

    def writable(self) -> None:
        """As of a Connection."""
        if self._state is _State.MOVED:
            self._connection.writable()

    def dismiss(self) -> None:
        """The session has ended, or is not to be taken over: close."""
        if self._state in {_State.NEW, _State.PROBED}:
            self._state = _State.OVER
            self._transport.close()

    def ring(self, now: float) -> float | None:
        """See `Alarms`: the upgrade, or the closing after it failed, took too long."""
        if self._state is _State.OVER:
            self._transport.abort()
            return None
        self._give_up()
        self._transport.close()
        return now + self._home.settings.ping_timeout

    def _give_up(self) -> None:
        self._state = _State.OVER
        if self._connection.guest is self:
            self._connection.guest = None
            if self._polled is not None:
                self._polled.hurry(on=False)

    def _move(self, polled: Polled) -> None:
        self._state = _State.MOVED
        self._home.alarms.drop(self)
        self._polled = None
        transport = self._transport
        for item in polled.surrender():
            if isinstance(item, Message):
                transport.write(item)
            else:
                transport.write_packet(item)
        self._connection.take_over(transport)
