"""Every driver error becomes ours at the border, with the advice that fits it."""

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import exc as sql_errors
from support.sql_stores import a_stream, consented, sql_stores

from scp_server.domain.errors import StorageUnavailable
from scp_server.storage.sql.failures import UNAVAILABLE, Conflict, border


def wrapped(kind: type[sql_errors.DBAPIError], orig: BaseException) -> Exception:
    return kind("SELECT 'CANARY'", {"x": "CANARY"}, orig)


@pytest.mark.parametrize(
    "exc",
    [
        sql_errors.TimeoutError("CANARY"),
        wrapped(sql_errors.OperationalError, sqlite3.OperationalError("CANARY")),
        wrapped(sql_errors.InterfaceError, sqlite3.InterfaceError("CANARY")),
        wrapped(sql_errors.ProgrammingError, sqlite3.ProgrammingError("CANARY")),
        wrapped(sql_errors.DataError, sqlite3.DataError("CANARY")),
        sql_errors.InvalidRequestError("CANARY"),
        sqlite3.OperationalError("CANARY"),
        OSError(errno.EIO, "CANARY"),
    ],
)
def test_a_driver_s_error_becomes_ours_without_its_words(exc: Exception) -> None:
    with pytest.raises(StorageUnavailable) as refused, border():
        raise exc
    assert refused.value.__cause__ is exc
    assert "CANARY" not in refused.value.message
    assert refused.value.message in UNAVAILABLE.values()


def test_a_broken_rule_of_the_tables_is_a_conflict() -> None:
    with pytest.raises(Conflict), border():
        raise wrapped(sql_errors.IntegrityError, sqlite3.IntegrityError("CANARY"))


@pytest.mark.parametrize("exc", [KeyError("x"), ValueError("x"), KeyboardInterrupt()])
def test_errors_of_our_own_code_pass_as_they_are(exc: BaseException) -> None:
    with pytest.raises(type(exc)), border():
        raise exc


async def test_a_full_disk_is_told_as_such_until_there_is_room_again(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)

        def limit(pages: int) -> None:
            # On every pooled connection: the limit is a connection's own.
            engine = stores.transactions._engine
            held = [engine.raw_connection() for _ in range(5)]
            for raw in held:
                raw.cursor().execute(f"PRAGMA max_page_count = {pages}")
            for raw in held:
                raw.close()

        limit(1)  # as many as there are
        stream = a_stream(session.pk, "stream-" + "x" * 20_000)
        with pytest.raises(StorageUnavailable, match="disk of the database is full"):
            await stores.streams.create(stream)
        assert await stores.streams.of_session(session.pk) == []
        limit(1_000_000)
        await stores.streams.create(stream)
        assert await stores.streams.of_session(session.pk) == [stream]
