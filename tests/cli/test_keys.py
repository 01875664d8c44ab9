"""`securecontext keys`: what an operator is shown, may do, and is kept from."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine
from support.sealed_rows import many_of_each, opened
from support.sql_stores import new_keyring, sql, sql_stores

from scp_cli.main import commands
from scp_server.crypto.key_lines import new_line, new_text, with_next, with_next_first
from scp_server.crypto.keyring import parse_keys
from scp_server.crypto.private_files import alone, replace_private
from scp_server.crypto.sources import KeyFile, read_keyring
from scp_server.storage.sql import root_keys
from scp_server.storage.sql.root_keys import Holder

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with keys and a database of six sessions."""
    made = tmp_path_factory.mktemp("data")
    KeyFile(made / "keys").make()

    async def fill() -> None:
        async with sql_stores(made / "scp.db", read_keyring(KeyFile(made / "keys"))) as stores:
            await many_of_each(stores, 3)

    anyio.run(fill)
    return made


@pytest.fixture
def folder(tmp_path: Path, filled: Path) -> Path:
    """A copy of that directory; no server runs on it."""
    for name in ("keys", "scp.db"):
        shutil.copy2(filled / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Runs `securecontext keys …` on that directory."""

    def command(*arguments: str, **settings: str) -> Result:
        environ = {"SCP_DATA_DIR": str(folder), **settings}
        return CliRunner().invoke(commands, ["keys", *arguments], env=environ)

    return command


def kids(folder: Path) -> tuple[str, ...]:
    return read_keyring(KeyFile(folder / "keys")).kids


def beside(folder: Path, process: str, *, reads: tuple[str, ...], writes: str) -> None:
    """A server that runs beside, as the database knows it."""
    engine = create_engine(f"sqlite:///{folder / 'scp.db'}")
    holder = Holder(process=process, writes=writes, reads=frozenset(reads), seen_at=time.time())
    with engine.begin() as connection:
        root_keys.hold(connection, holder)
    engine.dispose()


def test_a_rotation_moves_every_record_and_says_when_the_old_key_may_go(
    folder: Path, run: Run
) -> None:
    before, (old,) = opened(folder / "scp.db", read_keyring(KeyFile(folder / "keys"))), kids(folder)
    rotated = run("rotate")
    assert rotated.exit_code == 0, rotated.output
    new, still = kids(folder)
    assert still == old
    assert "back that file up now" in rotated.output
    assert f"6 data keys were wrapped with {new}" in rotated.output
    assert f"{old} may be retired" in rotated.output
    retired = run("retire", old)
    assert retired.exit_code == 0, retired.output
    assert kids(folder) == (new,)
    assert opened(folder / "scp.db", read_keyring(KeyFile(folder / "keys"))) == before


def test_no_copy_of_a_data_key_under_the_old_key_is_left_in_the_files(
    folder: Path, run: Run
) -> None:
    wrapped = [row[0].encode() for row in sql(folder / "scp.db", "SELECT wrapped_key FROM vault")]
    assert run("rotate").exit_code == 0
    kept = b"".join(path.read_bytes() for path in folder.iterdir() if path.name != "keys")
    assert [each for each in wrapped if each in kept] == []


def test_nothing_that_is_printed_holds_a_key(folder: Path, run: Run) -> None:
    outputs = [run("rotate").output, run("status").output, run("retire", kids(folder)[1]).output]
    secrets = re.findall(r"^\w+ \w+ (\S+)", (folder / "keys").read_text(), re.MULTILINE)
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in "".join(outputs)] == []


def test_the_status_shows_what_is_under_each_key_and_who_writes_with_it(
    folder: Path, run: Run
) -> None:
    (old,) = kids(folder)
    beside(folder, "aa", reads=(old,), writes=old)
    shown = run("status").output
    assert re.search(rf"{old} +writes +6 +1  now, by 1 running", shown)
    assert "Running servers: 1." in shown
    run("rotate", "--prepare")
    shown = run("status").output
    assert re.search(rf"{kids(folder)[1]} +next +0 +0  -", shown)
    assert "Without all of these keys: aa" in shown


def test_a_prepared_key_is_in_the_file_and_writes_only_when_the_rotation_goes_on(
    folder: Path, run: Run
) -> None:
    (old,) = kids(folder)
    assert run("rotate", "--prepare").exit_code == 0
    assert kids(folder)[0] == old
    waiting = kids(folder)[1]
    assert run("rotate", "--prepare").exit_code == 0
    assert kids(folder) == (old, waiting)
    assert run("rotate").exit_code == 0
    assert kids(folder) == (waiting, old)


def test_a_new_key_does_not_write_before_every_running_server_reads_it(
    folder: Path, run: Run
) -> None:
    (old,) = kids(folder)
    beside(folder, "slow-server", reads=(old,), writes=old)
    refused = run("rotate", "--wait", "0")
    assert refused.exit_code == 1
    assert "slow-server" in refused.output
    assert "Run the same command again" in refused.output
    assert kids(folder)[0] == old
    new = kids(folder)[1]
    beside(folder, "slow-server", reads=(old, new), writes=old)
    refused = run("rotate", "--wait", "0")
    assert f"begun to write with {new}" in refused.output
    assert sql(folder / "scp.db", "SELECT DISTINCT substr(wrapped_key, 6, 8) FROM vault") == [
        (old,)
    ]
    beside(folder, "slow-server", reads=(old, new), writes=new)
    finished = run("rotate", "--wait", "0")
    assert finished.exit_code == 0, finished.output
    assert "is unfinished: this finishes it" in finished.output
    assert set(kids(folder)) == {new, old}
    cursors = run("retire", old)
    assert cursors.exit_code == 1
    assert "cursors sealed with it are good until" in cursors.output
    assert run("retire", old, "--forget-cursors").exit_code == 0


def test_a_key_that_is_needed_is_not_retired_and_every_reason_is_told(
    folder: Path, run: Run
) -> None:
    (old,) = kids(folder)
    assert "it is the key that writes" in run("retire", old).output
    text = (folder / "keys").read_text()
    replace_private(folder / "keys", with_next_first(with_next(text, new_line("next"))))
    beside(folder, "aa", reads=kids(folder), writes=old)
    refused = run("retire", old)
    assert refused.exit_code == 1
    for reason in ("6 data keys and 1 checks", "1 running processes write", "cursors sealed"):
        assert reason in refused.output
    assert old in kids(folder)
    assert "There is no sealing key" in run("retire", "00000000").output


def test_data_keys_are_not_rewrapped_while_a_running_server_could_not_read_them(
    folder: Path, run: Run
) -> None:
    (old,) = kids(folder)
    text = (folder / "keys").read_text()
    replace_private(folder / "keys", with_next_first(with_next(text, new_line("next"))))
    beside(folder, "aa", reads=(old,), writes=old)
    refused = run("rewrap")
    assert refused.exit_code == 1
    assert "have not read the key" in refused.output


@pytest.mark.parametrize("source", ["SCP_KEYS", "SCP_KEY_COMMAND"])
def test_keys_from_elsewhere_are_rotated_by_hand_as_the_command_tells(
    folder: Path, run: Run, source: str
) -> None:
    served = folder / "served"
    (folder / "keys").rename(served)
    (old,) = read_keyring(KeyFile(served)).kids

    def given() -> dict[str, str]:
        return {source: served.read_text() if source == "SCP_KEYS" else f"cat '{served}'"}

    told = run("rotate", **given())
    assert told.exit_code == 0, told.output
    line = next(part for part in told.output.splitlines() if part.strip().startswith("next "))
    replace_private(served, with_next(served.read_text(), line.strip()))
    assert run("status", **given()).exit_code == 0
    replace_private(served, with_next_first(served.read_text()))
    assert run("rewrap", **given()).exit_code == 0
    retired = run("retire", old, **given())
    assert "its line may go" in retired.output
    assert old in served.read_text()


def test_a_key_file_of_another_database_is_refused_before_anything_is_changed(
    folder: Path, run: Run
) -> None:
    other = new_text()
    replace_private(folder / "keys", other)
    for command in (["status"], ["rotate"], ["rewrap"], ["retire", new_keyring().current_kid]):
        refused = run(*command)
        assert refused.exit_code == 1
        assert "do not belong to this database" in refused.output
    assert (folder / "keys").read_text() == other


def test_a_lost_key_is_named_and_its_sessions_can_be_ended(folder: Path, run: Run) -> None:
    (lost,) = kids(folder)
    lines = (folder / "keys").read_text().splitlines()
    found = [new_line("seal") if line.startswith("seal") else line for line in lines]
    replace_private(folder / "keys", "\n".join(found))
    shown = run("status")
    assert shown.exit_code == 1
    assert re.search(rf"{lost} +missing +6 +1", shown.output)
    assert "left as they are" in run("rewrap").output
    assert "is not lost" in run("retire", kids(folder)[0], "--end-sessions").output
    ended = run("retire", lost, "--end-sessions")
    assert "6 sessions" in ended.output
    assert run("status").exit_code == 0
    assert sql(folder / "scp.db", "SELECT DISTINCT state FROM sessions") == [("ended",)]


def test_two_rotations_at_once_are_refused(folder: Path, run: Run) -> None:
    with alone(folder / "keys"):
        refused = run("rotate")
    assert refused.exit_code == 1
    assert "Another process" in refused.output


def test_a_database_that_is_not_there_or_of_another_release_is_refused(
    folder: Path, run: Run
) -> None:
    sql(folder / "scp.db", "UPDATE alembic_version SET version_num = '0001'")
    assert "another release" in run("status").output
    (folder / "scp.db").unlink()
    assert "There is no database" in run("status").output
    assert not (folder / "scp.db").exists()


@pytest.mark.parametrize("command", ["status", "rotate", "rewrap", "retire"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    shown = run(command, "--help")
    assert shown.exit_code == 0
    assert len(shown.output.split()) > 30


def test_the_key_file_s_text_after_a_rotation_is_a_key_file(folder: Path, run: Run) -> None:
    run("rotate")
    run("rotate")
    text = (folder / "keys").read_text()
    assert len(parse_keys(text, "it").kids) == 3
    assert text.count("# made on 20") == 2
    assert (folder / "keys").stat().st_mode & 0o777 == 0o600
