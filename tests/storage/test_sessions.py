"""Sessions in SQL: what is in the rows, what survives, what a stranger can do with the file."""

from pathlib import Path

import anyio
import pytest
from support.sql_stores import (
    ACCOUNT,
    DAY,
    NOW,
    SESSION_ID,
    a_grant,
    all_bytes,
    consented,
    new_keyring,
    pending,
    sql,
    sql_stores,
)

from scp_server.domain.errors import SealBroken, SessionNotFound
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import ConsentRequest, SessionState
from scp_wire.stream_types import Provider

OTHER_ID = Secret("session-" + "R" * 43)


async def test_sessions_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        grant = await stores.sessions.grant(session.pk)
    async with sql_stores(path, keys) as stores:
        assert await stores.sessions.find(SESSION_ID) == session
        assert await stores.sessions.grant(session.pk) == grant


async def test_a_session_that_has_ended_cannot_be_consented_to_again(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await pending(stores.sessions)
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
        with pytest.raises(SessionNotFound):
            await stores.sessions.activate(session.pk, ACCOUNT, a_grant(), expires_at=NOW + DAY)
        assert await stores.sessions.grant(session.pk) is None


async def test_ending_a_session_leaves_no_key_no_token_no_account_and_no_request(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        session = await consented(stores.sessions)
        await stores.sessions.open_request(Secret("token"), a_request(session.pk))
        ((sealed,),) = sql(path, "SELECT tokens FROM vault")
        ((wrapped,),) = sql(path, "SELECT wrapped_key FROM vault")
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
        assert sql(path, "SELECT * FROM vault") == []
        assert sql(path, "SELECT * FROM consent_requests") == []
        assert sql(path, "SELECT state, account FROM sessions") == [("ended", None)]
        assert await stores.sessions.take_request(Secret("token"), now=NOW) is None
        # Neither in free pages nor in the write-ahead log, while the server still runs.
        held = all_bytes(tmp_path)
        for blob in (sealed, wrapped):
            assert blob.rsplit(".", 1)[1].encode()[:32] not in held


async def test_opening_a_request_for_an_ended_session_is_refused(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await pending(stores.sessions)
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
        with pytest.raises(SessionNotFound):
            await stores.sessions.open_request(Secret("token"), a_request(session.pk))


async def test_a_key_is_never_given_to_a_second_session(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        first = await pending(stores.sessions)
        await stores.sessions.set_state(first.pk, SessionState.ENDED)
        await stores.streams.tidy(now=NOW + 8 * DAY)
        assert await stores.sessions.get(first.pk) is None
        second = await pending(stores.sessions)
        assert second.pk > first.pk


@pytest.mark.parametrize("column", ["tokens", "wrapped_key"])
async def test_a_row_of_another_session_s_vault_does_not_open(tmp_path: Path, column: str) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        victim = await consented(stores.sessions)
        thief = await consented(stores.sessions, OTHER_ID)
    sql(
        path,
        f"UPDATE vault SET {column} = (SELECT {column} FROM vault WHERE session_pk = ?)"  # noqa: S608  (a column)
        " WHERE session_pk = ?",
        victim.pk,
        thief.pk,
    )
    async with sql_stores(path, keys) as stores:
        with pytest.raises(SealBroken):
            await stores.sessions.grant(thief.pk)
        assert await stores.sessions.grant(victim.pk) is not None


async def test_a_whole_vault_of_another_session_does_not_open(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        victim = await consented(stores.sessions)
        thief = await consented(stores.sessions, OTHER_ID)
    sql(path, "DELETE FROM vault WHERE session_pk = ?", thief.pk)
    sql(path, "UPDATE vault SET session_pk = ? WHERE session_pk = ?", thief.pk, victim.pk)
    async with sql_stores(path, keys) as stores:
        with pytest.raises(SealBroken):
            await stores.sessions.grant(thief.pk)


async def test_an_account_sealed_as_tokens_does_not_open(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
    sql(path, "UPDATE sessions SET account = (SELECT tokens FROM vault)")
    async with sql_stores(path, keys) as stores:
        with pytest.raises(SealBroken):
            await stores.sessions.get(session.pk)


async def test_a_damaged_account_does_not_keep_sessions_from_being_ended(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        damaged = await consented(stores.sessions)
        sound = await consented(stores.sessions, OTHER_ID)
    sql(path, "UPDATE sessions SET account = 'scp1.x' WHERE pk = ?", damaged.pk)
    async with sql_stores(path, keys) as stores:
        overdue = await stores.sessions.overdue(now=NOW + 31 * DAY)
        assert [(each.pk, each.account) for each in overdue] == [
            (damaged.pk, None),
            (sound.pk, ACCOUNT),
        ]


async def test_a_request_moved_to_another_token_does_not_open(tmp_path: Path) -> None:
    # Who can write to the database must not get another's flow under a token of their own.
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        session = await pending(stores.sessions)
        for name in ("first", "second"):
            await stores.sessions.open_request(Secret(name), a_request(session.pk))
        (first, second) = sql(path, "SELECT token_hash FROM consent_requests ORDER BY rowid")
        sql(path, "DELETE FROM consent_requests WHERE token_hash = ?", *second)
        sql(
            path, "UPDATE consent_requests SET token_hash = ? WHERE token_hash = ?", *second, *first
        )
        with pytest.raises(SealBroken):
            await stores.sessions.take_request(Secret("second"), now=NOW)


async def test_what_is_written_is_seen_at_once_however_often_it_was_read(tmp_path: Path) -> None:
    # Reads are answered from memory: every write must be noticed.
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)
        seen: list[bool] = []
        done = anyio.Event()

        async def read() -> None:
            while not done.is_set():
                found = await stores.sessions.find(SESSION_ID)
                assert found is not None
                seen.append(found.state is SessionState.ACTIVE)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            for number in range(1, 20):
                await stores.sessions.touch(session.pk, now=NOW + number, expires_at=NOW + DAY)
                found = await stores.sessions.find(SESSION_ID)
                assert found is not None
                assert found.last_used_at == NOW + number
            await stores.sessions.set_state(session.pk, SessionState.ENDED)
            found = await stores.sessions.find(SESSION_ID)
            assert found is not None
            assert found.state is SessionState.ENDED
            done.set()
        assert seen == sorted(seen, reverse=True)


async def test_of_many_refreshes_at_once_one_is_stored(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)
        before = await stores.sessions.grant(session.pk)
        assert before is not None
        stored: list[str] = []

        async def refresh(name: str) -> None:
            if await stores.sessions.replace_grant(
                session.pk, a_grant(before.version + 1, access=name)
            ):
                stored.append(name)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(refresh, f"token-{number}")
        (winner,) = stored
        after = await stores.sessions.grant(session.pk)
        assert after is not None
        assert after.access_token == Secret(winner)


async def test_a_cancelled_write_is_finished_or_undone_and_the_store_goes_on(
    tmp_path: Path,
) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await stores.sessions.touch(session.pk, now=NOW + 9, expires_at=NOW + DAY)
        found = await stores.sessions.find(SESSION_ID)
        assert found is not None
        assert found.last_used_at in (NOW, NOW + 9)
        await stores.sessions.touch(session.pk, now=NOW + 10, expires_at=NOW + DAY)
        found = await stores.sessions.find(SESSION_ID)
        assert found is not None
        assert found.last_used_at == NOW + 10


def a_request(session_pk: int) -> ConsentRequest:
    return ConsentRequest(
        session_pk=session_pk,
        provider=Provider.GOOGLE,
        renewal=False,
        by_hand=True,
        session_id=SESSION_ID,
        return_to=None,
        expires_at=NOW + 600,
    )
