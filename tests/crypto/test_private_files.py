"""Files that hold a secret."""

from pathlib import Path

import pytest

from scp_server.crypto.private_files import create_private, read_private
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
