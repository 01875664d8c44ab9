"""A session that was ended does not come back with a backup of the database."""

import logging
import shutil
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.sealed_rows import one_of_each
from support.sql_stores import DAY, NOW, SESSION_ID, consented, new_keyring, sql, sql_stores
from support.time_and_chance import TurnedClock

from scp_server.crypto.keyring import Keyring
from scp_server.domain.agents import AgentPlan
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_server.storage.sql.tombstones import FILE_NAME, Tombstones

OTHER = Secret("session-" + "R" * 43)


async def backed_up(path: Path, keys: Keyring) -> Path:
    """A backup from before one of two sessions was ended."""
    async with sql_stores(path, keys) as stores:
        await consented(stores.sessions, OTHER)
        session = await consented(stores.sessions)
    backup = path.with_name("backup.db")
    shutil.copy2(path, backup)
    async with sql_stores(path, keys) as stores:
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
    return backup


def restore(backup: Path, path: Path) -> None:
    """Put a backup in the database's place, as an operator does with the server stopped."""
    shutil.copy2(backup, path)


async def test_a_session_ended_after_a_backup_is_ended_again_when_it_is_restored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, keys = tmp_path / "scp.db", new_keyring()
    restore(await backed_up(path, keys), path)
    assert sql(path, "SELECT count(*) FROM vault") == [(2,)]
    with caplog.at_level(logging.WARNING):
        async with sql_stores(path, keys) as stores:
            session = await stores.sessions.find(SESSION_ID)
            assert session is not None
            assert session.state is SessionState.ENDED
            assert await stores.sessions.grant(session.pk) is None
            other = await stores.sessions.find(OTHER)
            assert other is not None
            assert other.state is SessionState.ACTIVE
    assert "1 sessions and agents' keys that had been ended" in caplog.text
    assert sql(path, "SELECT count(*) FROM vault") == [(1,)]


async def test_nothing_of_a_restored_session_that_was_ended_is_left(tmp_path: Path) -> None:
    path, keys = tmp_path / "scp.db", new_keyring()
    async with sql_stores(path, keys) as stores:
        pk = await one_of_each(stores, "a")
    shutil.copy2(path, tmp_path / "backup.db")
    async with sql_stores(path, keys) as stores:
        await stores.sessions.set_state(pk, SessionState.ENDED)
    restore(tmp_path / "backup.db", path)
    async with sql_stores(path, keys) as stores:
        assert await stores.streams.of_session(pk) == []
    assert sql(path, "SELECT account FROM sessions") == [(None,)]
    for table in ("vault", "consent_requests"):
        assert sql(path, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


@pytest.mark.parametrize("how", ["revoked", "replaced"])
async def test_an_agent_s_key_that_was_given_up_is_no_key_after_a_restore(
    tmp_path: Path, how: str
) -> None:
    path, keys = tmp_path / "scp.db", new_keyring()
    plan = AgentPlan(name="helper", stream_types=None, opens=True, expires_at=None)
    former, other = Secret("agent-" + "F" * 43), Secret("agent-" + "O" * 43)
    async with sql_stores(path, keys) as stores:
        await stores.agents.create(plan, former)
        await stores.agents.create(replace(plan, name="other"), other)
    shutil.copy2(path, tmp_path / "backup.db")
    async with sql_stores(path, keys) as stores:
        if how == "revoked":
            await stores.agents.revoke("helper", now=NOW)
        else:
            await stores.agents.replace(plan, Secret("agent-" + "N" * 43))
    restore(tmp_path / "backup.db", path)
    async with sql_stores(path, keys) as stores:
        assert await stores.agents.find(former) is None
        assert await stores.agents.find(other) is not None


async def test_without_the_file_of_endings_a_restored_session_does_come_back(
    tmp_path: Path,
) -> None:
    # What is documented, so that the test above is known to be able to fail.
    path, keys = tmp_path / "scp.db", new_keyring()
    restore(await backed_up(path, keys), path)
    (tmp_path / FILE_NAME).unlink()
    async with sql_stores(path, keys) as stores:
        session = await stores.sessions.find(SESSION_ID)
        assert session is not None
        assert session.state is SessionState.ACTIVE


async def test_a_tombstone_is_kept_until_the_session_would_have_run_out(tmp_path: Path) -> None:
    path, keys, clock = tmp_path / "scp.db", new_keyring(), TurnedClock(NOW)
    await backed_up(path, keys)
    file = tmp_path / FILE_NAME
    assert len(file.read_text().splitlines()) == 1
    clock.turn(29 * DAY)
    async with sql_stores(path, keys, clock):
        assert len(file.read_text().splitlines()) == 1
    clock.turn(2 * DAY)
    async with sql_stores(path, keys, clock):
        assert file.read_text() == ""


async def test_tombstones_are_their_owner_s_only_and_hold_no_session_id(tmp_path: Path) -> None:
    await backed_up(tmp_path / "scp.db", new_keyring())
    file = tmp_path / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SESSION_ID.reveal() not in file.read_text()


async def test_a_torn_or_foreign_line_keeps_no_server_from_starting(tmp_path: Path) -> None:
    path, keys = tmp_path / "scp.db", new_keyring()
    restore(await backed_up(path, keys), path)
    file = tmp_path / FILE_NAME
    file.write_bytes(b"\xff\x00 nonsense\n\n" + file.read_bytes() + b"abcd")
    async with sql_stores(path, keys) as stores:
        session = await stores.sessions.find(SESSION_ID)
        assert session is not None
        assert session.state is SessionState.ENDED


async def test_a_session_ends_even_where_its_tombstone_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, keys = tmp_path / "scp.db", new_keyring()
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        (tmp_path / FILE_NAME).mkdir()
        with caplog.at_level(logging.ERROR):
            await stores.sessions.set_state(session.pk, SessionState.ENDED)
        found = await stores.sessions.find(SESSION_ID)
        assert found is not None
        assert found.state is SessionState.ENDED
        (tmp_path / FILE_NAME).rmdir()
    assert "cannot be written" in caplog.text


def test_processes_that_add_at_once_lose_no_line(tmp_path: Path) -> None:
    stones = Tombstones(tmp_path / FILE_NAME)

    def add(start: int) -> None:
        for number in range(start, start + 50):
            stones.add(number.to_bytes(32, "big"), NOW + number)

    adding = [threading.Thread(target=add, args=(1000 * thread,)) for thread in range(4)]
    for each in adding:
        each.start()
    for each in adding:
        each.join()
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 200
