"""The audit trail's chain: whatever is done to the rows, the first one that is wrong is named."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sql_stores import NOW, new_keyring, sql, sql_stores

from scp_server.crypto.keyring import Keyring
from scp_server.crypto.seals import KeyringSeals
from scp_server.domain.errors import StorageUnavailable
from scp_server.ports.audit import AuditEntry
from scp_server.storage.sql import audit_verify as kinds
from scp_server.storage.sql.audit_keeping import Slice
from scp_server.storage.sql.audit_marks import Marks
from scp_server.storage.sql.audit_verify import Verified
from scp_server.storage.sql.database import Stores

ROWS = 12
TIMES = 50 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 1
"""As many examples as otherwise."""
COLUMNS = {
    "at": NOW + 1.0,
    "session_pk": 99,
    "action": "consent.granted",
    "actor": "operator",
    "result": "TOKEN_EXPIRED",
    "stream_id": "stream-other",
    "stream_type": "files",
    "items": 41,
    "size": 42,
    "item_ids": b"\x01" * 16,
    "hash": b"\x02" * 16,
}
PUT_BACK = "SELECT sql FROM sqlite_master WHERE type = 'trigger'"


def entry(number: int, at: float = NOW) -> AuditEntry:
    return AuditEntry(
        at=at + number,
        session_pk=1 + number % 2,
        action="delivered",
        actor="session",
        stream_id="stream-1",
        stream_type="gmail_messages",
        items=1,
        size=number,
        item_ids=(f"item-{number}",),
    )


def meddle(path: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Change the database as somebody with the file can: the triggers do not stop them."""
    connection = sqlite3.connect(path)
    triggers = [name for (name,) in connection.execute(PUT_BACK.replace("sql FROM", "name FROM"))]
    for name in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        text, values = statement if isinstance(statement, tuple) else (statement, ())
        connection.execute(text, values)
    connection.commit()
    connection.close()


async def verified(path: Path, keys: Keyring) -> Verified:
    async with sql_stores(path, keys) as stores:
        return await stores.keeping.verify()


@dataclass
class Trail:
    """Twelve rows in one chain, copied for each thing that is done to them."""

    path: Path
    keys: Keyring
    copies: int = 0

    def copy(self) -> Path:
        self.copies += 1
        copy = self.path.with_name(f"copy-{self.copies}.db")
        copy.write_bytes(self.path.read_bytes())
        return copy


async def written(trail: Trail) -> None:
    async with sql_stores(trail.path, trail.keys) as stores:
        for number in range(0, ROWS, 3):
            await stores.audit.record(*map(entry, range(number, number + 3)))


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    made = Trail(tmp_path / "scp.db", new_keyring())
    anyio.run(written, made)
    return made


async def test_a_trail_that_nobody_touched_is_whole(trail: Trail) -> None:
    found = await verified(trail.path, trail.keys)
    assert found == Verified(rows=ROWS, chains=1, purged=0, unchained=0, fault=None)


async def test_each_start_begins_a_chain_and_all_are_verified(trail: Trail) -> None:
    for number in range(3):
        async with sql_stores(trail.path, trail.keys) as stores:
            await stores.audit.record(entry(number))
    found = await verified(trail.path, trail.keys)
    assert (found.rows, found.chains, found.fault) == (ROWS + 3, 4, None)


