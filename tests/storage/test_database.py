"""Opening the database: rights, settings, damage, other keys, other releases."""

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from support.sql_stores import (
    NOW,
    SESSION_ID,
    a_row,
    a_stream,
    consented,
    new_keyring,
    pending,
    sql,
    sql_stores,
)

from scp_server.domain.errors import StartRefused, StorageUnavailable
from scp_server.storage.sql import sqlite
from scp_server.storage.sql.migrate import migrate
from scp_server.storage.sql.tables import METADATA


def modes(directory: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


async def test_directory_database_and_its_side_files_are_their_owner_s_only(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "made" / "data"
    async with sql_stores(directory / "scp.db") as stores:
        await pending(stores.sessions)
        assert modes(directory.parent) == {"data": 0o700}
        assert modes(directory) == {"scp.db": 0o600, "scp.db-wal": 0o600, "scp.db-shm": 0o600}


async def test_after_closing_only_the_database_is_left(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    async with sql_stores(directory / "scp.db") as stores:
        await pending(stores.sessions)
    assert modes(directory) == {"scp.db": 0o600}


async def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    sqlite3.connect(path).close()
    path.chmod(0o644)
    async with sql_stores(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_side_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path, keys := new_keyring()):
        # As a crashed server leaves them, that once ran with a database open to all.
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).chmod(0o644)
        async with sql_stores(path, keys):
            assert set(modes(tmp_path).values()) == {0o600}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o703])
async def test_a_directory_that_everybody_may_write_to_is_refused_with_the_mend(
    tmp_path: Path, mode: int
) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(StartRefused, match=f"chmod o-w {directory}"):
        async with sql_stores(directory / "scp.db"):
            pass
    assert list(directory.iterdir()) == []


def test_every_connection_has_the_settings_that_make_it_durable_and_forgetful(
    tmp_path: Path,
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'scp.db'}")
    sqlite.configure(engine)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "secure_delete",
                "busy_timeout",
                "temp_store",
            )
        }
    engine.dispose()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 3000,
        "temp_store": 2,  # MEMORY
    }


def test_the_migrations_make_exactly_the_tables_the_code_uses(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'scp.db'}")
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, METADATA)
    engine.dispose()
    assert differences == []


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine)
    schema = sql(path, "SELECT name, sql FROM sqlite_master ORDER BY name")
    migrate(engine)
    engine.dispose()
    assert sql(path, "SELECT name, sql FROM sqlite_master ORDER BY name") == schema


def test_the_partial_index_is_the_same_from_code_and_migration(tmp_path: Path) -> None:
    # compare_metadata does not look at an index's condition.
    found = []
    for name, make in (("code.db", METADATA.create_all), ("migrated.db", migrate)):
        engine = create_engine(f"sqlite:///{tmp_path / name}")
        make(engine)
        engine.dispose()
        query = "SELECT sql FROM sqlite_master WHERE name = 'uq_streams_one_active'"
        found += sql(tmp_path / name, query)
    assert found[0] == found[1]
    assert "WHERE state = 'active'" in found[0][0]


async def test_a_database_of_a_later_release_is_refused(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys):
        pass
    sql(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartRefused, match="later release"):
        async with sql_stores(path, keys):
            pass


async def test_a_database_of_other_keys_is_refused_before_anything_is_lost(
    tmp_path: Path,
) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        await consented(stores.sessions)
    with pytest.raises(StartRefused, match="do not belong to this database"):
        async with sql_stores(path, new_keyring()):
            pass
    async with sql_stores(path, keys) as stores:
        assert await stores.sessions.find(SESSION_ID) is not None


def damaged(path: Path) -> None:
    """Overwrite every page but the first with garbage."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


async def test_a_damaged_database_is_refused_with_advice(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        await consented(stores.sessions)
    damaged(path)
    with pytest.raises(StartRefused, match="is damaged"):
        async with sql_stores(path, keys):
            pass


async def test_a_file_that_is_no_database_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "scp.db"
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    with pytest.raises(StartRefused, match="damaged"):
        async with sql_stores(path):
            pass
    assert path.read_bytes().startswith(b"not a database")


async def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match="cannot be opened"):
        async with sql_stores(tmp_path / "file" / "scp.db"):
            pass


async def test_a_database_that_another_program_holds_is_an_answer_and_not_a_hang(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scp.db"
    async with sql_stores(path) as stores:
        session = await consented(stores.sessions)
        await stores.streams.create(a_stream(session.pk))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked by another program"):
            await stores.sessions.touch(session.pk, now=NOW + 1, expires_at=NOW + 2)
        await stores.ping()  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        await stores.streams.save("stream-1", a_row(1), now=NOW)
        assert await stores.streams.latest("stream-1") == a_row(1)


async def test_the_database_answers_a_ping_until_it_is_closed(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        await stores.ping()


async def test_a_failure_inside_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with sql_stores(tmp_path / "scp.db"):
            raise KeyError("mine")


async def test_errors_do_not_quote_what_was_to_be_stored(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)
        sql(tmp_path / "scp.db", "DROP TABLE streams")
        with pytest.raises(StorageUnavailable) as refused:
            await stores.streams.create(a_stream(session.pk, "stream-CANARY"))
    exc: BaseException | None = refused.value
    while exc is not None:
        assert "CANARY" not in str(exc)
        exc = exc.__cause__ or exc.__context__
