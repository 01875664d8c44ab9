"""A running server keeps up with its key file, and takes nothing that would lose a session."""

import logging
import os
import signal
from collections.abc import Collection
from pathlib import Path

import anyio
import pytest

from scp_server.crypto.keeper import KeyKeeper
from scp_server.crypto.key_lines import new_line, new_text, with_next, with_next_first, without
from scp_server.crypto.keyring import Keyring
from scp_server.crypto.private_files import replace_private
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import KeyFile, read_keyring
from scp_server.domain.errors import StartRefused, StorageUnavailable


class Uses:
    """ports.key_uses.KeyUses of one process. `needed` are the keys that sessions are under."""

    def __init__(self) -> None:
        self.needed: set[str] = set()
        self.broken = False
        self.held: list[tuple[str, frozenset[str]]] = []
        self.told = anyio.Event()
        self.gone = False
        self.forgotten = 0

    async def suffice(self, kids: Collection[str]) -> None:
        if self.broken:
            raise StorageUnavailable("The database did not answer.")
        if missing := self.needed - set(kids):
            raise StartRefused(f"needs {missing}")

    async def hold(self, *, writes: str, reads: Collection[str]) -> None:
        if self.broken:
            raise StorageUnavailable("The database did not answer.")
        self.held.append((writes, frozenset(reads)))
        self.told.set()
        self.told = anyio.Event()

    async def let_go(self) -> None:
        self.gone = True

    def forget(self) -> None:
        self.forgotten += 1


class Room:
    """A key file, a ring made from it, and its keeper."""

    def __init__(self, path: Path) -> None:
        self.source = KeyFile(path)
        self.source.make()
        self.ring: Keyring = read_keyring(self.source)
        self.uses = Uses()
        self.keeper = KeyKeeper(self.ring, self.source, self.uses)

    def write(self, text: str) -> None:
        replace_private(self.source.path, text)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "keys")


async def test_a_file_that_was_written_anew_is_taken_up_without_being_told(room: Room) -> None:
    old = room.ring.current_kid
    with anyio.fail_after(20):
        async with room.keeper.running():
            room.write(with_next(room.source.text(), new_line("next")))
            while len(room.uses.held) < 2:
                await room.uses.told.wait()
            room.write(with_next_first(room.source.text()))
            while len(room.uses.held) < 3:
                await room.uses.told.wait()
    assert [writes for writes, _ in room.uses.held] == [old, old, room.ring.current_kid]
    assert room.uses.held[1][1] == room.uses.held[2][1] == {old, room.ring.current_kid}
    assert room.uses.gone
    assert room.uses.forgotten == 2


async def test_a_failure_inside_comes_out_as_it_is(room: Room) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with room.keeper.running():
            raise KeyError("mine")
    assert room.uses.gone


@pytest.mark.skipif(os.name != "posix", reason="no SIGHUP")
async def test_a_hangup_reads_the_keys_again(room: Room) -> None:
    with anyio.fail_after(20):
        async with room.keeper.running():
            await anyio.wait_all_tasks_blocked()
            os.kill(os.getpid(), signal.SIGHUP)
            await room.uses.told.wait()
    assert len(room.uses.held) == 2


@pytest.mark.parametrize("text", ["seal", "", new_text()])
async def test_keys_that_cannot_be_used_are_not_taken_and_the_reason_is_logged(
    room: Room, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    kids = room.ring.kids
    room.write(text)
    with caplog.at_level(logging.ERROR):
        await room.keeper.renew()
    assert room.ring.kids == kids
    assert "the former ones stay" in caplog.text


async def test_a_key_that_sessions_are_still_under_is_not_given_up(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    old = room.ring.current_kid
    room.write(with_next_first(with_next(room.source.text(), new_line("next"))))
    await room.keeper.renew()
    room.uses.needed = {old}
    room.write(without(room.source.text(), old))
    with caplog.at_level(logging.ERROR):
        await room.keeper.renew()
    assert old in room.ring.kids
    assert "needs" in caplog.text
    room.uses.needed = set()
    await room.keeper.renew()
    assert old not in room.ring.kids


async def test_a_database_that_is_away_puts_it_off(room: Room) -> None:
    old = room.ring.current_kid
    room.uses.broken = True
    room.write(with_next_first(with_next(room.source.text(), new_line("next"))))
    await room.keeper.renew()
    assert room.ring.current_kid == old
    room.uses.broken = False
    await room.keeper.renew()
    assert room.ring.current_kid != old


async def test_a_key_that_another_process_writes_with_already_is_found_in_the_file(
    room: Room,
) -> None:
    room.write(with_next_first(with_next(room.source.text(), new_line("next"))))
    old, seals = room.ring.current_kid, KeyringSeals(room.ring)
    sealed = KeyringSeals(read_keyring(room.source)).seal("purpose", b"value")
    assert seals.open("purpose", sealed) == b"value"
    assert room.ring.current_kid == old


async def test_an_unknown_key_that_is_nowhere_is_just_unknown(room: Room) -> None:
    seals = KeyringSeals(room.ring)
    assert seals.open("purpose", "A" * 60) is None
    room.write("damaged")
    assert seals.open("purpose", "A" * 60) is None
