"""Looking after the audit trail: purged, exported, and a user's part of it erased."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs
from support.sql_stores import NOW, consented, new_keyring, sql, sql_stores
from support.time_and_chance import TurnedClock

from scp_server.crypto.seals import KeyringSeals
from scp_server.ports.audit import AuditEntry
from scp_server.storage.sql.audit_keeping import PURGED_AT_ONCE, Purged, Slice
from scp_server.storage.sql.audit_salts import item_hash
from scp_server.storage.sql.database import Stores

ITEM = "item-CANARY"


def entry(number: int, session_pk: int = 1) -> AuditEntry:
    return AuditEntry(
        at=NOW + number,
        session_pk=session_pk,
        action="delivered",
        actor="agent:a\r\n\x1b[31mred",
        items=1,
        item_ids=(ITEM,),
    )


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """Twenty rows, a second apart."""
    async with sql_stores(tmp_path / "scp.db") as made:
        for number in range(20):
            await made.audit.record(entry(number))
        yield made


def kept(folder: Path) -> list[float]:
    return [at - NOW for (at,) in sql(folder / "scp.db", "SELECT at FROM audit ORDER BY seq")]


# -- purging --------------------------------------------------------------------------------------


async def test_after_a_purge_the_rest_of_the_trail_is_whole(tmp_path: Path, stores: Stores) -> None:
    assert (await stores.keeping.purge(before=NOW + 12, actor="operator")).rows == 12
    assert kept(tmp_path) == [*map(float, range(12, 20)), 0.0]  # the last one tells of the purge
    found = await stores.keeping.verify()
    assert (found.rows, found.purged, found.fault) == (9, 12, None)
    assert sql(tmp_path / "scp.db", "SELECT action, actor, items FROM audit WHERE seq = 21") == [
        ("audit.purged", "operator", 12)
    ]


async def test_a_trail_can_be_purged_again_and_wholly_and_goes_on(stores: Stores) -> None:
    for until in (5, 12, 1000):
        await stores.keeping.purge(before=NOW + until, actor="server")
        assert (await stores.keeping.verify()).fault is None
    await stores.audit.record(entry(2000))
    found = await stores.keeping.verify()
    assert (found.rows, found.fault) == (2, None)
    assert (await stores.keeping.purge(before=NOW - 1, actor="server")).rows == 0


async def test_more_rows_than_one_transaction_takes_are_purged(
    tmp_path: Path, stores: Stores
) -> None:
    await stores.audit.record(*(entry(20 + number) for number in range(2 * PURGED_AT_ONCE)))
    gone = await stores.keeping.purge(before=NOW + 2000, actor="server")
    assert gone == Purged(rows=2000, fault=None)
    assert kept(tmp_path)[0] == 2000.0
    assert (await stores.keeping.verify()).fault is None


async def test_chains_of_several_processes_are_purged_together(
    tmp_path: Path,
) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as one, sql_stores(path, keys) as other:
        for number in range(0, 20, 2):
            await one.audit.record(entry(number))
            await other.audit.record(entry(number + 1))
        assert (await one.keeping.purge(before=NOW + 13, actor="server")).rows == 13
        await other.audit.record(entry(30))
        found = await other.keeping.verify()
    assert (found.rows, found.purged, found.chains, found.fault) == (9, 13, 2, None)


async def test_a_row_that_is_not_old_enough_keeps_what_was_written_after_it(
    tmp_path: Path, stores: Stores
) -> None:
    await stores.audit.record(entry(-500))  # the clock was turned back
    assert (await stores.keeping.purge(before=NOW + 10, actor="server")).rows == 10
    assert -500.0 in kept(tmp_path)


async def test_purging_by_hand_what_was_not_purged_is_found(tmp_path: Path, stores: Stores) -> None:
    await stores.keeping.purge(before=NOW + 5, actor="server")
    for statement in ("DROP TRIGGER audit_is_not_deleted", "DELETE FROM audit WHERE n <= 7"):
        sql(tmp_path / "scp.db", statement)
    fault = (await stores.keeping.verify()).fault
    assert fault is not None
    assert (fault.kind, fault.n) == ("missing", 6)


async def test_a_purge_does_not_hide_what_was_meddled_with(tmp_path: Path, stores: Stores) -> None:
    for statement in ("DROP TRIGGER audit_is_not_deleted", "DELETE FROM audit WHERE n = 10"):
        sql(tmp_path / "scp.db", statement)
    gone = await stores.keeping.purge(before=NOW + 15, actor="server")
    assert gone.rows == 9
    for fault in (gone.fault, (await stores.keeping.verify()).fault):
        assert fault is not None
        assert (fault.kind, fault.n) == ("missing", 10)


async def test_the_server_keeps_what_is_not_older_than_its_setting_and_0_keeps_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, clock=TurnedClock(NOW + 30 * 86_400.0)) as stores:
        await stores.audit.record(*(entry(day * 86_400) for day in range(30)))
        await stores.keeping.keep(0)
        assert len(kept(tmp_path)) == 30
        await stores.keeping.keep(10)
        assert min(kept(tmp_path)) == 20 * 86_400
        assert caplog.messages == []
        for statement in ("DROP TRIGGER audit_is_not_changed", "UPDATE audit SET items = 9"):
            sql(path, statement)
        await stores.keeping.keep(5)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "meddled" in caplog.messages[0]


# -- exporting ------------------------------------------------------------------------------------


async def exported(stores: Stores, rows: Slice) -> list[bytes]:
    lines: list[bytes] = []
    await stores.keeping.export(lines.append, rows)
    return lines


async def test_an_export_has_a_line_for_each_row_and_a_manifest_at_its_end(
    tmp_path: Path, stores: Stores
) -> None:
    lines = await exported(stores, Slice())
    *rows, last = map(json.loads, lines)
    assert len(rows) == 20
    assert rows[0]["at"] == "2027-01-15T08:00:00.000Z"
    ((hashes, made),) = sql(tmp_path / "scp.db", "SELECT item_ids, hash FROM audit WHERE seq = 1")
    assert (rows[0]["item_hashes"], rows[0]["hash"]) == ([hashes.hex()], made.hex())
    manifest = last["manifest"]
    assert (manifest["rows"], manifest["heads"][0][:2]) == (20, [1, 20])
    assert ITEM.encode() not in b"".join(lines)


async def test_no_text_can_make_a_second_line_or_colour_a_terminal(stores: Stores) -> None:
    lines = await exported(stores, Slice())
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)
    assert not any(b < 32 for line in lines for b in line[:-1])
    assert json.loads(lines[0])["actor"] == entry(0).actor


async def test_an_export_can_be_of_one_session_and_of_a_time(stores: Stores) -> None:
    await stores.audit.record(*(entry(number, session_pk=2) for number in range(5)))
    *rows, last = map(json.loads, await exported(stores, Slice(session_pk=2)))
    assert [row["session"] for row in rows] == [2] * 5
    assert (last["manifest"]["rows"], last["manifest"]["session"]) == (5, 2)
    some = await exported(stores, Slice(session_pk=1, since=NOW + 3, until=NOW + 5))
    assert len(some) == 2 + 1


@pytest.mark.parametrize("damage", ["cut", "changed", "manifest", "foreign", "empty", "text"])
async def test_an_export_that_is_not_whole_is_not_believed(
    tmp_path: Path, stores: Stores, damage: str
) -> None:
    lines = await exported(stores, Slice())
    if damage == "foreign":
        async with sql_stores(tmp_path / "other.db") as other:
            lines = await exported(other, Slice())
    damaged = {
        "cut": lines[1:],
        "changed": [lines[0].replace(b"delivered", b"nothing!!"), *lines[1:]],
        "manifest": [*lines[:-1], lines[-1].replace(b"[1,20,", b"[1,19,")],
        "foreign": lines,
        "empty": [],
        "text": [b"not json\n"],
    }[damage]
    with pytest.raises(ValueError, match=r"manifest|written"):
        stores.keeping.manifest(iter(damaged))


# -- erasing --------------------------------------------------------------------------------------


async def test_after_an_erasure_no_hash_can_be_made_again_and_the_trail_is_whole(
    tmp_path: Path,
) -> None:
    path, keys = tmp_path / "scp.db", new_keyring()
    seals = KeyringSeals(keys)
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        await stores.audit.record(entry(1, session.pk), entry(1, session.pk + 1))
        ((salt,),) = sql(path, "SELECT salt FROM audit_salts WHERE session_pk = ?", session.pk)
        ((stored,),) = sql(path, "SELECT item_ids FROM audit WHERE seq = 1")
        # Whoever has keys and database can find an item until then.
        assert item_hash(seals.fingerprint("audited item", salt), ITEM) == stored
        assert await stores.keeping.erase(session.pk, actor="operator")
        assert not await stores.keeping.erase(session.pk, actor="operator")
        assert (await stores.keeping.verify()).fault is None
        assert salt not in path.read_bytes() + path.with_name("scp.db-wal").read_bytes()
        left = sql(path, "SELECT session_pk FROM audit_salts")
        rows = sql(path, "SELECT action, session_pk FROM audit WHERE seq > 2")
    assert left == [(session.pk + 1,)]
    assert rows == [("audit.erased", session.pk)] * 2


async def test_the_salts_of_forgotten_sessions_go_with_their_rows(
    tmp_path: Path, stores: Stores
) -> None:
    session = await consented(stores.sessions)
    await stores.audit.record(structs.replace(entry(1), session_pk=session.pk))
    await stores.audit.record(structs.replace(entry(1), session_pk=77))
    await stores.keeping.purge(before=NOW + 500, actor="server")
    # A session that is alive keeps its own: its next rows may be written already.
    assert sql(tmp_path / "scp.db", "SELECT session_pk FROM audit_salts") == [(session.pk,)]
