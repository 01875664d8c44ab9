"""Who may pass the gate, and what the others are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.agents import MemoryAgents
from support.stores import MemorySessions
from support.time_and_chance import TurnedClock

from scp_server.access.gate import Caller, Credentials, Gate
from scp_server.domain.errors import (
    Forbidden,
    ScpError,
    SessionNotFound,
    SessionPending,
    SessionRequired,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant, Session, SessionState
from scp_wire.stream_types import Provider, StreamType

DAY = 86_400.0
OPERATOR = Secret("operator-CANARY")
SESSION = Secret("session-CANARY")


class Door:
    """A gate with one session behind it."""

    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.sessions = MemorySessions(self.clock)
        self.agents = MemoryAgents(self.clock, self.sessions)
        self.gate = Gate(
            self.sessions, self.agents, operator_key=OPERATOR, clock=self.clock, session_days=30
        )

    async def session(self, state: SessionState = SessionState.ACTIVE) -> Session:
        session = await self.sessions.open(
            SESSION,
            provider=Provider.GOOGLE,
            stream_types=(StreamType.GMAIL_MESSAGES,),
            agent_id=None,
            endpoints={},
            expires_at=self.clock.now() + 3600,
        )
        if state is not SessionState.PENDING:
            await self.sessions.activate(
                session.pk,
                Account(issuer="i", subject="s", label=None),
                Grant(
                    access_token=Secret("a"),
                    refresh_token=None,
                    expires_at=0,
                    scopes=frozenset(),
                ),
                expires_at=self.clock.now() + 30 * DAY,
            )
        await self.sessions.set_state(session.pk, state)
        return session


@pytest.fixture
def door() -> Door:
    return Door()


def presenting(session_id: Secret | None = None, key: Secret | None = None) -> Credentials:
    return Credentials(session_id=session_id, key=key)


async def refusal(door: Door, credentials: Credentials) -> ScpError:
    with pytest.raises(ScpError) as caught:
        await door.gate.identify(credentials)
    return caught.value


async def test_who_presents_nothing_is_anonymous(door: Door) -> None:
    assert await door.gate.identify(Credentials()) == Caller()


async def test_a_session_passes_with_the_id_it_was_presented_by(door: Door) -> None:
    session = await door.session()
    caller = await door.gate.identify(presenting(SESSION))
    assert caller.session is not None
    assert caller.session.pk == session.pk
    assert caller.presented == SESSION
    assert not caller.operator


async def test_a_session_that_lost_its_consent_still_passes(door: Door) -> None:
    await door.session(SessionState.NEEDS_CONSENT)
    caller = await door.gate.identify(presenting(SESSION))
    assert caller.session is not None
    assert caller.session.state is SessionState.NEEDS_CONSENT


async def test_a_pending_session_is_told_to_wait_for_its_user(door: Door) -> None:
    await door.session(SessionState.PENDING)
    with pytest.raises(SessionPending):
        await door.gate.identify(presenting(SESSION))


async def test_a_pending_session_passes_where_that_is_fine(door: Door) -> None:
    await door.session(SessionState.PENDING)
    caller = await door.gate.pending_ok(presenting(SESSION))
    assert caller.session is not None
    assert caller.session.state is SessionState.PENDING


async def test_the_operator_passes_with_the_key(door: Door) -> None:
    caller = await door.gate.identify(presenting(key=OPERATOR))
    assert caller == Caller(operator=True)


async def test_a_session_beside_the_operator_key_is_both(door: Door) -> None:
    await door.session()
    caller = await door.gate.identify(presenting(SESSION, OPERATOR))
    assert caller.operator
    assert caller.session is not None


async def test_every_wrong_credential_gets_the_same_answer(door: Door) -> None:
    unknown = await refusal(door, presenting(Secret("session-unknown")))
    wrong_key = await refusal(door, presenting(key=Secret("operator-wrong")))
    agent_key = await refusal(door, presenting(key=Secret("agent-any")))
    await door.session()
    wrong_beside = await refusal(door, presenting(SESSION, Secret("operator-wrong")))
    door.clock.turn(30 * DAY)
    expired = await refusal(door, presenting(SESSION))
    await door.sessions.set_state(1, SessionState.ENDED)
    ended = await refusal(door, presenting(SESSION))
    answers = {
        (type(error), error.message, str(dict(error.details)))
        for error in (unknown, wrong_key, agent_key, wrong_beside, expired, ended)
    }
    assert len(answers) == 1
    assert answers.pop()[0] is SessionNotFound


@given(st.text())
async def test_no_text_opens_the_gate_and_none_is_repeated(text: str) -> None:
    door = Door()
    await door.session()
    for credentials in (presenting(Secret(text)), presenting(key=Secret(text))):
        error = await refusal(door, credentials)
        assert isinstance(error, SessionNotFound)
        assert len(text) < 8 or text not in error.message


async def test_a_use_moves_the_end_thirty_days_away(door: Door) -> None:
    session = await door.session()
    door.clock.turn(29 * DAY)
    await door.gate.identify(presenting(SESSION))
    door.clock.turn(29 * DAY)
    caller = await door.gate.identify(presenting(SESSION))
    assert caller.session is not None
    assert caller.session.pk == session.pk


async def test_uses_are_noted_once_a_minute(door: Door) -> None:
    session = await door.session()
    for _ in range(3):
        await door.gate.identify(presenting(SESSION))
    assert door.sessions.touched == []
    door.clock.turn(61)
    for _ in range(3):
        await door.gate.identify(presenting(SESSION))
    assert door.sessions.touched == [session.pk]


async def test_asking_does_not_keep_a_pending_session_alive(door: Door) -> None:
    await door.session(SessionState.PENDING)
    for _ in range(2):
        await door.gate.pending_ok(presenting(SESSION))
        door.clock.turn(1801)
    with pytest.raises(SessionNotFound):
        await door.gate.pending_ok(presenting(SESSION))


async def test_what_needs_a_session_refuses_who_has_none(door: Door) -> None:
    session = await door.session()
    assert door.gate.need_session(Caller(session=session)) is session
    for caller in (Caller(), Caller(operator=True)):
        with pytest.raises(SessionRequired):
            door.gate.need_session(caller)


async def test_what_needs_the_operator_refuses_everyone_else(door: Door) -> None:
    session = await door.session()
    door.gate.need_operator(Caller(operator=True))
    with pytest.raises(SessionRequired):
        door.gate.need_operator(Caller())
    with pytest.raises(Forbidden):
        door.gate.need_operator(Caller(session=session))


def test_credentials_and_callers_do_not_show_their_secrets() -> None:
    shown = repr((presenting(SESSION, OPERATOR), Caller(presented=SESSION)))
    assert "CANARY" not in shown
