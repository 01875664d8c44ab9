"""The sessions of a server: opened, found, forgotten, closed."""

import secrets
from typing import Final

import anyio

from scp_socketio.engine.handshake import (
    BAD_REQUEST,
    CLOSING,
    UNKNOWN_SESSION,
    Opening,
    Refusal,
    Request,
    read_request,
)
from scp_socketio.engine.session import Session
from scp_socketio.server.alarms import Alarms
from scp_socketio.server.client import Reason
from scp_socketio.server.connection import Connection
from scp_socketio.server.handlers import Handlers
from scp_socketio.server.polling import PollingTransport
from scp_socketio.server.probe import Probe
from scp_socketio.server.transport import Transport
from scp_socketio.settings import Settings

# 120 bits: an id of a session lets its holder speak for the client.
_ID_BYTES: Final = 15
# How long `close` waits for transports to write what waits and to end.
_CLOSING_SECONDS: Final = 5.0


class Sessions:
    """All sessions, by id."""

    def __init__(self, settings: Settings, handlers: Handlers) -> None:
        self.settings = settings
        self.handlers = handlers
        self.alarms = Alarms()
        self.refusing = False
        self._connections: dict[str, Connection] = {}
        self._polled: dict[str, PollingTransport] = {}
        self._emptied: anyio.Event | None = None

    def new_id(self) -> str:
        """An id that nobody can guess."""
        return secrets.token_urlsafe(_ID_BYTES)

    def open_websocket(
        self, request: Request, transport: Transport
    ) -> Connection | Probe | Refusal:
        """A WebSocket asks for a new session, or to take one over."""
        opening = read_request(request, self.settings, "websocket")
        if isinstance(opening, Refusal):
            return opening
        if opening.sid is None:
            return self._refusal() or self._open(opening, transport)
        connection = self._connections.get(opening.sid)
        if connection is None:
            return UNKNOWN_SESSION
        return Probe(self, connection, transport, self._polled.get(opening.sid))

    def open_polling(self, opening: Opening) -> PollingTransport | Refusal:
        """A request asks for a new session."""
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        transport = PollingTransport()
        connection = self._open(opening, transport)
        transport.join(connection)
        self._polled[connection.session.sid] = transport
        return transport

    def find_polling(self, sid: str) -> PollingTransport | Refusal:
        """The transport of a session that polls."""
        if sid not in self._connections:
            return UNKNOWN_SESSION
        return self._polled.get(sid, BAD_REQUEST)

    def forget(self, connection: Connection) -> None:
        """A session is no more, or is not to be found any longer."""
        sid = connection.session.sid
        self._connections.pop(sid, None)
        self._polled.pop(sid, None)
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def upgraded(self, connection: Connection) -> None:
        """A session polls no longer."""
        self._polled.pop(connection.session.sid, None)

    async def close(self) -> None:
        """End all sessions after what waits for them; what is left after a while, at once."""
        for connection in tuple(self._connections.values()):
            connection.end(Reason.SERVER_CLOSE)
        for sid, transport in tuple(self._polled.items()):
            if not transport.asked:  # nobody is there to fetch what waits
                self.forget(self._connections[sid])
        if self._connections:
            self._emptied = anyio.Event()
            with anyio.move_on_after(_CLOSING_SECONDS):
                await self._emptied.wait()
            self._emptied = None
        for connection in tuple(self._connections.values()):
            connection.ring(self.alarms.now())
        self.alarms.stop()

    def _refusal(self) -> Refusal | None:
        return CLOSING if self.refusing or self.handlers.tasks is None else None

    def _open(self, opening: Opening, transport: Transport) -> Connection:
        now = self.alarms.now()
        session = Session(self.new_id(), opening.transport, self.settings, now)
        connection = Connection(self, session, transport, opening.handshake)
        self._connections[session.sid] = connection
        return connection
