"""Two processes' worth of stores over one database go on working at each step of a rotation."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from support.sealed_rows import opened
from support.sql_stores import ACCOUNT, a_row, a_stream, consented, sql, sql_stores

from scp_cli.rotating import key_desk, rotate
from scp_server.config.load import load
from scp_server.crypto import keeper
from scp_server.crypto.keeper import KeyKeeper
from scp_server.crypto.keyring import Keyring
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import KeyFile, read_keyring
from scp_server.domain.secrets import Secret
from scp_server.storage.sql.database import Stores
from scp_server.telemetry.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Server:
    """As much of a server as knows about keys: a ring that is kept up, and stores."""

    name: str
    ring: Keyring
    stores: Stores


async def begun(stack: AsyncExitStack, folder: Path, name: str) -> Server:
    """A server over that folder's key file and database."""
    source = KeyFile(folder / "keys")
    ring = read_keyring(source)
    stores = await stack.enter_async_context(sql_stores(folder / "scp.db", ring, SystemClock()))
    await stack.enter_async_context(KeyKeeper(ring, source, stores.keys).running())
    return Server(name, ring, stores)


async def at_work(mine: Server, other: Server, done: anyio.Event, rounds: list[str]) -> None:
    """Write with one server and read with the other, over and over."""
    while not done.is_set():
        number = len(rounds)
        session = await consented(mine.stores.sessions, Secret(f"session-{mine.name}-{number}"))
        stream_id = f"stream-{mine.name}-{number}"
        await mine.stores.streams.create(a_stream(session.pk, stream_id))
        await mine.stores.streams.save(stream_id, a_row(1), now=1.0)
        seen = await other.stores.sessions.get(session.pk)
        assert seen is not None
        assert seen.account == ACCOUNT
        assert await other.stores.streams.latest(stream_id) == a_row(1)
        cursor = KeyringSeals(mine.ring).seal("cursor", b"place")
        assert KeyringSeals(other.ring).open("cursor", cursor) == b"place"
        rounds.append(mine.ring.current_kid)
        await anyio.lowlevel.checkpoint()


def rotated(folder: Path) -> str:
    """Rotate as `securecontext keys rotate` and `retire` do; the id of the old key."""
    with key_desk(load({"SCP_DATA_DIR": str(folder)})) as desk:
        old = desk.ring.current_kid
        rotate(desk, lambda _: None, seconds=60, prepare=False)
        desk.need_readers()
        desk.rewrap(at_once=5, progress=lambda _: None)
        (state,) = (each for each in desk.states() if each.kid == old)
        assert list(state.obstacles(now=0.0, cursors=False)) == []
        desk.remove(old)
        desk.wait_for(lambda holder: old not in holder.reads, "given it up", 60)
    return old


async def test_what_one_writes_the_other_reads_all_through_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.2)
    KeyFile(tmp_path / "keys").make()
    done = anyio.Event()
    rounds: list[str] = []
    with anyio.fail_after(120):
        async with AsyncExitStack() as stack:
            one, two = await begun(stack, tmp_path, "one"), await begun(stack, tmp_path, "two")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(at_work, one, two, done, rounds)
                tasks.start_soon(at_work, two, one, done, rounds)
                old = await to_thread.run_sync(rotated, tmp_path)
                done.set()
            new = one.ring.current_kid
            assert one.ring.kids == two.ring.kids == (new,)
    assert set(rounds) == {old, new}
    under = sql(tmp_path / "scp.db", "SELECT DISTINCT substr(wrapped_key, 6, 8) FROM vault")
    assert under == [(new,)]
    everything = opened(tmp_path / "scp.db", read_keyring(KeyFile(tmp_path / "keys")))
    assert len(everything["vault.tokens"]) == len(rounds)
