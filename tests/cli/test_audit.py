"""`securecontext audit`: what an operator is shown, and what is refused."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result
from support.sql_stores import NOW, sql, sql_stores

from scp_cli.main import commands
from scp_server.crypto.sources import KeyFile, read_keyring
from scp_server.ports.audit import AuditEntry

Run = Callable[..., Result]
DAY = 86_400.0


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        at=NOW - 100 * DAY + number * DAY,
        session_pk=1 + number % 2,
        action="delivered",
        actor="session",
        items=1,
        item_ids=("item-CANARY",),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data directory with ten rows, long ago, a day apart; no server runs on it."""
    KeyFile(tmp_path / "keys").make()

    async def fill() -> None:
        async with sql_stores(
            tmp_path / "scp.db", read_keyring(KeyFile(tmp_path / "keys"))
        ) as stores:
            await stores.audit.record(*map(entry, range(10)))

    anyio.run(fill)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Runs `securecontext audit …` on that directory."""

    def command(*arguments: str, **settings: str) -> Result:
        environ = {"SCP_DATA_DIR": str(folder), **settings}
        return CliRunner().invoke(commands, ["audit", *arguments], env=environ)

    return command


def meddled(folder: Path) -> None:
    sql(folder / "scp.db", "DROP TRIGGER audit_is_not_changed")
    sql(folder / "scp.db", "UPDATE audit SET items = 2 WHERE seq = 4")


def test_a_whole_trail_is_said_to_be_whole_and_what_cannot_be_seen_is_said_too(run: Run) -> None:
    done = run("verify")
    assert done.exit_code == 0
    assert "10 rows in 1 chains" in done.output
    assert "The trail is whole." in done.output
    assert "--head" in done.output


def test_the_first_bad_row_is_named_and_the_exit_status_tells(run: Run, folder: Path) -> None:
    meddled(folder)
    done = run("verify")
    assert done.exit_code == 1
    assert "Row 4 (chain 1, row 4) is not as it was written." in done.output
    assert run("verify", "--since", "2026-10-13").exit_code == 0


def test_an_export_appears_as_a_whole_and_is_its_owner_s_only(run: Run, folder: Path) -> None:
    out = folder / "out.ndjson"
    done = run("export", "--session", "1", "--output", str(out))
    assert done.output == f"5 rows were written to {out}.\n"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    *rows, last = map(json.loads, out.read_text().splitlines())
    assert {row["session"] for row in rows} == {1}
    assert last["manifest"]["rows"] == 5
    assert list(folder.glob(".out*")) == []
    assert [json.loads(line) for line in run("export", "--session", "1").output.splitlines()][
        :-1
    ] == rows


def test_an_export_that_fails_leaves_no_file(run: Run, folder: Path) -> None:
    sql(folder / "scp.db", "ALTER TABLE audit RENAME COLUMN size TO other")
    assert run("export", "--output", str(folder / "out.ndjson")).exit_code == 1
    assert not list(folder.glob("*out.ndjson*"))


def test_an_older_database_does_not_fit_a_newer_export(run: Run, folder: Path) -> None:
    older = (folder / "scp.db").read_bytes()
    assert run("purge", "--days", "0").output == "10 rows were purged.\n"
    head = folder / "head.ndjson"
    run("export", "--output", str(head))
    assert run("verify", "--head", str(head)).exit_code == 0
    for side in ("scp.db-wal", "scp.db-shm"):
        (folder / side).unlink(missing_ok=True)
    (folder / "scp.db").write_bytes(older)
    assert run("verify").exit_code == 0
    done = run("verify", "--head", str(head))
    assert done.exit_code == 1
    assert "The record of chain 2 is gone" in done.output


def test_a_damaged_export_is_refused(run: Run, folder: Path) -> None:
    head = folder / "head.ndjson"
    run("export", "--output", str(head))
    head.write_bytes(head.read_bytes()[:-40])
    done = run("verify", "--head", str(head))
    assert done.exit_code == 1
    assert "is no export of this server" in done.output


def test_purging_keeps_to_the_setting_or_to_what_is_asked(run: Run, folder: Path) -> None:
    assert run("purge", "--days", "100000").output == "0 rows were purged.\n"
    assert run("purge", SCP_AUDIT_DAYS="0").exit_code == 1
    meddled(folder)
    done = run("purge", "--days", "0")
    assert done.exit_code == 1
    assert "3 rows were purged." in done.output
    assert "Nothing is purged from there on." in done.output


def test_an_erased_session_s_hashes_tell_nothing_and_it_is_written_down(
    run: Run, folder: Path
) -> None:
    assert run("erase", "2").output == "The item hashes of session 2 tell nothing any more.\n"
    assert run("erase", "2").output == "The item hashes of session 2 told nothing already.\n"
    assert sql(folder / "scp.db", "SELECT session_pk FROM audit_salts") == [(1,)]
    told = sql(folder / "scp.db", "SELECT actor, session_pk FROM audit WHERE action LIKE 'audit%'")
    assert told == [("operator", 2)] * 2
    assert run("verify").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "--since", "yesterday"), "2026-11-23"),
        (("verify", "--head", "/nowhere"), "does not exist"),
        (("erase", "0"), "not in the range"),
        (("purge", "--days", "-1"), "not in the range"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert says in done.output


def test_other_keys_are_refused_before_anything_is_said(run: Run, folder: Path) -> None:
    (folder / "keys").unlink()
    KeyFile(folder / "keys").make()
    done = run("verify")
    assert done.exit_code == 1
    assert "rows in" not in done.output
