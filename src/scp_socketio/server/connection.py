"""Connection: the machines of one session joined to its transport."""

from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint

from scp_socketio.engine.handshake import Handshake
from scp_socketio.engine.session import Beat, Closed, Pong, Session
from scp_socketio.errors import ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.alarms import Alarms
from scp_socketio.server.client import Client, Reason
from scp_socketio.server.conversation import Conversation
from scp_socketio.server.handlers import Handlers
from scp_socketio.server.transport import Transport
from scp_socketio.settings import Settings


class Home(Protocol):
    """What a connection needs of its server."""

    settings: Settings
    handlers: Handlers
    alarms: Alarms

    def new_id(self) -> str:
        """An id that nobody can guess."""

    def forget(self, connection: "Connection") -> None:
        """The connection is no more."""

    def upgraded(self, connection: "Connection") -> None:
        """The connection polls no longer."""


class Guest(Protocol):
    """A WebSocket that asks to take over the session."""

    def dismiss(self) -> None:
        """The session has ended."""


class Connection:
    """One session. A transport calls ``received``, ``lost`` and ``writable``."""

    __slots__ = (
        "_conversation",
        "_drains",
        "_home",
        "_swollen",
        "_transport",
        "alarm",
        "guest",
        "reason",
        "session",
    )

    def __init__(
        self, home: Home, session: Session, transport: Transport, handshake: Handshake
    ) -> None:
        self.alarm: float | None = None
        self.session = session
        self.reason: Reason | None = None
        """Why the session ended; None while it has not."""
        self.guest: Guest | None = None
        self._home = home
        self._transport = transport
        self._conversation = Conversation(self, home, handshake)
        self._drains: anyio.Event | None = None
        self._swollen = False
        transport.write_packet(session.opening())
        home.alarms.set(self, self._due())

    # What a transport calls.

    def received(self, frame: str | bytes) -> None:
        """One Engine.IO packet: a text frame, or the content of a binary one. Never raises."""
        if self.reason is not None:
            return
        now = self._home.alarms.now()
        try:
            got = self.session.receive(frame, now)
            if isinstance(got, str | bytes):
                self._conversation.receive(got, now)
            elif isinstance(got, Pong):
                self.reschedule()
                for client in self._conversation.clients():
                    self._home.handlers.ponged(client, got.number)
            elif isinstance(got, Closed):
                self.end(Reason.TRANSPORT_CLOSE)
        except ProtocolError as error:
            self.violated(error)

    def violated(self, error: ProtocolError) -> None:
        """What arrived was not even a frame, or came where none may: end. Never raises."""
        if self.reason is None:
            client = next(iter(self._conversation.clients()), None)
            self.end(Reason.BAD_PACKET)
            self._home.handlers.misbehaved(client, error)

    def lost(self, *, error: bool) -> None:
        """The transport has ended: `error` if not by a closing handshake. May come repeatedly."""
        if self.reason is None:
            self.reason = Reason.TRANSPORT_ERROR if error else Reason.TRANSPORT_CLOSE
            self._vacate(self.reason)
        self._home.alarms.drop(self)
        self._home.forget(self)

    def writable(self) -> None:
        """The transport's backlog has shrunk below ``Settings.low_water``. May come needlessly."""
        if self._transport.backlog >= self._home.settings.low_water:
            return
        if self._drains is not None:
            self._drains.set()
            self._drains = None
        if self._swollen:
            self._swollen = False
            for client in self._conversation.clients():
                self._home.handlers.writable(client)

    # What its clients call.

    @property
    def backlog(self) -> int:
        """Bytes the kernel has not taken yet."""
        return self._transport.backlog

    @property
    def pings_sent(self) -> int:
        """Number of the last ping."""
        return self.session.pings_sent

    @property
    def settings(self) -> Settings:
        """Of the server."""
        return self._home.settings

    def write(self, message: Message) -> None:
        """Write; drop the connection if too much waits."""
        if self.reason is None:
            backlog = self._transport.write(message)
            if backlog > self._home.settings.high_water:
                self._swollen = True
                if backlog > self._home.settings.max_backlog:
                    self.end(Reason.SLOW, drop=True)

    async def drain(self) -> None:
        """Wait until the backlog is below the low-water mark, or the session has ended."""
        await checkpoint()
        while self.reason is None and self.backlog >= self._home.settings.low_water:
            if self._drains is None:
                self._drains = anyio.Event()
            await self._drains.wait()

    def ask(self, namespace: str) -> int:
        """An id for an event whose acknowledgement somebody waits for."""
        return self._conversation.ask(namespace)

    def answered(self, number: int) -> None:
        """Nobody waits for it any longer."""
        self._conversation.answered(number)

    def ping(self) -> None:
        """Write a PING now."""
        if self.reason is None:
            self._transport.write_packet(self.session.ping(self._home.alarms.now()))
            self.reschedule()

    def close(self) -> None:
        """End after what waits."""
        self.end(Reason.SERVER_CLOSE)

    def abort(self) -> None:
        """End now."""
        self.end(Reason.SERVER_CLOSE, drop=True)

    def swamped(self) -> None:
        """End now: too much waits."""
        self.end(Reason.SLOW, drop=True)

    def send_away(self, client: Client) -> None:
        """Send DISCONNECT for a client's namespace."""
        self._conversation.send_away(client)

    # What its conversation calls.

    def pause(self) -> None:
        """Read nothing more for now."""
        if self.reason is None:
            self._transport.pause()

    def resume(self) -> None:
        """Read on."""
        if self.reason is None:
            self._transport.resume()

    def reschedule(self) -> None:
        """A deadline has changed."""
        if self.reason is None:
            self._home.alarms.set(self, self._due())

    # Deadlines and the end.

    def ring(self, now: float) -> float | None:
        """See `Alarms`."""
        if self.reason is not None:
            self._transport.abort()
            self._home.forget(self)
            return None
        self._conversation.rested(now)
        deadline = self._conversation.deadline
        if deadline is not None and deadline <= now:
            self.end(Reason.SERVER_CLOSE)
            return self.alarm
        beat = self.session.tick(now, deaf=self._conversation.paused)
        if beat is Beat.PING:
            self._transport.write_packet(self.session.ping(now))
        elif beat is Beat.TIMED_OUT:
            self.end(Reason.PING_TIMEOUT)
            return self.alarm
        return self._due()

    def end(self, reason: Reason, *, drop: bool = False) -> None:
        """End the session, once: after what waits, or (`drop`) at once."""
        if self.reason is not None:
            return
        self.reason = reason
        # Whoever is about to upgrade has paused its polling, and may not take it up again.
        polls_on = self.guest is None and reason is not Reason.BAD_PACKET
        farewell = self.session.farewell(polls_on=polls_on)
        self._vacate(reason)
        # A session that polls must still be found by the poll that fetches what waits; unless the
        # client itself has left, or has to.
        if drop or (farewell is not None and reason is not Reason.SERVER_CLOSE):
            self._home.alarms.drop(self)
            self._home.forget(self)
        else:
            self._home.alarms.set(self, self._home.alarms.now() + self.settings.ping_timeout)
        if drop:
            self._transport.abort()
            return
        if farewell is not None:
            self._transport.write_packet(farewell)
        self._transport.close()

    def take_over(self, transport: Transport) -> None:
        """Go on over another transport, a WebSocket."""
        self._transport = transport
        self.session.upgraded()
        self._home.upgraded(self)
        self.guest = None
        if self._conversation.paused:
            transport.pause()

    def _due(self) -> float:
        conversation = self._conversation
        due = (self.session.due, conversation.deadline, conversation.resumes)
        return min(when for when in due if when is not None)

    def _vacate(self, reason: Reason) -> None:
        self._conversation.end(reason)
        if self._drains is not None:
            self._drains.set()
            self._drains = None
        if self.guest is not None:
            self.guest.dismiss()
            self.guest = None
