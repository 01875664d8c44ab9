"""The audit trail."""

from pathlib import Path

import anyio
import pytest
from support.sql_stores import NOW, new_keyring, sql, sql_stores

from scp_server.domain.errors import StorageUnavailable
from scp_server.ports.audit import AuditEntry

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
        (row, _) = await stores.audit.of_session(1, limit=10)
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


async def test_the_newest_rows_of_a_session_come_first(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        for number in range(5):
            await stores.audit.record(numbered(number))
        await stores.audit.record(numbered(9, session_pk=2), numbered(8, session_pk=None))
        rows = await stores.audit.of_session(1, limit=3)
        assert [row.action for row in rows] == ["act.4", "act.3", "act.2"]


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
        assert await stores.audit.of_session(1, limit=10) == []


async def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        sql(tmp_path / "scp.db", "DROP TABLE audit")
        with pytest.raises(StorageUnavailable):
            await stores.audit.record(ENTRY)
