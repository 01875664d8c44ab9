"""A database whose directory the server may not write to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.sql_stores import consented, sql_stores

from scp_server.domain.errors import StartRefused, StorageUnavailable

NOBODY = 65534


@contextmanager
def without_rights(*closed: Path) -> Iterator[None]:
    """These directories cannot be written to; not even where the tests are run as root."""
    mine = os.geteuid()
    for folder in closed:
        folder.chmod(0o555)
    if mine == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(mine)
    for folder in closed:
        folder.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory that others can reach."""
    for reachable in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        reachable.chmod(0o711)
    made = tmp_path / "data"
    made.mkdir()
    return made


async def test_a_directory_that_cannot_be_written_refuses_the_start_with_the_mend(
    folder: Path,
) -> None:
    with without_rights(folder), pytest.raises(StartRefused, match="Let the user the server runs"):
        async with sql_stores(folder / "scp.db"):
            pass
    assert not any(os.scandir(folder))


async def test_a_database_that_may_only_be_read_refuses_the_start_and_is_not_changed(
    folder: Path,
) -> None:
    path = folder / "scp.db"
    async with sql_stores(path) as stores:
        await consented(stores.sessions)
    before = path.read_bytes()
    path.chmod(0o444)
    with without_rights(folder), pytest.raises((StartRefused, StorageUnavailable)) as refused:
        async with sql_stores(path):
            pass
    assert "rights" in str(refused.value) or "own" in str(refused.value)
    assert path.read_bytes() == before
