"""Agents: whose key opens what, who is cut off when it changes, and what is written down."""

from dataclasses import replace

import pytest
from support.agents import HeardCuts, MemoryAgents
from support.stores import MemoryAudit, MemorySessions
from support.time_and_chance import RecordedChance, TurnedClock

from scp_server.access.agents import Agents
from scp_server.access.gate import Caller, Credentials, Gate
from scp_server.access.tickets import Tickets
from scp_server.domain.agents import Agent, AgentPlan
from scp_server.domain.errors import (
    Forbidden,
    InvalidRequest,
    SessionNotFound,
    SessionRequired,
    StorageUnavailable,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant, Session, SessionState
from scp_wire.stream_types import Provider, StreamType

DAY = 86_400.0
OPERATOR = Secret("operator-CANARY")


class Hall:
    """A gate, agents and sessions."""

    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.sessions = MemorySessions(self.clock)
        self.store = MemoryAgents(self.clock, self.sessions)
        self.cuts = HeardCuts()
        self.audit = MemoryAudit()
        chance = RecordedChance()
        self.agents = Agents(self.store, self.sessions, self.cuts, self.audit, self.clock, chance)
        self.gate = Gate(
            self.sessions, self.store, operator_key=OPERATOR, clock=self.clock, session_days=30
        )
        self.tickets = Tickets(self.sessions, self.gate, self.clock, chance)

    async def session(self, name: str, agent: Agent | None = None) -> tuple[Secret, Session]:
        session_id = Secret(f"session-{name}")
        session = await self.sessions.open(
            session_id,
            provider=Provider.GOOGLE,
            stream_types=(StreamType.GMAIL_MESSAGES,),
            agent_id=None,
            endpoints={},
            expires_at=self.clock.now() + 3600,
        )
        grant = Grant(
            access_token=Secret("a"), refresh_token=None, expires_at=0, scopes=frozenset()
        )
        account = Account(issuer="i", subject="s", label=None)
        expires_at = self.clock.now() + 30 * DAY
        await self.sessions.activate(session.pk, account, grant, expires_at=expires_at)
        if agent is not None:
            await self.sessions.bind(session.pk, agent.pk, agent_id=agent.name)
        found = await self.sessions.get(session.pk)
        assert found is not None
        return session_id, found

    async def enter(self, session_id: Secret | None, key: Secret | None = None) -> Caller:
        return await self.gate.identify(Credentials(session_id=session_id, key=key))


@pytest.fixture
def hall() -> Hall:
    return Hall()


async def test_an_agents_session_answers_only_together_with_its_key_or_the_operators(
    hall: Hall,
) -> None:
    mine, key = await hall.agents.create(AgentPlan(name="mine"))
    _, other_key = await hall.agents.create(AgentPlan(name="other"))
    session_id, session = await hall.session("bound", mine)
    assert (await hall.enter(session_id, key)).agent == mine
    assert (await hall.enter(session_id, OPERATOR)).session == session
    messages = set()
    for wrong in (None, other_key, Secret("agent-unknown"), Secret("agent-\nX")):
        with pytest.raises(SessionNotFound) as refused:
            await hall.enter(session_id, wrong)
        messages.add(refused.value.message)
    with pytest.raises(SessionNotFound) as unknown:
        await hall.enter(Secret("session-unknown"), key)
    assert messages == {unknown.value.message}


async def test_a_refused_caller_does_not_keep_the_session_alive(hall: Hall) -> None:
    mine, _ = await hall.agents.create(AgentPlan(name="mine"))
    session_id, session = await hall.session("bound", mine)
    hall.clock.turn(3600)
    with pytest.raises(SessionNotFound):
        await hall.enter(session_id)
    assert session.pk not in hall.sessions.touched


async def test_a_key_may_be_presented_beside_a_session_of_nobodys(hall: Hall) -> None:
    _, key = await hall.agents.create(AgentPlan(name="mine"))
    session_id, session = await hall.session("free")
    assert (await hall.enter(session_id, key)).session == session
    assert (await hall.enter(session_id)).agent is None


async def test_a_key_for_given_sessions_opens_those_and_no_others(hall: Hall) -> None:
    given, _ = await hall.session("given")
    other, _ = await hall.session("other")
    plan = AgentPlan(name="mine", opens=False)
    agent, key = await hall.agents.create(plan, session_ids=(given,))
    caller = await hall.enter(given, key)
    assert caller.session is not None
    assert (caller.session.agent_pk, caller.session.agent_id) == (agent.pk, "mine")
    with pytest.raises(SessionNotFound):
        await hall.enter(other, key)
    with pytest.raises(SessionNotFound):
        await hall.enter(given)
    with pytest.raises(Forbidden):
        hall.gate.need_key(await hall.enter(None, key))


async def test_opening_sessions_needs_a_key(hall: Hall) -> None:
    _, key = await hall.agents.create(AgentPlan(name="mine"))
    session_id, _ = await hall.session("free")
    hall.gate.need_key(await hall.enter(None, key))
    hall.gate.need_key(await hall.enter(None, OPERATOR))
    with pytest.raises(SessionRequired):
        hall.gate.need_key(Caller())
    with pytest.raises(Forbidden):
        hall.gate.need_key(await hall.enter(session_id))
    with pytest.raises(Forbidden):
        hall.gate.need_operator(await hall.enter(None, key))


async def test_a_key_that_has_expired_is_unknown_and_its_readers_are_cut_off(hall: Hall) -> None:
    soon = hall.clock.now() + 60
    mine, key = await hall.agents.create(AgentPlan(name="mine", expires_at=soon))
    other, _ = await hall.agents.create(AgentPlan(name="other"))
    session_id, session = await hall.session("bound", mine)
    hall.cuts.here = [(session.pk, mine.pk), (session.pk, None), (9, other.pk)]
    assert await hall.agents.sweep() == 0
    hall.clock.turn(60)
    with pytest.raises(SessionNotFound):
        await hall.enter(session_id, key)
    assert await hall.agents.sweep() == 1
    assert hall.cuts.here == [(session.pk, None), (9, other.pk)]


async def test_revoking_cuts_off_who_came_with_the_key_and_is_written_down(hall: Hall) -> None:
    mine, key = await hall.agents.create(AgentPlan(name="mine"))
    _, session = await hall.session("bound", mine)
    hall.cuts.here = [(session.pk, mine.pk), (session.pk, mine.pk), (session.pk, None)]
    assert await hall.agents.revoke("mine") == 2
    assert hall.cuts.here == [(session.pk, None)]
    with pytest.raises(SessionNotFound):
        await hall.enter(None, key)
    assert await hall.agents.revoke("nobody") is None
    assert hall.audit.told() == [
        ("agent.created", "key:mine", "ok"),
        ("agent.revoked", "key:mine", "ok"),
    ]


async def test_readers_are_cut_off_even_when_the_audit_fails(hall: Hall) -> None:
    mine, _ = await hall.agents.create(AgentPlan(name="mine"))
    hall.cuts.here = [(1, mine.pk)]
    hall.audit.broken = True
    with pytest.raises(StorageUnavailable):
        await hall.agents.revoke("mine")
    assert hall.cuts.here == []


async def test_another_key_ends_the_old_one_and_keeps_the_sessions(hall: Hall) -> None:
    mine, old = await hall.agents.create(AgentPlan(name="mine"))
    session_id, session = await hall.session("bound", mine)
    hall.cuts.here = [(session.pk, mine.pk)]
    _, new = await hall.agents.create(AgentPlan(name="mine"), replace=True)
    assert hall.cuts.here == []
    assert (await hall.enter(session_id, new)).session == session
    with pytest.raises(SessionNotFound):
        await hall.enter(session_id, old)


async def test_who_reads_a_session_without_the_key_it_is_given_to_is_cut_off(hall: Hall) -> None:
    session_id, session = await hall.session("given")
    _, other = await hall.session("other")
    hall.cuts.here = [(session.pk, None), (other.pk, None)]
    await hall.agents.create(AgentPlan(name="mine", opens=False), session_ids=(session_id,))
    assert hall.cuts.here == [(other.pk, None)]


async def test_wrong_plans_change_nothing(hall: Hall) -> None:
    await hall.agents.create(AgentPlan(name="mine"))
    ended, session = await hall.session("ended")
    await hall.sessions.set_state(session.pk, SessionState.ENDED)
    with pytest.raises(InvalidRequest, match="replace"):
        await hall.agents.create(AgentPlan(name="mine"))
    with pytest.raises(InvalidRequest):
        await hall.agents.create(AgentPlan(name="nobody"), replace=True)
    with pytest.raises(InvalidRequest):
        await hall.agents.create(AgentPlan(name="late", expires_at=hall.clock.now()))
    with pytest.raises(SessionNotFound):
        await hall.agents.create(AgentPlan(name="late"), session_ids=(ended,))
    assert [agent.name for agent, _ in await hall.agents.all()] == ["mine"]


async def test_a_ticket_carries_what_its_caller_may_and_no_more(hall: Hall) -> None:
    mine, key = await hall.agents.create(AgentPlan(name="mine"))
    session_id, session = await hall.session("bound", mine)
    caller = await hall.enter(session_id, key)
    held = await hall.tickets.redeem(await hall.tickets.issue(session, caller))
    assert (held.session, held.agent, held.operator) == (session, mine, False)
    by_operator = await hall.enter(session_id, OPERATOR)
    held = await hall.tickets.redeem(await hall.tickets.issue(session, by_operator))
    assert (held.session, held.operator) == (session, False)


async def test_a_ticket_dies_with_its_key_and_with_the_sessions_change_of_hands(
    hall: Hall,
) -> None:
    mine, key = await hall.agents.create(AgentPlan(name="mine"))
    session_id, session = await hall.session("bound", mine)
    ticket = await hall.tickets.issue(session, await hall.enter(session_id, key))
    await hall.agents.revoke("mine")
    with pytest.raises(SessionNotFound):
        await hall.tickets.redeem(ticket)
    free_id, free = await hall.session("free")
    ticket = await hall.tickets.issue(free, await hall.enter(free_id))
    await hall.agents.create(AgentPlan(name="other", opens=False), session_ids=(free_id,))
    with pytest.raises(SessionNotFound):
        await hall.tickets.redeem(ticket)


async def test_who_was_let_in_while_it_all_ended_is_found_out(hall: Hall) -> None:
    mine, key = await hall.agents.create(AgentPlan(name="mine"))
    session_id, session = await hall.session("bound", mine)
    caller = await hall.enter(session_id, key)
    await hall.gate.stays(caller)
    changed = replace(caller, agent=replace(mine, last4="0000"))  # its key was replaced
    with pytest.raises(SessionNotFound):
        await hall.gate.stays(changed)
    await hall.sessions.set_state(session.pk, SessionState.ENDED)
    with pytest.raises(SessionNotFound):
        await hall.gate.stays(caller)


def test_an_agent_with_types_reads_only_those() -> None:
    agent = Agent(
        pk=1,
        name="mine",
        last4="",
        stream_types=frozenset({StreamType.CONTACTS}),
        opens=True,
        created_at=0,
        expires_at=None,
        revoked_at=None,
    )
    assert [kind for kind in StreamType if agent.may_read(kind)] == [StreamType.CONTACTS]
    assert all(replace(agent, stream_types=None).may_read(kind) for kind in StreamType)
