"""The state machine of one Socket.IO client."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio import ProtocolError, Settings
from scp_socketio.messages import RESERVED_EVENTS
from scp_socketio.protocol.peer import Answer, Connect, Disconnect, Event, Peer

SETTINGS = Settings(connect_timeout=45, binary=True)


def stranger(settings: Settings = SETTINGS) -> Peer:
    return Peer(settings, 0)


def guest(*namespaces: str) -> Peer:
    """A client that is in the namespaces named, or in the main one."""
    peer = stranger()
    for namespace in namespaces or ("/",):
        peer.receive("0" if namespace == "/" else f"0{namespace},", 0)
        peer.accept(namespace, "sid")
    return peer


def test_a_client_asks_and_is_let_in() -> None:
    peer = stranger()
    assert peer.receive('0{"token":"a"}', 0) == Connect("/", {"token": "a"})
    assert peer.accept("/", "sid") == '0{"sid":"sid"}'
    assert peer.receive("0/admin", 0) == Connect("/admin", None)
    assert peer.accept("/admin", "sid") == '0/admin,{"sid":"sid"}'


def test_a_client_is_refused_with_message_and_data_and_may_ask_again() -> None:
    peer = stranger()
    peer.receive("0/random", 0)
    assert peer.refuse("/random", "Invalid namespace") == '4/random,{"message":"Invalid namespace"}'
    peer.receive("0/random", 0)
    packet = peer.refuse("/random", "no", {"code": 1})
    assert packet == '4/random,{"message":"no","data":{"code":1}}'


def test_events_come_with_their_arguments_and_ids() -> None:
    peer = guest("/", "/admin")
    assert peer.receive('2["a",1,{"b":[]}]', 0) == Event("/", "a", [1, {"b": []}], None)
    assert peer.receive('2/admin,7["a"]', 0) == Event("/admin", "a", [], 7)
    assert peer.receive("2[1]", 0) == Event("/", "1", [], None)


def test_an_event_waits_for_its_attachments() -> None:
    peer = guest()
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    assert peer.receive(f'52-9["a",{places}]', 0) is None
    assert peer.receive(b"x", 0) is None
    assert peer.receive(b"y", 0) == Event("/", "a", [b"x", b"y"], 9)


def test_an_acknowledgement_may_bring_attachments() -> None:
    peer = guest()
    number = peer.ask("/")
    assert peer.receive(f'61-{number}[{{"_placeholder":true,"num":0}}]', 0) is None
    assert peer.receive(b"x", 0) == Answer("/", number, [b"x"])


@pytest.mark.parametrize(
    "content",
    [
        '2["a"]',
        "30[]",
        "1",
        "",
        b"x",
        "0[]",
        "0null",
        '0"a"',
        "01",
        '4{"message":"a"}',
        '51-["a",{"_placeholder":true,"num":0}]x',
    ],
)
def test_a_stranger_may_only_connect(content: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        stranger().receive(content, 0)


@pytest.mark.parametrize(
    "content",
    [
        "0",
        "2",
        "2[]",
        "2{}",
        '2"a"',
        "2[null]",
        "2[true]",
        "2[[]]",
        "2[1.5]",
        "3[]",
        "30{}",
        "30",
        "1{}",
        "17",
        '2/admin,["a"]',
        "1/admin,",
        '4{"message":"a"}',
        b"x",
        *(f'2["{name}"]' for name in sorted(RESERVED_EVENTS)),
    ],
)
def test_a_guest_keeps_the_rules(content: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        guest().receive(content, 0)


@pytest.mark.parametrize("content", ['2["a"]', "0", "1"])
def test_nothing_comes_between_a_packet_and_its_attachments(content: str) -> None:
    peer = guest()
    peer.receive('51-["a",{"_placeholder":true,"num":0}]', 0)
    with pytest.raises(ProtocolError):
        peer.receive(content, 0)


def test_binary_packets_are_refused_unless_they_are_enabled() -> None:
    peer = stranger(Settings())
    peer.receive("0", 0)
    peer.accept("/", "sid")
    with pytest.raises(ProtocolError):
        peer.receive('51-["a",{"_placeholder":true,"num":0}]', 0)


def test_an_answer_is_taken_once_and_only_from_whom_was_asked() -> None:
    peer = guest("/", "/admin")
    number = peer.ask("/")
    assert peer.receive(f"3/admin,{number}[1]", 0) is None
    assert peer.receive(f"3{number}[1]", 0) == Answer("/", number, [1])
    assert peer.receive(f"3{number}[1]", 0) is None
    assert peer.receive("399[1]", 0) is None


def test_an_answer_nobody_waits_for_is_ignored() -> None:
    peer = guest()
    number = peer.ask("/")
    peer.forget(number)
    assert peer.receive(f"3{number}[]", 0) is None


def test_a_client_that_left_has_to_ask_again() -> None:
    peer = guest("/", "/admin")
    assert peer.receive("1/admin,", 0) == Disconnect("/admin")
    assert peer.receive('2["a"]', 0) == Event("/", "a", [], None)
    assert peer.receive("0/admin,", 0) == Connect("/admin", None)
    peer.receive("1", 0)
    with pytest.raises(ProtocolError):
        peer.receive('2["a"]', 0)


def test_a_client_may_leave_before_it_is_let_in() -> None:
    peer = stranger()
    peer.receive("0", 0)
    assert peer.receive("1", 0) == Disconnect("/")


def test_what_crosses_with_being_sent_away_is_no_fault() -> None:
    peer = guest("/", "/admin")
    assert peer.leave("/admin", 0) == "1/admin,"
    assert peer.receive('2/admin,["a"]', 0) is None
    assert peer.receive("3/admin,1[]", 0) is None
    assert peer.receive("1/admin,", 0) is None
    assert peer.leave("/", 0) == "1"
    assert peer.receive("0", 0) == Connect("/", None)


def deadline(peer: Peer) -> float | None:
    return peer.deadline


def test_a_client_has_a_time_to_be_in_a_namespace() -> None:
    peer = stranger()
    assert deadline(peer) == 45
    peer.receive("0", 10)
    peer.refuse("/", "no")
    assert deadline(peer) == 45
    peer.receive("0", 20)
    peer.accept("/", "sid")
    assert deadline(peer) is None
    peer.receive("0/admin", 21)
    peer.receive("1", 30)
    assert deadline(peer) == 75
    peer.accept("/admin", "sid")
    assert deadline(peer) is None
    peer.leave("/admin", 40)
    assert deadline(peer) == 85


PLACES = ['{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}']
CONTENT: st.SearchStrategy[str | bytes] = (
    st.sampled_from(["0", "0/a", "1", "1/a", '2["e"]', '2/a,1["e"]', "31[]", "3/a,1[]"])
    | st.sampled_from(['4{"message":""}', "x", *(f'51-["e",{place}]' for place in PLACES)])
    | st.just(b"x")
)
ACTIONS = st.lists(
    CONTENT
    | st.tuples(st.sampled_from(["accept", "refuse", "leave", "ask"]), st.sampled_from("/a")),
    max_size=30,
)


class Ledger:
    """Who has asked, who is in, and which questions are open: what must always hold of a peer."""

    def __init__(self) -> None:
        self.peer = stranger()
        self.asked: set[str] = set()
        self.inside: set[str] = set()
        self.questions: set[tuple[str, int]] = set()

    def hear(self, content: str | bytes) -> bool:
        """Whether the client may stay."""
        try:
            arrival = self.peer.receive(content, 0)
        except ProtocolError:
            return False
        match arrival:
            case Connect(namespace):
                assert namespace not in self.asked | self.inside
                self.asked.add(namespace)
            case Disconnect(namespace):
                assert namespace in self.asked | self.inside
                self.asked.discard(namespace)
                self.inside.discard(namespace)
            case Event(namespace):
                assert namespace in self.inside
            case Answer(namespace, number):
                assert namespace in self.inside
                self.questions.remove((namespace, number))
            case None:
                pass
        return True

    def act(self, action: str, namespace: str) -> None:
        """What a server does, where it may."""
        if action == "ask" and namespace in self.inside:
            self.questions.add((namespace, self.peer.ask(namespace)))
        elif action == "leave" and namespace in self.inside:
            self.peer.leave(namespace, 0)
            self.inside.remove(namespace)
        elif action in {"accept", "refuse"} and namespace in self.asked:
            self.asked.remove(namespace)
            if action == "accept":
                self.peer.accept(namespace, "sid")
                self.inside.add(namespace)
            else:
                self.peer.refuse(namespace, "no")


@given(ACTIONS)
def test_over_any_course_only_guests_are_heard_and_questions_answered_once(
    actions: list[str | bytes | tuple[str, str]],
) -> None:
    ledger = Ledger()
    for action in actions:
        if isinstance(action, tuple):
            ledger.act(action[0], "/" if action[1] == "/" else "/a")
        elif not ledger.hear(action):
            return
        assert (ledger.peer.deadline is None) == bool(ledger.inside)


@given(st.lists(st.text(max_size=12) | st.binary(max_size=4), max_size=5))
def test_anything_is_understood_or_refused(contents: list[str | bytes]) -> None:
    peer = guest()
    with suppress(ProtocolError):
        for content in contents:
            peer.receive(content, 0)
