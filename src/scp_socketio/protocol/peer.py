"""The state machine of one Socket.IO client over one session: its namespaces, events and answers.

https://github.com/socketio/socket.io-protocol, revision 5. It writes nothing: `accept`, `refuse`
and `leave` return the packet to write.
"""

from enum import Enum, auto
from typing import Final

import msgspec

from scp_socketio.errors import ProtocolError
from scp_socketio.messages import RESERVED_EVENTS
from scp_socketio.protocol.attachments import Assembly
from scp_socketio.protocol.packets import BINARY, Kind, Packet, decode, encode
from scp_socketio.settings import Settings


class Connect(msgspec.Struct, frozen=True):
    """The client asks to be let into a namespace: answer by `Peer.accept` or `Peer.refuse`."""

    namespace: str
    auth: object


class Disconnect(msgspec.Struct, frozen=True):
    """The client has left a namespace."""

    namespace: str


class Event(msgspec.Struct, frozen=True):
    """An event in a namespace the client is in; it wants an answer if it has an id."""

    namespace: str
    name: str
    args: list[object]
    id: int | None


class Answer(msgspec.Struct, frozen=True):
    """The acknowledgement of an event that was sent with the id of `Peer.ask`."""

    namespace: str
    id: int
    args: list[object]


Arrival = Connect | Disconnect | Event | Answer


class _Place(Enum):
    ASKED = auto()
    IN = auto()
    # Left by the server. What the client sent before it knew is on its way, and no fault.
    SENT_AWAY = auto()


_FORBIDDEN: Final = {Kind.CONNECT_ERROR: "a client sends no CONNECT_ERROR"}


class Peer:
    """One client. Times are seconds of any steady clock."""

    __slots__ = ("_assembly", "_last_id", "_places", "_questions", "_settings", "deadline")

    def __init__(self, settings: Settings, now: float) -> None:
        self.deadline: float | None = now + settings.connect_timeout
        """When a client that is in no namespace has to go; None while it is in one."""
        self._settings = settings
        self._places: dict[str, _Place] = {}
        self._questions: dict[int, str] | None = None
        self._last_id = 0
        self._assembly: Assembly | None = None

    def receive(self, content: str | bytes, now: float) -> Arrival | None:
        """The content of one message: what has arrived, if it is whole and not stale.

        Raises:
            ProtocolError: it breaks the protocol; the transport is to be closed.
        """
        if isinstance(content, bytes):
            if self._assembly is None:
                raise ProtocolError("binary that belongs to no packet")
            packet = self._assembly.add(content)
            if packet is None:
                return None
            self._assembly = None
            return self._arrived(packet, now)
        if self._assembly is not None:
            raise ProtocolError("text where an attachment was to come")
        packet = decode(content, self._settings.max_depth)
        if packet.kind in BINARY and not self._settings.binary:
            raise ProtocolError("this server takes no binary packets")
        if packet.attachments:
            self._assembly = Assembly(packet)
            return None
        return self._arrived(packet, now)

    def accept(self, namespace: str, sid: str) -> str:
        """Let the client in: the CONNECT packet."""
        self._places[namespace] = _Place.IN
        self.deadline = None
        return encode(Kind.CONNECT, msgspec.json.encode({"sid": sid}), namespace=namespace)

    def refuse(self, namespace: str, message: str, data: object = None) -> str:
        """Keep the client out: the CONNECT_ERROR packet; `data` None is left out."""
        self._places.pop(namespace, None)
        body = {"message": message} if data is None else {"message": message, "data": data}
        return encode(Kind.CONNECT_ERROR, msgspec.json.encode(body), namespace=namespace)

    def leave(self, namespace: str, now: float) -> str:
        """Send the client away: the DISCONNECT packet."""
        self._places[namespace] = _Place.SENT_AWAY
        self._vacated(now)
        return encode(Kind.DISCONNECT, namespace=namespace)

    def ask(self, namespace: str) -> int:
        """An id for an event whose acknowledgement is wanted."""
        if self._questions is None:
            self._questions = {}
        self._last_id += 1
        self._questions[self._last_id] = namespace
        return self._last_id

    def forget(self, number: int) -> None:
        """The acknowledgement with this id is wanted no longer."""
        if self._questions is not None:
            self._questions.pop(number, None)

    def _arrived(self, packet: Packet, now: float) -> Arrival | None:
        if packet.kind in _FORBIDDEN:
            raise ProtocolError(_FORBIDDEN[packet.kind])
        place = self._places.get(packet.namespace)
        if packet.kind is Kind.CONNECT:
            return self._connect(packet, place)
        if packet.kind is Kind.DISCONNECT:
            return self._disconnect(packet, place, now)
        arrival = _answer(packet) if packet.kind in _ANSWERS else _event(packet)
        if place is _Place.SENT_AWAY:
            return None
        if place is not _Place.IN:
            raise ProtocolError("a packet for a namespace the client is not in")
        return self._wanted(arrival) if isinstance(arrival, Answer) else arrival

    def _connect(self, packet: Packet, place: _Place | None) -> Connect:
        if place in {_Place.ASKED, _Place.IN}:
            raise ProtocolError("a second CONNECT to a namespace")
        auth = None if packet.data is msgspec.UNSET else packet.data
        if packet.id is not None or not (packet.data is msgspec.UNSET or isinstance(auth, dict)):
            raise ProtocolError("the payload of CONNECT is an object")
        self._places[packet.namespace] = _Place.ASKED
        return Connect(packet.namespace, auth)

    def _disconnect(self, packet: Packet, place: _Place | None, now: float) -> Disconnect | None:
        if packet.data is not msgspec.UNSET or packet.id is not None:
            raise ProtocolError("DISCONNECT has no payload")
        if place is None:
            raise ProtocolError("a packet for a namespace the client is not in")
        del self._places[packet.namespace]
        self._vacated(now)
        return None if place is _Place.SENT_AWAY else Disconnect(packet.namespace)

    def _vacated(self, now: float) -> None:
        if self.deadline is None and _Place.IN not in self._places.values():
            self.deadline = now + self._settings.connect_timeout

    def _wanted(self, answer: Answer) -> Answer | None:
        if self._questions is None or self._questions.get(answer.id) != answer.namespace:
            return None
        del self._questions[answer.id]
        return answer


_ANSWERS: Final = frozenset({Kind.ACK, Kind.BINARY_ACK})


def _event(packet: Packet) -> Event:
    if not isinstance(packet.data, list) or not packet.data:
        raise ProtocolError("the payload of an event is an array that begins with its name")
    name, *args = packet.data
    # JavaScript's emitters take numbers for names too, and do not tell 1 from "1".
    if type(name) is int:
        name = str(name)
    if not isinstance(name, str):
        raise ProtocolError("the name of an event is a string")
    if name in RESERVED_EVENTS:
        raise ProtocolError("the name of an event is reserved")
    return Event(packet.namespace, name, args, packet.id)


def _answer(packet: Packet) -> Answer:
    if not isinstance(packet.data, list) or packet.id is None:
        raise ProtocolError("an acknowledgement has an id and an array")
    return Answer(packet.namespace, packet.id, packet.data)
