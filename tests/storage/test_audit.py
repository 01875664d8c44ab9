"""The audit trail."""

from pathlib import Path

import anyio
import pytest
from msgspec import structs
from support.sql_stores import NOW, new_keyring, sql, sql_stores

from scp_server.domain.errors import InvalidRequest, StorageUnavailable
from scp_server.ports.audit import AuditEntry, AuditQuery

ENTRY = AuditEntry(
    at=NOW,
    session_pk=1,
    action="delivered",
    actor="agent:helper",
    stream_id="stream-1",
    stream_type="gmail_messages",
    items=2,
    size=2048,
    item_ids=("CANARY-1", "CANARY-2"),
)


def numbered(number: int, session_pk: int | None = 1) -> AuditEntry:
    return AuditEntry(at=NOW, session_pk=session_pk, action=f"act.{number}", actor="user")


async def test_a_row_says_who_did_what_and_holds_only_hashes_of_item_ids(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        await stores.audit.record(ENTRY, ENTRY)
        ((hashes,), (again,)) = sql(path, "SELECT item_ids FROM audit")
        row, _ = (await stores.audit.page(AuditQuery(session_pk=1))).entries
    assert row == AuditEntry(
        at=NOW,
        session_pk=1,
        action="delivered",
        actor="agent:helper",
        stream_id="stream-1",
        stream_type="gmail_messages",
        items=2,
        size=2048,
    )
    assert len(hashes) == 32
    assert hashes[:16] != hashes[16:]
    # The same item can be found again.
    assert hashes == again


async def test_hashes_of_items_differ_between_servers(tmp_path: Path) -> None:
    found = []
    for name in ("one.db", "two.db"):
        async with sql_stores(tmp_path / name) as stores:
            await stores.audit.record(ENTRY)
        found += sql(tmp_path / name, "SELECT item_ids FROM audit")
    assert found[0] != found[1]


async def test_the_newest_rows_of_a_session_come_first_and_older_ones_by_the_cursor(
    tmp_path: Path,
) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        for number in range(5):
            await stores.audit.record(numbered(number))
        await stores.audit.record(numbered(9, session_pk=2), numbered(8, session_pk=None))
        query = AuditQuery(session_pk=1, limit=3)
        first = await stores.audit.page(query)
        assert [row.action for row in first.entries] == ["act.4", "act.3", "act.2"]
        second = await stores.audit.page(structs.replace(query, cursor=first.cursor))
        assert [row.action for row in second.entries] == ["act.1", "act.0"]
        assert second.cursor is None
        everybody = await stores.audit.page(AuditQuery(limit=2))
        assert [row.action for row in everybody.entries] == ["act.8", "act.9"]


async def test_rows_can_be_asked_for_by_action_and_time(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        for number in range(4):
            await stores.audit.record(structs.replace(numbered(number % 2), at=NOW + number))
        query = AuditQuery(action="act.1", since=NOW + 1, until=NOW + 3)
        assert [row.at for row in (await stores.audit.page(query)).entries] == [NOW + 1]


@pytest.mark.parametrize("whose", [None, 2])
async def test_a_cursor_leads_only_through_the_pages_it_is_of(
    tmp_path: Path, whose: int | None
) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        await stores.audit.record(numbered(1), numbered(2))
        cursor = (await stores.audit.page(AuditQuery(session_pk=1, limit=1))).cursor
        assert cursor is not None
        for bad in (cursor, cursor[:-2], "made-up", ""):
            with pytest.raises(InvalidRequest, match="cursor"):
                await stores.audit.page(AuditQuery(session_pk=whose, cursor=bad))


async def test_many_rows_at_once_are_all_durable_in_order(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        async with anyio.create_task_group() as tasks:
            for number in range(0, 300, 3):
                tasks.start_soon(stores.audit.record, *map(numbered, range(number, number + 3)))
        assert sql(path, "SELECT action FROM audit ORDER BY seq") == [
            (f"act.{number}",) for number in range(300)
        ]


async def test_recording_nothing_needs_no_database(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        await stores.audit.record()
        assert (await stores.audit.page(AuditQuery(session_pk=1))).entries == []


async def test_an_item_has_another_hash_in_each_session(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        await stores.audit.record(ENTRY, structs.replace(ENTRY, session_pk=2))
        (one,), (other,) = sql(path, "SELECT item_ids FROM audit")
    assert one != other


async def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        sql(tmp_path / "scp.db", "DROP TABLE audit")
        with pytest.raises(StorageUnavailable):
            await stores.audit.record(ENTRY)
