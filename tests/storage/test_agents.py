"""Agents in SQL: keys are hashes, names are given once, what is changed is seen at once."""

from pathlib import Path

from support.sql_stores import NOW, all_bytes, pending, sql, sql_stores

from scp_server.domain.agents import AgentPlan
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_wire.stream_types import StreamType

KEY = Secret("agent-" + "K" * 43)
OTHER = Secret("agent-" + "L" * 43)
PLAN = AgentPlan(
    name="mail-sorter", stream_types=frozenset({StreamType.GMAIL_MESSAGES}), expires_at=NOW + 60
)


async def test_an_agent_is_found_by_its_key_after_a_restart_and_its_key_is_not_on_the_disk(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        made = await stores.agents.create(PLAN, KEY)
        assert made is not None
        assert await stores.agents.find(KEY) == made
        assert await stores.agents.find(OTHER) is None
        assert await stores.agents.get(made.pk) == made
    assert made.stream_types == PLAN.stream_types
    assert made.last4 == "KKKK"
    assert made.alive(NOW)
    assert not made.alive(NOW + 60)
    assert KEY.reveal().encode() not in all_bytes(tmp_path)
    assert sql(path, "SELECT name FROM agents") == [("mail-sorter",)]


async def test_a_name_is_given_once_even_when_its_key_was_taken_back(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        made = await stores.agents.create(PLAN, KEY)
        assert await stores.agents.create(PLAN, OTHER) is None
        revoked = await stores.agents.revoke("mail-sorter", now=NOW + 1)
        assert made is not None
        assert revoked is not None
        assert (revoked.pk, revoked.revoked_at) == (made.pk, NOW + 1)
        assert await stores.agents.create(PLAN, OTHER) is None


async def test_a_key_that_was_taken_back_is_unknown_at_once(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        await stores.agents.create(PLAN, KEY)
        assert await stores.agents.find(KEY) is not None
        await stores.agents.revoke("mail-sorter", now=NOW)
        assert await stores.agents.find(KEY) is None
        assert await stores.agents.revoke("nobody", now=NOW) is None
    assert sql(path, "SELECT key_hash FROM agents") == [(None,)]


async def test_another_key_keeps_the_agent_and_its_sessions(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        made = await stores.agents.create(PLAN, KEY)
        assert made is not None
        session = await pending(stores.sessions)
        await stores.sessions.bind(session.pk, made.pk, agent_id=made.name)
        await stores.agents.find(KEY)
        again = await stores.agents.replace(AgentPlan(name="mail-sorter"), OTHER)
        assert again is not None
        assert (again.pk, again.last4, again.stream_types) == (made.pk, "LLLL", None)
        assert await stores.agents.find(KEY) is None
        assert await stores.agents.find(OTHER) == again
        assert await stores.agents.replace(AgentPlan(name="nobody"), KEY) is None
        bound = await stores.sessions.get(session.pk)
        assert bound is not None
        assert (bound.agent_pk, bound.agent_id) == (made.pk, "mail-sorter")
        assert await stores.agents.all() == [(again, 1)]
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
        assert await stores.agents.all() == [(again, 0)]


async def test_a_session_that_has_ended_is_given_to_nobody(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await pending(stores.sessions)
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
        await stores.sessions.bind(session.pk, 7, agent_id="mail-sorter")
        after = await stores.sessions.get(session.pk)
        assert after is not None
        assert after.agent_pk is None
