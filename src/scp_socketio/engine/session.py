"""The state machine of one Engine.IO session: frames and time in, content and beats out.

It writes nothing: what it returns tells the caller what to write, on which transport, and when to
come back. https://github.com/socketio/engine.io-protocol, revision 4.
"""

from enum import Enum, auto
from typing import Literal

import msgspec

from scp_socketio.engine.packets import (
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
)
from scp_socketio.errors import ProtocolError
from scp_socketio.settings import Settings

TransportName = Literal["polling", "websocket"]


class Pong(msgspec.Struct, frozen=True, gc=False):
    """The client answered the ping of this number; the first ping of a session has number 1."""

    number: int


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The client sent CLOSE."""


class Beat(Enum):
    """What the clock asks for."""

    NOTHING = auto()
    PING = auto()
    TIMED_OUT = auto()


Received = str | bytes | Pong | Closed | None


class Session:
    """One session. Times are seconds of any steady clock.

    Pings carry no number on the wire; a client answers each one, in order, so the nth pong answers
    the nth ping. A pong that answers none is ignored.
    """

    __slots__ = ("_last_ping", "_pong_due", "_settings", "pings_sent", "pongs", "sid", "transport")

    def __init__(self, sid: str, transport: TransportName, settings: Settings, now: float) -> None:
        self.sid = sid
        self.transport = transport
        self.pings_sent = 0
        self.pongs = 0
        self._settings = settings
        self._last_ping = now
        self._pong_due: float | None = None

    def opening(self) -> str:
        """The OPEN packet. Intervals in whole milliseconds."""
        settings = self._settings
        can_upgrade = self.transport == "polling" and "websocket" in settings.transports
        hello = {
            "sid": self.sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": _milliseconds(settings.ping_interval),
            "pingTimeout": _milliseconds(settings.ping_timeout),
            "maxPayload": settings.max_message,
        }
        return OPEN + msgspec.json.encode(hello).decode()

    def receive(self, frame: str | bytes, now: float) -> Received:
        """One frame: the content of a message, a pong, the end, or nothing (NOOP, a stray pong).

        Raises:
            ProtocolError: no packet, or none that a client may send here (as a ping).
        """
        if isinstance(frame, bytes):
            if not self._settings.binary:
                raise ProtocolError("this server takes no binary messages")
            return frame
        kind = frame[:1]
        if kind == MESSAGE:
            return frame[1:]
        if kind == PONG:
            return self._pong(now)
        if frame == CLOSE:
            return Closed()
        if kind == NOOP:
            return None
        raise ProtocolError("no Engine.IO packet that a client may send here")

    def ping(self, now: float) -> str:
        """A ping, to be written at once; `pings_sent` is its number."""
        if self._pong_due is None:
            self._pong_due = now + self._settings.ping_timeout
        self._last_ping = now
        self.pings_sent += 1
        return PING

    @property
    def due(self) -> float:
        """When to call `tick` at the latest."""
        if self._pong_due is not None:
            return self._pong_due
        return self._last_ping + self._settings.ping_interval

    def tick(self, now: float, *, deaf: bool = False) -> Beat:
        """What is due. `deaf`: nothing is being read, so a pong may be waiting unread."""
        if now < self.due:
            return Beat.NOTHING
        if self._pong_due is None:
            return Beat.PING
        if deaf:
            self._pong_due = now + self._settings.ping_timeout
            return Beat.NOTHING
        return Beat.TIMED_OUT

    def upgraded(self) -> None:
        """The session has moved from polling to its WebSocket."""
        self.transport = "websocket"

    def farewell(self, *, polls_on: bool) -> str | None:
        """The last packet to write: a poll must be answered, a WebSocket says it itself.

        Some clients (python-engineio) take CLOSE for a goodbye, and stay away. Who `polls_on` after
        a NOOP learns that there is no such session any more, and comes back.
        """
        if self.transport == "websocket":
            return None
        return NOOP if polls_on else CLOSE

    def _pong(self, now: float) -> Pong | None:
        if self.pongs == self.pings_sent:
            return None
        self.pongs += 1
        waiting = self.pongs < self.pings_sent
        self._pong_due = now + self._settings.ping_timeout if waiting else None
        return Pong(self.pongs)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
