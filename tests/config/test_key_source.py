"""The one place keys come from."""

import logging
from pathlib import Path

import pytest

from scp_server.config.faults import ConfigError
from scp_server.config.key_source import first_keys, key_source
from scp_server.config.load import load
from scp_server.crypto.sources import KeyCommand, KeyFile, KeyVariable
from scp_server.domain.errors import StartRefused


def test_keys_come_from_a_file_in_the_data_directory_unless_told_otherwise(tmp_path: Path) -> None:
    source = key_source(load({"SCP_DATA_DIR": str(tmp_path)}))
    assert isinstance(source, KeyFile)
    assert source.path == tmp_path / "keys"


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"SCP_KEY_FILE": "/elsewhere/keys"}, KeyFile),
        ({"SCP_KEYS": "seal ...; index ..."}, KeyVariable),
        ({"SCP_KEY_COMMAND": "vault kv get -field=keys 'secret/scp keys'"}, KeyCommand),
    ],
)
def test_keys_may_come_from_elsewhere(environ: dict[str, str], kind: type) -> None:
    assert isinstance(key_source(load(environ)), kind)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"SCP_KEYS", "SCP_KEY_FILE"}, "SCP_KEY_FILE and SCP_KEYS"),
        ({"SCP_KEYS", "SCP_KEY_COMMAND"}, "SCP_KEYS and SCP_KEY_COMMAND"),
        ({"SCP_KEY_FILE", "SCP_KEY_COMMAND"}, "SCP_KEY_FILE and SCP_KEY_COMMAND"),
    ],
)
def test_two_places_are_refused_naming_both_and_the_mend(given: set[str], names: str) -> None:
    with pytest.raises(ConfigError, match=names) as refused:
        load(dict.fromkeys(given, "CANARY"))
    assert "Unset all but the one" in refused.value.message
    assert "CANARY" not in refused.value.message


@pytest.mark.parametrize("command", ["vault 'kv", "   "])
def test_a_command_that_is_no_list_of_words_is_refused(command: str) -> None:
    with pytest.raises(ConfigError, match="quoted as for a shell"):
        load({"SCP_KEY_COMMAND": command})


def test_the_keys_of_the_environment_are_not_shown_with_the_settings() -> None:
    assert "CANARY" not in repr(load({"SCP_KEYS": "CANARY"}))


def test_a_key_file_is_made_only_where_there_is_no_database_yet(tmp_path: Path) -> None:
    settings = load({"SCP_DATA_DIR": str(tmp_path)})
    source = key_source(settings)
    (tmp_path / "scp.db").write_bytes(b"SQLite format 3\0")
    first_keys(settings, source)
    with pytest.raises(StartRefused, match="is not there"):
        source.text()
    (tmp_path / "scp.db").unlink()
    first_keys(settings, source)
    assert source.text().startswith("#")


def test_a_key_file_that_is_left_beside_another_source_is_pointed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "keys").write_text("seal")
    settings = load({"SCP_DATA_DIR": str(tmp_path), "SCP_KEYS": "seal"})
    with caplog.at_level(logging.WARNING):
        first_keys(settings, key_source(settings))
    assert "is not used" in caplog.text
