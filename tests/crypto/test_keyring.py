"""The key file: made once, refused when it cannot be trusted."""

import base64
import logging
import secrets
import stat
from pathlib import Path

import pytest

from scp_server.crypto.keyring import key_line, load_keyring, parse_keys
from scp_server.crypto.seals import KeyringSeals
from scp_server.domain.errors import StartRefused

SEAL = key_line("seal", bytes(range(32)))
INDEX = key_line("index", bytes(range(32, 64)))


def mark(path: Path) -> bytes:
    return KeyringSeals(load_keyring(path)).fingerprint("test", b"value")


def test_the_first_start_makes_a_private_key_file_and_warns_to_back_it_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "data" / "keys"
    with caplog.at_level(logging.WARNING):
        load_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["keys"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Back it up" in record.getMessage()


def test_later_starts_use_the_same_keys_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys"
    first = mark(path)
    caplog.clear()
    assert mark(path) == first
    assert not caplog.records


def test_every_server_makes_keys_of_its_own(tmp_path: Path) -> None:
    assert mark(tmp_path / "one") != mark(tmp_path / "two")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o666])
def test_a_key_file_that_others_can_reach_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "keys"
    load_keyring(path)
    path.chmod(mode)
    with pytest.raises(StartRefused, match=f"chmod 600 {path}"):
        load_keyring(path)


def line_with(secret: bytes) -> str:
    return f"seal 01234567 {base64.urlsafe_b64encode(secret).decode()}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", 'no line "seal'),
        ("# only a comment\n", 'no line "seal'),
        (SEAL, 'exactly one line "index'),
        (INDEX, 'no line "seal'),
        (f"{SEAL}\n{INDEX}\n{key_line('index', secrets.token_bytes(32))}", "exactly one"),
        (f"{SEAL}\n{SEAL}\n{INDEX}", "same key twice"),
        (f"{SEAL}\n{key_line('index', bytes(range(32)))}", "same key twice"),
        (f"{SEAL} more\n{INDEX}", "line 1 is not"),
        (f"{SEAL}\nindex\n", "line 2 is not"),
        (SEAL.replace("seal", "signing"), "line 1 begins with a kind"),
        ("seal 01234567 not!base64", "line 1 is not base64url"),
        (line_with(b"short"), "has 5 bytes, not 32"),
        (line_with(bytes(range(33))), "has 33 bytes, not 32"),
        (line_with(bytes(32)), "line 1 is not random"),
        (line_with(b"changeme" * 4), "line 1 is not random"),
        (line_with(bytes(range(32))), "id and the key in line 1 do not belong together"),
        ("\x00\xff\xfe", "line 1 is not"),
    ],
)
def test_a_key_file_with_a_fault_is_refused_naming_it_and_quoting_no_key(
    text: str, fault: str
) -> None:
    with pytest.raises(StartRefused, match=fault) as refused:
        parse_keys(text, Path("keys"))
    assert "backup" in refused.value.message
    for word in text.split():
        if len(word) > 20:
            assert word not in refused.value.message


def test_of_several_sealing_keys_the_first_writes_and_all_read() -> None:
    newer = key_line("seal", secrets.token_bytes(32))
    before = KeyringSeals(parse_keys(f"{SEAL}\n{INDEX}", Path("keys")))
    after = KeyringSeals(parse_keys(f"{newer}\n{SEAL} # retired\n\n{INDEX}", Path("keys")))
    assert after.open("purpose", before.seal("purpose", b"old")) == b"old"
    assert before.open("purpose", after.seal("purpose", b"new")) is None
    assert before.fingerprint("p", b"v") == after.fingerprint("p", b"v")


def test_keys_are_not_shown() -> None:
    ring = parse_keys(f"{SEAL}\n{INDEX}", Path("keys"))
    assert repr(ring) == f"Keyring(current_kid={SEAL.split()[1]!r})"


def test_keys_for_different_purposes_and_kinds_differ() -> None:
    ring = parse_keys(f"{SEAL}\n{INDEX}", Path("keys"))
    kid = ring.current_kid
    keys = {
        ring.sealing_key(kid, "a"),
        ring.sealing_key(kid, "b"),
        ring.index_key("a"),
        ring.index_key("b"),
        bytes(range(32)),
        bytes(range(32, 64)),
    }
    assert len(keys) == 6


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match="cannot be"):
        load_keyring(tmp_path / "file" / "keys")


def test_a_key_file_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be read"):
        load_keyring(tmp_path)
