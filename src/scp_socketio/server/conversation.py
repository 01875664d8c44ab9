"""Conversation: what one connection says in Socket.IO, its clients, and their running handlers."""

from collections.abc import Callable, Coroutine
from typing import Protocol, TypeVarTuple, Unpack

from scp_socketio.engine.handshake import Handshake
from scp_socketio.errors import ConnectRefused
from scp_socketio.messages import Message
from scp_socketio.protocol.pace import Pace
from scp_socketio.protocol.peer import Answer, Connect, Disconnect, Event, Peer
from scp_socketio.server.alarms import Alarms
from scp_socketio.server.client import Client, Link, Reason
from scp_socketio.server.handlers import EventHandler, Handlers, Namespace
from scp_socketio.settings import Settings

Args = TypeVarTuple("Args")


class Wire(Link, Protocol):
    """What a conversation needs of its connection."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def reschedule(self) -> None: ...


class Surroundings(Protocol):
    """What a conversation needs of its server."""

    settings: Settings
    handlers: Handlers
    alarms: Alarms

    def new_id(self) -> str: ...


class Conversation:
    """The Socket.IO side of one connection.

    Handlers start in the order in which packets arrived; each runs to its first await before the
    next one starts, and at most ``Settings.max_handlers`` run at once: beyond, reading pauses. A
    handler that waits for an acknowledgement (``Client.call``) does not count, else the
    acknowledgement could never be read. Reading pauses for who sends faster than
    ``Settings.message_rate``, until `rested` is called at `resumes`; and it pauses while a connect
    handler runs: what a client sends without waiting to be let in is not lost on it, and not held.
    """

    __slots__ = (
        "_asking",
        "_clients",
        "_handshake",
        "_home",
        "_pace",
        "_peer",
        "_questions",
        "_running",
        "_wire",
        "paused",
        "resumes",
    )

    def __init__(self, wire: Wire, home: Surroundings, handshake: Handshake) -> None:
        self.paused = False
        self.resumes: float | None = None
        """When a client that sends too fast is read from again."""
        self._pace = Pace(home.settings.message_rate, home.settings.message_burst)
        self._wire = wire
        self._home = home
        self._peer = Peer(home.settings, home.alarms.now())
        # Most of what a connection costs: kept only while a namespace may still ask for it.
        self._handshake: Handshake | None = handshake
        self._clients: dict[str, Client] = {}
        self._asking = 0
        self._running = 0
        self._questions = 0

    @property
    def deadline(self) -> float | None:
        """When the connection has to go for want of a namespace."""
        return self._peer.deadline

    def clients(self) -> tuple[Client, ...]:
        """Those that are there."""
        return tuple(self._clients.values())

    def receive(self, content: str | bytes, now: float) -> None:
        """The content of one message. Raises: ProtocolError."""
        self.resumes = self._pace.taken(now)
        if self.resumes is not None:
            self._balance()
            self._wire.reschedule()
        match self._peer.receive(content, now):
            case Event() as event:
                client = self._clients[event.namespace]
                handler = self._home.handlers.namespaces[event.namespace].events.get(event.name)
                if handler is not None:
                    self._start(self._handle, client, handler, event)
            case Answer() as answer:
                self._clients[answer.namespace].acknowledged(answer.id, answer.args)
            case Connect() as connect:
                self._connect(connect)
            case Disconnect() as disconnect:
                self._depart(self._clients[disconnect.namespace], Reason.CLIENT_DISCONNECT)
                self._wire.reschedule()
            case None:
                pass

    def rested(self, now: float) -> None:
        """Read on, if it is time."""
        if self.resumes is not None and self.resumes <= now:
            self.resumes = None
            self._balance()

    def send_away(self, client: Client) -> None:
        """Send DISCONNECT to a client."""
        packet = self._peer.leave(client.namespace, self._home.alarms.now())
        self._wire.write(Message([packet]))
        self._depart(client, Reason.SERVER_CLOSE)
        self._wire.reschedule()

    def ask(self, namespace: str) -> int:
        """An id for an event whose acknowledgement somebody waits for."""
        self._questions += 1
        self._balance()
        return self._peer.ask(namespace)

    def answered(self, number: int) -> None:
        """Nobody waits for it any longer."""
        self._questions -= 1
        self._peer.forget(number)
        self._balance()

    def end(self, reason: Reason) -> None:
        """The connection has ended: so have its clients."""
        for client in self.clients():
            self._depart(client, reason)
        self._handshake = None

    # Letting in.

    def _connect(self, connect: Connect) -> None:
        namespace = self._home.handlers.namespaces.get(connect.namespace)
        if namespace is None:
            self._write(self._peer.refuse(connect.namespace, "Invalid namespace"))
        elif self._handshake is None:
            # It left and comes again over the same session. Its handler needs the handshake, which
            # is gone: the client has to bring it anew.
            self._wire.close()
        else:
            client = Client(self._home.new_id(), connect.namespace, self._wire)
            self._clients[connect.namespace] = client
            self._asking += 1
            self._start(self._admit, client, namespace, connect.auth, self._handshake)

    async def _admit(
        self, client: Client, namespace: Namespace, auth: object, handshake: Handshake
    ) -> None:
        try:
            if namespace.connect is not None:
                await namespace.connect(client, auth, handshake)
        except ConnectRefused as refused:
            self._refuse(client, refused)
        except Exception as error:  # noqa: BLE001 - reported; a handler may not end the server
            self._home.handlers.failed(client, "connect", error)
            self._refuse(client, ConnectRefused("Internal server error"))
        else:
            self._let_in(client, namespace)
        finally:
            self._asking -= 1
            self._done()

    def _refuse(self, client: Client, refused: ConnectRefused) -> None:
        if not client.open:
            return
        try:
            packet = self._peer.refuse(client.namespace, refused.message, refused.data)
        except TypeError as error:  # JSON cannot say the data
            self._home.handlers.failed(client, "connect", error)
            packet = self._peer.refuse(client.namespace, refused.message)
        self._write(packet)
        self._depart(client, Reason.SERVER_CLOSE)

    def _let_in(self, client: Client, namespace: Namespace) -> None:
        if client.reason is not None:
            # It left while its handler ran, which ended well: so it is owed its farewell.
            self._home.handlers.departed(client, client.reason)
            return
        namespace.clients[client.id] = client
        client.let_in(self._peer.accept(client.namespace, client.id))
        if len(self._home.handlers.namespaces) == 1:
            self._handshake = None
        self._wire.reschedule()

    def _depart(self, client: Client, reason: Reason) -> None:
        if self._clients.get(client.namespace) is client:
            del self._clients[client.namespace]
        if client.depart(reason):
            handlers = self._home.handlers
            handlers.namespaces[client.namespace].clients.pop(client.id, None)
            handlers.departed(client, reason)

    # Running handlers.

    async def _handle(self, client: Client, handler: EventHandler, event: Event) -> None:
        try:
            result = await handler(client, *event.args)
            if event.id is not None:
                client.answer(event.id, result)
        except Exception as error:  # noqa: BLE001 - reported; a handler may not end the server
            self._home.handlers.failed(client, event.name, error)
        finally:
            self._done()

    def _start(
        self, run: Callable[[Unpack[Args]], Coroutine[None, None, None]], *args: *Args
    ) -> None:
        self._running += 1
        self._home.handlers.start(run, *args)
        self._balance()

    def _done(self) -> None:
        self._running -= 1
        self._balance()

    def _balance(self) -> None:
        full = self._running - self._questions >= self._home.settings.max_handlers
        busy = full or self._asking > 0 or self.resumes is not None
        if busy and not self.paused:
            self.paused = True
            self._wire.pause()
        elif self.paused and not busy:
            self.paused = False
            self._wire.resume()

    def _write(self, packet: str) -> None:
        self._wire.write(Message([packet]))
