"""Files that hold a secret."""

import os
import stat
from pathlib import Path

import pytest

from scp_server.crypto.private_files import (
    alone,
    create_private,
    read_private,
    replace_private,
)
from scp_server.domain.errors import StartRefused


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    # Two servers that start at once must end up with the same keys.
    path = tmp_path / "keys"
    assert create_private(path, "first")
    assert not create_private(path, "second")
    assert read_private(path) == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["keys"]


def test_a_file_that_is_not_there_is_told_apart_from_an_empty_one(tmp_path: Path) -> None:
    assert read_private(tmp_path / "keys") is None
    create_private(tmp_path / "keys", "")
    assert read_private(tmp_path / "keys") == ""


def test_a_directory_that_cannot_be_made_is_refused_naming_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match="SCP_DATA_DIR"):
        create_private(tmp_path / "file" / "below" / "keys", "text")


def test_a_name_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be written"):
        create_private(tmp_path / ("k" * 300), "text")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole_and_stays_its_owner_s_only(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    create_private(path, "first")
    before = path.stat()
    # What a crash left behind must not stand in the way, nor be written through.
    (tmp_path / ".keys.new").symlink_to(tmp_path / "elsewhere")
    replace_private(path, "second")
    assert read_private(path) == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_ino != before.st_ino
    assert [file.name for file in tmp_path.iterdir()] == ["keys"]


def test_of_a_link_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    create_private(tmp_path / "mounted", "first")
    (tmp_path / "keys").symlink_to(tmp_path / "mounted")
    replace_private(tmp_path / "keys", "second")
    assert (tmp_path / "keys").is_symlink()
    assert read_private(tmp_path / "mounted") == "second"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may give files away")
def test_a_file_that_root_replaces_stays_its_owner_s(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    create_private(path, "first")
    os.chown(path, 12345, 12345)
    replace_private(path, "second")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


def test_a_file_that_is_gone_or_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="Run this as the user that owns"):
        replace_private(tmp_path / "keys", "text")
    assert list(tmp_path.iterdir()) == []


def test_only_one_at_a_time_changes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    refused = pytest.raises(StartRefused, match="Another process")
    with alone(path), refused, alone(path):
        pass
    with alone(path):
        pass