async def test_several_processes_write_one_trail_at_the_same_time(trail: Trail) -> None:
    async def write(stores: Stores) -> None:
        for number in range(20):
            await stores.audit.record(entry(number))

    async with (
        sql_stores(trail.path, trail.keys) as one,
        sql_stores(trail.path, trail.keys) as other,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(write, one)
        tasks.start_soon(write, other)
    found = await verified(trail.path, trail.keys)
    assert (found.rows, found.chains, found.fault) == (ROWS + 40, 3, None)


async def test_a_trail_of_other_keys_does_not_verify(trail: Trail) -> None:
    mine, other = (Marks(KeyringSeals(keys)) for keys in (trail.keys, new_keyring()))
    row = {"chain": 1, "n": 1, "session_pk": 1, "item_ids": b"", **dict.fromkeys(COLUMNS)}
    row |= {"at": NOW}
    assert mine.row(b"", row) != other.row(b"", row)


@settings(
    max_examples=40 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    row=st.integers(1, ROWS),
    column=st.sampled_from(sorted(COLUMNS)),
    value=st.sampled_from(["as in COLUMNS", "", None, 0, -1, 2.5, b"", b"\xff" * 16]),
)
def test_any_column_of_any_row_that_is_changed_names_that_row(
    trail: Trail, row: int, column: str, value: object
) -> None:
    new = COLUMNS[column] if value == "as in COLUMNS" else value
    copy = trail.copy()
    ((old,),) = sql(copy, f"SELECT {column} FROM audit WHERE seq = ?", row)  # noqa: S608
    try:
        meddle(copy, (f"UPDATE audit SET {column} = ? WHERE seq = ?", (new, row)))  # noqa: S608
    except sqlite3.IntegrityError:
        return  # a NOT NULL column
    ((stored,),) = sql(copy, f"SELECT {column} FROM audit WHERE seq = ?", row)  # noqa: S608
    fault = anyio.run(verified, copy, trail.keys).fault
    copy.unlink()
    if (type(stored), stored) == (type(old), old):
        assert fault is None
    else:
        assert fault is not None
        assert (fault.kind, fault.seq, fault.n) == (kinds.CHANGED, row, row)


@settings(
    max_examples=15 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(gone=st.sets(st.integers(1, ROWS), min_size=1))
def test_whatever_rows_are_deleted_the_first_of_them_is_named(trail: Trail, gone: set[int]) -> None:
    copy = trail.copy()
    marks = ", ".join("?" * len(gone))
    meddle(copy, (f"DELETE FROM audit WHERE seq IN ({marks})", tuple(gone)))  # noqa: S608
    fault = anyio.run(verified, copy, trail.keys).fault
    copy.unlink()
    assert fault is not None
    assert fault.n == min(gone)
    at_the_end = gone == set(range(min(gone), ROWS + 1))
    assert fault.kind == (kinds.CUT_OFF if at_the_end else kinds.MISSING)


@settings(
    max_examples=15 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.permutations(range(1, ROWS + 1)))
def test_however_rows_are_reordered_the_first_wrong_place_is_named(
    trail: Trail, order: list[int]
) -> None:
    copy = trail.copy()
    moves = [("UPDATE audit SET seq = ? WHERE n = ?", (1000 + k, n)) for k, n in enumerate(order)]
    meddle(copy, *moves)
    fault = anyio.run(verified, copy, trail.keys).fault
    copy.unlink()
    wrong = [n for n, found in enumerate(order, 1) if n != found]
    if not wrong:
        assert fault is None
    else:
        assert fault is not None
        assert (fault.kind, fault.n) == (kinds.MISSING, wrong[0])


def copied(place: str) -> str:
    """A statement that copies row 4, to another place in a chain."""
    return (
        "INSERT INTO audit SELECT 100, at, session_pk, action, actor, result, stream_id,"  # noqa: S608
        f" stream_type, items, size, item_ids, {place}, hash FROM audit WHERE seq = 4"
    )


FORGERIES: dict[str, tuple[tuple[str, ...], str]] = {
    "a row is put in twice": ((copied("chain, n"),), kinds.MISPLACED),
    "a row is added at the end": ((copied("chain, 13"),), kinds.CHANGED),
    "a row without a chain is added": ((copied("NULL, NULL"),), kinds.ADDED),
    "a row is moved to a chain that is none": (
        ("UPDATE audit SET chain = 7 WHERE seq = 1",),
        kinds.ADDED,
    ),
    "the end is cut off, and the record made to fit": (
        (
            "DELETE FROM audit WHERE seq > 9",
            "UPDATE audit_chains SET n = 9, hash = (SELECT hash FROM audit WHERE seq = 9)",
        ),
        kinds.RECORD,
    ),
    "the beginning is deleted as if it had been purged": (
        (
            "INSERT INTO audit_purges SELECT chain, n, hash, at, hash FROM audit WHERE seq = 5",
            "DELETE FROM audit WHERE seq <= 5",
        ),
        kinds.RECORD,
    ),
    "the chain is taken away": (("DELETE FROM audit_chains",), kinds.ADDED),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_forgeries_are_found(trail: Trail, forgery: str) -> None:
    statements, kind = FORGERIES[forgery]
    meddle(trail.path, *statements)
    fault = (await verified(trail.path, trail.keys)).fault
    assert fault is not None
    assert fault.kind == kind


async def test_a_chain_that_is_taken_away_altogether_is_missed_by_the_next_one(
    trail: Trail,
) -> None:
    async with sql_stores(trail.path, trail.keys) as stores:
        await stores.audit.record(entry(1))
    meddle(
        trail.path,
        "DELETE FROM audit WHERE chain = 1",
        "DELETE FROM audit_chains WHERE chain = 1",
    )
    fault = (await verified(trail.path, trail.keys)).fault
    assert fault is not None
    assert (fault.kind, fault.chain) == (kinds.RECORD, 1)


async def test_an_older_copy_put_back_is_seen_by_an_export_kept_elsewhere_and_only_by_that(
    trail: Trail,
) -> None:
    older = trail.copy()
    lines: list[bytes] = []
    async with sql_stores(trail.path, trail.keys) as stores:
        await stores.audit.record(entry(1))
        await stores.keeping.export(lines.append, Slice())
    async with sql_stores(older, trail.keys) as stores:
        assert (await stores.keeping.verify()).fault is None
        known = stores.keeping.manifest(iter(lines))
        fault = (await stores.keeping.verify(known=known)).fault
    assert fault is not None
    assert (fault.kind, fault.chain) == (kinds.RECORD, 2)


async def test_a_trail_that_grew_since_the_export_still_fits_it(trail: Trail) -> None:
    lines: list[bytes] = []
    async with sql_stores(trail.path, trail.keys) as stores:
        await stores.audit.record(entry(1))
        await stores.keeping.export(lines.append, Slice())
        await stores.audit.record(entry(2))
        known = stores.keeping.manifest(iter(lines))
        assert (await stores.keeping.verify(known=known)).fault is None


async def test_only_the_rows_from_a_time_on_are_looked_at_when_asked(trail: Trail) -> None:
    meddle(trail.path, "UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    async with sql_stores(trail.path, trail.keys) as stores:
        late = await stores.keeping.verify(since=NOW + 5)
        assert (late.rows, late.fault) == (ROWS - 5, None)
        assert (await stores.keeping.verify(since=NOW + 1)).fault is not None
        never = await stores.keeping.verify(since=NOW + 10_000)
        assert (never.rows, never.fault) == (0, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit WHERE seq = 12",
        "DELETE FROM audit_chains",
        "UPDATE audit_chains SET n = 1",
        "UPDATE audit_chains SET links = '[]', started_at = 0",
    ],
)
async def test_the_database_refuses_to_change_or_delete_rows(trail: Trail, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="audit trail"):
        sql(trail.path, statement)


async def test_after_a_write_that_failed_the_trail_goes_on_in_a_new_chain(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        await stores.audit.record(entry(1))
        held = sqlite3.connect(path, isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageUnavailable):
            await stores.audit.record(entry(5))
        held.execute("ROLLBACK")
        held.close()
        await stores.audit.record(entry(3))
        found = await stores.keeping.verify()
    assert (found.rows, found.chains, found.fault) == (2, 2, None)


async def test_rows_from_before_the_chains_are_counted_and_no_fault(trail: Trail) -> None:
    copy = trail.copy()
    meddle(copy, "DELETE FROM audit_chains", "UPDATE audit SET chain = NULL, n = NULL, hash = NULL")
    async with sql_stores(copy, trail.keys) as stores:
        await stores.audit.record(entry(1))
        found = await stores.keeping.verify()
    assert (found.rows, found.unchained, found.fault) == (1, ROWS, None)
