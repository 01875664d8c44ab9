"""A WebSocket over an asyncio transport, with a loop and a socket that a test turns by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from support.hand_turned import HandTurnedLoop, HandTurnedSocket
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from scp_socketio.errors import ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.flusher import Flusher
from scp_socketio.server.framing import WRITE_BYTES, FramedTransport
from scp_socketio.settings import Settings

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
SETTINGS = Settings(low_water=1_000, high_water=4_000)


@dataclass
class Listener:
    """A session that notes what it is told."""

    heard: list[object] = field(default_factory=list)
    on_received: Callable[[], None] = lambda: None
    writable_calls: int = 0

    def received(self, frame: str | bytes) -> None:
        """A message."""
        self.heard.append(frame)
        self.on_received()

    def violated(self, error: ProtocolError) -> None:
        """A breach."""
        self.heard.append(error)

    def lost(self, *, error: bool) -> None:
        """The end."""
        self.heard.append("lost by an error" if error else "lost")

    def writable(self) -> None:
        """Room."""
        self.writable_calls += 1


class Opened(FramedTransport):
    """A transport whose handshake a test answers."""

    def open(self, session: Listener) -> None:
        """Answer it."""
        self._start(session, HEAD)


class Rig:
    """One connection and its surroundings, after the handshake unless told otherwise."""

    loop: HandTurnedLoop
    flusher: Flusher

    def __init__(self, beside: "Rig | None" = None, *, opened: bool = True) -> None:
        self.loop = beside.loop if beside else HandTurnedLoop()
        self.flusher = beside.flusher if beside else Flusher(self.loop)
        self.socket = HandTurnedSocket()
        self.session = Listener()
        self.peer = ClientProtocol(parse_uri("ws://server.example/"), state=State.OPEN)
        self.transport = Opened(self.flusher, SETTINGS)
        self.socket.protocol = self.transport
        self.transport.connection_made(self.socket)
        if opened:
            self.transport.open(self.session)
            self.loop.turn()
            assert self.socket.writes == [HEAD]
            self.socket.writes.clear()
            self.session.writable_calls = 0

    def sent(self) -> list[tuple[Opcode, bytes]]:
        """Frames that the peer reads."""
        self.peer.receive_data(b"".join(self.socket.writes))
        assert self.peer.parser_exc is None
        frames = [event for event in self.peer.events_received() if isinstance(event, Frame)]
        return [(frame.opcode, bytes(frame.data)) for frame in frames]

    def receive(self) -> None:
        """Hand over what the peer sends."""
        self.transport.data_received(b"".join(self.peer.data_to_send()))

    def fill(self) -> None:
        """Let the socket take nothing, with a message in its buffer."""
        self.socket.room = 0
        self.transport.write(numbered(1, size=2_000)[0])
        self.loop.turn()


def numbered(count: int, size: int = 20) -> list[Message]:
    """Different messages."""
    return [Message([f"2{at:>{size}}"]) for at in range(count)]


def test_what_is_written_in_one_turn_is_one_write() -> None:
    rig, messages = Rig(), numbered(3)
    for message in messages:
        rig.transport.write(message)
    rig.transport.write_packet("2")
    assert rig.socket.writes == []
    rig.loop.turn()
    assert rig.socket.writes == [Message.joined(messages).frames + b"\x81\x012"]


def test_one_callback_flushes_every_connection_that_was_written_to() -> None:
    first = Rig()
    rigs = [first, *(Rig(first) for _ in range(4))]
    for rig in rigs:
        rig.transport.write(Message(["2[]"]))
    assert len(first.loop.soon) == 1
    first.loop.turn()
    assert [len(rig.socket.writes) for rig in rigs] == [1] * 5


def test_receivers_of_the_same_messages_share_the_bytes_of_one_write() -> None:
    first = Rig()
    second, third = Rig(first), Rig(first)
    messages = numbered(5)
    for message in messages:
        first.transport.write(message)
        second.transport.write(message)
    for message in messages[:4]:
        third.transport.write(message)
    first.loop.turn()
    assert first.socket.writes == [Message.joined(messages).frames]
    assert first.socket.writes[0] is second.socket.writes[0]
    assert third.socket.writes == [Message.joined(messages[:4]).frames]


def test_a_single_message_is_written_as_the_bytes_that_everybody_shares() -> None:
    rig, message = Rig(), Message(["2[]"])
    rig.transport.write(message)
    rig.loop.turn()
    assert rig.socket.writes[0] is message.frames


def test_one_failing_writer_does_not_keep_the_others_from_being_flushed() -> None:
    class Failing:
        def flush(self) -> None:
            raise RuntimeError("broken")

    rig = Rig()
    rig.flusher.add(Failing())
    rig.transport.write(Message(["2[]"]))
    with pytest.raises(RuntimeError, match="broken"):
        rig.loop.turn()
    rig.loop.turn()
    assert len(rig.socket.writes) == 1


def test_what_is_written_before_the_handshake_is_answered_follows_the_answer() -> None:
    rig = Rig(opened=False)
    rig.transport.write_packet("0{}")
    rig.transport.close()
    rig.loop.turn()
    assert rig.socket.writes == []
    rig.transport.open(rig.session)
    rig.loop.turn()
    assert rig.socket.writes == [HEAD + b"\x81\x030{}" + b"\x88\x02\x03\xe8"]


def test_a_turn_that_writes_much_is_not_held_back_until_its_end() -> None:
    rig = Rig()
    for message in numbered(5, size=1_000):
        rig.transport.write(message)
    assert len(rig.socket.writes) == 1
    rig.loop.turn()
    assert len(rig.sent()) == 5


def test_while_the_socket_is_full_messages_wait_unjoined_and_then_leave_in_order() -> None:
    rig, messages = Rig(), numbered(300, size=1_000)
    rig.socket.room = 100
    for message in messages:
        rig.transport.write(message)
        rig.loop.turn()
    assert sum(map(len, rig.socket.writes)) < SETTINGS.high_water
    assert rig.transport.backlog == sum(message.size for message in messages) - 100
    rig.socket.drain()
    assert rig.transport.backlog == 0
    assert all(len(data) < WRITE_BYTES + 2_000 for data in rig.socket.writes)
    assert [data.decode()[1:] for _, data in rig.sent()] == [
        packet for message in messages for packet in message.packets
    ]


def test_the_session_is_told_when_what_was_seen_as_backlog_has_gone() -> None:
    rig = Rig()
    rig.transport.write(numbered(1, size=2_000)[0])
    assert rig.transport.backlog > SETTINGS.low_water
    rig.loop.turn()
    assert (rig.session.writable_calls, rig.transport.backlog) == (1, 0)


def test_the_session_is_told_at_the_turns_end_when_the_turn_itself_wrote_it_out() -> None:
    rig = Rig()
    rig.transport.write(numbered(1, size=5_000)[0])
    assert (rig.session.writable_calls, rig.transport.backlog) == (0, 0)
    rig.loop.turn()
    assert rig.session.writable_calls == 1


def test_the_session_is_not_told_while_the_socket_is_full() -> None:
    rig = Rig()
    rig.fill()
    rig.transport.write(numbered(1)[0])
    rig.loop.turn()
    assert rig.session.writable_calls == 0
    rig.socket.drain()
    assert (rig.session.writable_calls, rig.transport.backlog) == (1, 0)


def test_pings_are_answered_in_order_and_in_one_write() -> None:
    rig = Rig()
    for at in range(3):
        rig.peer.send_ping(b"%d" % at)
    rig.receive()
    rig.loop.turn()
    assert rig.sent() == [(Opcode.PONG, b"0"), (Opcode.PONG, b"1"), (Opcode.PONG, b"2")]
    assert len(rig.socket.writes) == 1


def test_while_the_socket_is_full_only_the_last_ping_waits_for_its_answer() -> None:
    rig = Rig()
    rig.fill()
    backlog = rig.transport.backlog
    for at in range(100):
        rig.peer.send_ping(b"%d" % at)
        rig.receive()
        rig.loop.turn()
    assert rig.transport.backlog == backlog
    rig.socket.drain()
    assert rig.sent()[1:] == [(Opcode.PONG, b"99")]


def test_a_pause_holds_back_even_what_was_read_until_reading_resumes() -> None:
    rig = Rig()
    for at in range(4):
        rig.peer.send_text(b"%d" % at)
    rig.session.on_received = rig.transport.pause
    rig.receive()
    assert (rig.session.heard, rig.socket.reading) == (["0"], False)
    rig.session.on_received = lambda: None
    rig.transport.resume()
    assert (rig.session.heard, rig.socket.reading) == (["0"], True)
    rig.loop.turn()
    assert rig.session.heard == ["0", "1", "2", "3"]


def test_closing_writes_what_waits_then_says_so_then_waits_for_the_client() -> None:
    rig = Rig()
    rig.transport.write(Message(["2[]"]))
    rig.transport.close()
    rig.transport.close()
    rig.transport.write(Message(["2[1]"]))
    rig.loop.turn()
    assert rig.sent() == [(Opcode.TEXT, b"42[]"), (Opcode.CLOSE, b"\x03\xe8")]
    assert rig.socket.ended == ""
    rig.receive()
    assert (rig.socket.ended, rig.session.heard) == ("closed", ["lost"])
    rig.transport.connection_lost(None)
    assert rig.session.heard == ["lost"]
    assert [timer.cancelled for timer in rig.loop.timers] == [True]


def test_nothing_is_delivered_after_closing_though_reading_was_paused() -> None:
    rig = Rig()
    rig.transport.pause()
    rig.peer.send_text(b"late")
    rig.peer.send_close(1001)
    rig.receive()
    rig.transport.close()
    rig.loop.turn()
    assert rig.session.heard == ["lost"]
    assert rig.socket.ended == "closed"


def test_a_client_that_never_answers_the_close_frame_is_cut_off() -> None:
    rig = Rig()
    rig.transport.close()
    rig.loop.turn()
    (timer,) = rig.loop.timers
    timer.ring()
    assert rig.socket.ended == "aborted"
    rig.transport.connection_lost(None)
    assert rig.session.heard == ["lost by an error"]


@pytest.mark.parametrize(("code", "echo"), [(1001, b"\x03\xe9"), (None, b"")])
def test_a_close_frame_is_answered_alike_and_ends_the_connection(
    code: int | None, echo: bytes
) -> None:
    rig = Rig()
    rig.transport.write(Message(["2[]"]))
    rig.peer.send_close(code)
    rig.receive()
    rig.loop.turn()
    assert b"".join(rig.socket.writes) == bytes((0x88, len(echo))) + echo
    assert (rig.socket.ended, rig.session.heard) == ("closed", ["lost"])


def test_a_breach_is_told_and_answered_with_its_code() -> None:
    rig = Rig()
    rig.peer.send_text(b"2")
    rig.receive()
    rig.transport.data_received(b"\x81\x00")
    first, second, third = rig.session.heard
    assert (first, third) == ("2", "lost by an error")
    assert isinstance(second, ProtocolError)
    assert rig.sent() == [(Opcode.CLOSE, b"\x03\xea")]
    assert rig.socket.ended == "closed"


def test_an_aborted_connection_takes_nothing_more_and_holds_nothing() -> None:
    rig = Rig()
    rig.fill()
    rig.transport.abort()
    rig.transport.write(Message(["2[]"]))
    rig.transport.close()
    rig.peer.send_text(b"late")
    rig.receive()
    rig.loop.turn()
    assert (rig.socket.ended, rig.transport.backlog, rig.session.heard) == ("aborted", 0, [])
    rig.transport.connection_lost(None)
    assert rig.session.heard == ["lost by an error"]


def test_a_session_aborted_while_it_opened_gets_no_answer() -> None:
    rig = Rig(opened=False)
    rig.transport.write_packet("0{}")
    rig.transport.abort()
    rig.transport.open(rig.session)
    rig.loop.turn()
    assert (rig.socket.writes, rig.socket.ended) == ([], "aborted")
