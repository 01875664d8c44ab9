"""The operator's key."""

import stat
from pathlib import Path

import pytest
from support.time_and_chance import RecordedChance

from scp_server.config import load, operator_key
from scp_server.domain.errors import StartRefused


def test_a_given_key_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    given = "operator-" + "k" * 30
    settings = load({"SCP_DATA_DIR": str(tmp_path), "SCP_OPERATOR_KEY": given})
    assert operator_key(settings, RecordedChance()).reveal() == given
    assert list(tmp_path.iterdir()) == []


def test_without_one_a_key_of_256_bits_is_made_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    settings = load({"SCP_DATA_DIR": str(tmp_path / "data")})
    chance = RecordedChance()
    key = operator_key(settings, chance)
    ((bits, token),) = chance.given
    assert bits == 256
    assert key.reveal() == f"operator-{token}"
    path = tmp_path / "data" / "operator-key"
    assert path.read_text().strip() == key.reveal()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert operator_key(settings, RecordedChance()) == key


@pytest.mark.parametrize("text", ["", "operator-", "operator-short", "session-" + "k" * 43])
def test_a_file_without_a_key_is_refused_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "operator-key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StartRefused, match="Remove it"):
        operator_key(load({"SCP_DATA_DIR": str(tmp_path)}), RecordedChance())


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = load({"SCP_DATA_DIR": str(tmp_path)})
    operator_key(settings, RecordedChance())
    (tmp_path / "operator-key").chmod(0o644)
    with pytest.raises(StartRefused, match="chmod 600"):
        operator_key(settings, RecordedChance())
