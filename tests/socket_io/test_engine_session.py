"""The state machine of a session: what a client may send, and the heartbeat."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio import ProtocolError, Settings
from scp_socketio.engine.session import Beat, Closed, Pong, Session, TransportName

SETTINGS = Settings(ping_interval=25, ping_timeout=20)


def session(settings: Settings = SETTINGS, transport: TransportName = "websocket") -> Session:
    return Session("sid", transport, settings, 0.0)


def test_it_opens_with_whole_milliseconds_and_the_largest_payload() -> None:
    settings = Settings(ping_interval=0.3, ping_timeout=0.0004, max_message=1_000_000)
    packet = session(settings, "polling").opening()
    assert packet[0] == "0"
    assert json.loads(packet[1:]) == {
        "sid": "sid",
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 1,
        "maxPayload": 1_000_000,
    }


@pytest.mark.parametrize(
    ("transport", "offered", "upgrades"),
    [
        ("polling", ("polling", "websocket"), ["websocket"]),
        ("polling", ("polling",), []),
        ("websocket", ("polling", "websocket"), []),
    ],
)
def test_an_upgrade_is_offered_only_where_there_is_one(
    transport: TransportName, offered: tuple[str, ...], upgrades: list[str]
) -> None:
    packet = session(Settings(transports=offered), transport).opening()
    assert json.loads(packet[1:])["upgrades"] == upgrades


def test_messages_are_handed_on_without_their_type() -> None:
    assert session().receive('42["a"]', 0) == '2["a"]'
    assert session(Settings(binary=True)).receive(b"\x01", 0) == b"\x01"


def test_binary_is_refused_unless_it_is_enabled() -> None:
    with pytest.raises(ProtocolError):
        session().receive(b"\x01", 0)


@pytest.mark.parametrize("frame", ["", "abc", "0", "2", "2probe", "5", "7", "1x", "11", "b", "é"])
def test_what_a_client_may_not_send_is_refused(frame: str) -> None:
    with pytest.raises(ProtocolError):
        session().receive(frame, 0)


def test_a_close_is_told_and_a_noop_is_not() -> None:
    assert session().receive("1", 0) == Closed()
    assert session().receive("6", 0) is None


@given(st.text(max_size=5) | st.sampled_from(["3", "4", "6", "1"]))
def test_any_text_is_understood_or_refused(frame: str) -> None:
    with suppress(ProtocolError):
        session().receive(frame, 0)


def test_a_ping_is_due_after_the_interval_and_an_answer_within_the_timeout() -> None:
    machine = session()
    assert machine.due == 25
    assert machine.tick(24.9) is Beat.NOTHING
    assert machine.tick(25) is Beat.PING
    assert machine.ping(25) == "2"
    assert machine.due == 45
    assert machine.tick(44.9) is Beat.NOTHING
    assert machine.tick(45) is Beat.TIMED_OUT


def test_the_nth_pong_answers_the_nth_ping() -> None:
    machine = session()
    machine.ping(1)
    machine.ping(2)
    assert [machine.receive("3", 3) for _ in range(3)] == [Pong(1), Pong(2), None]


def test_a_pong_nobody_asked_for_counts_for_nothing() -> None:
    machine = session()
    assert machine.receive("3", 0) is None
    machine.ping(1)
    assert machine.receive("3", 2) == Pong(1)


def test_a_ping_on_demand_puts_the_regular_one_off() -> None:
    machine = session()
    machine.ping(10)
    machine.receive("3", 11)
    assert machine.due == 35


def test_one_pong_of_two_gives_the_other_its_full_time() -> None:
    machine = session()
    machine.ping(0)
    machine.ping(1)
    machine.receive("3", 15)
    assert machine.due == 35


def test_silence_is_no_death_while_nothing_is_read() -> None:
    machine = session()
    machine.ping(0)
    assert machine.tick(20, deaf=True) is Beat.NOTHING
    assert machine.tick(39) is Beat.NOTHING
    assert machine.tick(40) is Beat.TIMED_OUT


@pytest.mark.parametrize(
    ("transport", "polls_on", "farewell"),
    [
        ("polling", True, "6"),
        ("polling", False, "1"),
        ("websocket", False, None),
        ("websocket", True, None),
    ],
)
def test_a_poll_is_told_the_end_and_a_websocket_says_it_itself(
    transport: TransportName, *, polls_on: bool, farewell: str | None
) -> None:
    assert session(transport=transport).farewell(polls_on=polls_on) == farewell


def test_an_upgraded_session_says_farewell_as_a_websocket_does() -> None:
    machine = session(transport="polling")
    machine.upgraded()
    assert machine.farewell(polls_on=True) is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["ping", "pong", "tick"]), st.floats(0, 30)), max_size=40
)


@given(STEPS)
def test_over_any_course_answers_never_outnumber_pings_and_only_unanswered_ones_kill(
    steps: list[tuple[str, float]],
) -> None:
    machine, now = session(), 0.0
    for kind, delay in steps:
        now += delay
        if kind == "ping":
            machine.ping(now)
        elif kind == "pong":
            pong = machine.receive("3", now)
            assert pong is None or pong == Pong(machine.pongs)
        else:
            beat = machine.tick(now)
            waiting = machine.pongs < machine.pings_sent
            assert (beat is Beat.NOTHING) == (now < machine.due)
            assert beat is not Beat.TIMED_OUT or waiting
            assert beat is not Beat.PING or not waiting
            if beat is Beat.PING:
                machine.ping(now)
        assert machine.pongs <= machine.pings_sent
