"""The keys of a real server: refused when they are wrong, rotated where it cannot write them."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from support.mortal_keys import KeysCommand, keys_command
from support.processes import KEPT, Child
from support.running import Server, StartServer, assert_quiet
from support.sealed_rows import opened
from support.sql_stores import sql, sql_stores

from scp_server.crypto.key_lines import (
    key_line,
    new_line,
    new_text,
    with_next,
    with_next_first,
    without,
)
from scp_server.crypto.private_files import create_private, replace_private
from scp_server.crypto.sources import KeyFile, read_keyring

WEAK = "\n".join((key_line("seal", b"0123456789abcdefghijklmnopqrstuv"), new_line("index")))
SERVING = f"{shlex.quote(sys.executable)} -c 'import sys; print(open(sys.argv[1]).read())'"


def refused(folder: Path, **settings: str) -> str:
    """Start a server that must not start; what it says."""
    inherited = {name: value for name, value in os.environ.items() if name in KEPT}
    done = subprocess.run(
        [sys.executable, "-m", "scp_cli", "serve", "--port=0"],
        env=inherited | {"SCP_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that a server has used."""
    folder = tmp_path_factory.mktemp("used")

    async def use() -> None:
        KeyFile(folder / "keys").make()
        async with sql_stores(folder / "scp.db", read_keyring(KeyFile(folder / "keys"))):
            pass

    anyio.run(use)
    return folder


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"SCP_KEYS": WEAK}, "The text of SCP_KEYS cannot be used: the key in line 1 is not"),
        ({"SCP_KEYS": new_text()}, "do not belong to this database"),
        (
            {"SCP_KEY_COMMAND": "sleep 600", "SCP_KEY_COMMAND_SECONDS": "0.2"},
            "SCP_KEY_COMMAND (sleep) did not end within 0.2 seconds",
        ),
        ({"SCP_KEY_FILE": "/nowhere/keys"}, "The key file /nowhere/keys is not there"),
    ],
)
def test_a_server_does_not_start_with_weak_wrong_or_missing_keys_and_says_why(
    used: Path, keys: dict[str, str], told: str
) -> None:
    before = (used / "scp.db").read_bytes()
    said = refused(used, **keys)
    assert told in said
    for secret in re.findall(r"^\w+ \w+ (\S+)$", keys.get("SCP_KEYS", ""), re.MULTILINE):
        assert secret not in said
    assert (used / "scp.db").read_bytes() == before


async def hung_up(server: Server, *, writes: str, reads: int) -> None:
    """Send a hangup and wait until the server writes with that key and reads with so many."""
    os.kill(server.child.process.pid, signal.SIGHUP)
    query = "SELECT reads FROM key_holders WHERE writes = ? ORDER BY seen_at DESC LIMIT 1"
    while True:
        found = sql(server.folder / "data" / "scp.db", query, writes)
        if found and len(found[0][0].split()) == reads:
            return
        await anyio.lowlevel.checkpoint()


async def rotated(command: KeysCommand, served: Path, server: Server) -> None:
    """Rotate by hand, as `keys rotate` says; a hangup lets the server read the keys again."""

    async def keys(*arguments: str) -> str:
        status, printed = await to_thread.run_sync(command.run, *arguments)
        assert status == 0, printed
        return printed

    def write(change: Callable[[str], str]) -> None:
        replace_private(served, change(served.read_text()))

    (old,) = read_keyring(KeyFile(served)).kids
    line = re.search(r"^ +(next .*)$", await keys("rotate"), re.MULTILINE)
    assert line is not None
    write(lambda text: with_next(text, line[1]))
    await hung_up(server, writes=old, reads=2)
    write(with_next_first)
    new = read_keyring(KeyFile(served)).current_kid
    await hung_up(server, writes=new, reads=2)
    assert "1 data keys were wrapped" in await keys("rewrap")
    assert "its line may go" in await keys("retire", old, "--forget-cursors")
    write(lambda text: without(text, old))
    await hung_up(server, writes=new, reads=1)


async def test_keys_that_a_command_serves_are_rotated_without_a_restart(
    start: StartServer, tmp_path: Path, sandbox: Child
) -> None:
    served = tmp_path / "served"
    create_private(served, new_text())
    settings = {"SCP_KEY_COMMAND": f"{SERVING} {shlex.quote(str(served))}"}
    server = start(sandbox, **settings)
    session = await server.open_session("gmail_messages")
    data = server.folder / "data"
    assert not (data / "keys").exists()
    with (
        anyio.fail_after(120),
        keys_command(data, KEPT, **settings) as command,
    ):
        await rotated(command, served, server)
    ring = read_keyring(KeyFile(served))
    assert len(ring.kids) == 1
    assert opened(data / "scp.db", ring)["vault.tokens"]
    assert (await server.call("/api/session", session=session)).data["state"] == "active"
    assert_quiet(server)


async def test_a_session_that_was_ended_is_unknown_after_its_backup_is_restored(
    start: StartServer,
) -> None:
    server = start()
    ended = await server.open_session("gmail_messages")
    kept = await server.open_session("gmail_messages")
    database = server.folder / "data" / "scp.db"

    async def stopped() -> None:
        assert await to_thread.run_sync(server.child.stop) == 0

    await stopped()
    shutil.copy2(database, server.folder / "backup.db")
    await to_thread.run_sync(server.start_again)
    assert (await server.call("/api/session", session=ended, method="DELETE")).status == 200
    await stopped()
    shutil.copy2(server.folder / "backup.db", database)
    await to_thread.run_sync(server.start_again)
    assert (await server.call("/api/session", session=ended)).status == 404
    assert (await server.call("/api/session", session=kept)).data["state"] == "active"
    assert_quiet(server)
