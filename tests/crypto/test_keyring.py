"""The key file: made once, refused when it cannot be trusted."""

import base64
import hashlib
import logging
import stat
from pathlib import Path

import pytest

from scp_server.crypto.key_lines import (
    key_id,
    key_line,
    with_next,
    with_next_first,
    without,
)
from scp_server.crypto.keyring import parse_keys
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import load_keyring
from scp_server.domain.errors import StartRefused

ONE, TWO, THREE, FOUR = (hashlib.sha256(name).digest() for name in (b"1", b"2", b"3", b"4"))
NEXT = key_line("next", THREE)
SEAL = key_line("seal", ONE)
INDEX = key_line("index", TWO)


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
        (f"{SEAL}\n{INDEX}\n{key_line('index', THREE)}", "exactly one"),
        (f"{SEAL}\n{SEAL}\n{INDEX}", "same key is there twice"),
        (f"{SEAL}\n{key_line('index', ONE)}", "same key is there twice"),
        (f"{SEAL} more\n{INDEX}", "line 1 is not"),
        (f"{SEAL}\nindex\n", "line 2 is not"),
        (SEAL.replace("seal", "signing"), "line 1 begins with a kind"),
        ("seal 01234567 not!base64", "line 1 is not base64url"),
        (line_with(b"short"), "has 5 bytes, not 32"),
        (line_with(bytes(range(33))), "has 33 bytes, not 32"),
        (line_with(bytes(32)), "line 1 is not random"),
        (line_with(b"changeme" * 4), "line 1 is not random"),
        (line_with(bytes(range(32))), "line 1 is not random"),
        (line_with(bytes(range(0, 96, 3))), "line 1 is not random"),
        (line_with(b"correct horse battery staple 42!"), "line 1 is not random"),
        (line_with(b"0123456789abcdefghijklmnopqrstuv"), "line 1 is not random"),
        (f"{SEAL}\n{INDEX}\n{NEXT}\n{key_line('next', FOUR)}", "more than one line .next"),
        (f"{NEXT}\n{INDEX}", 'no line "seal'),
        (line_with(ONE), "id and the key in line 1 do not belong together"),
        ("\x00\xff\xfe", "line 1 is not"),
    ],
)
def test_a_key_file_with_a_fault_is_refused_naming_it_and_quoting_no_key(
    text: str, fault: str
) -> None:
    with pytest.raises(StartRefused, match=fault) as refused:
        parse_keys(text, "The key file keys")
    assert refused.value.message.startswith("The key file keys cannot be used")
    assert "backup" in refused.value.message
    for word in text.split():
        if len(word) > 20:
            assert word not in refused.value.message


def test_of_several_sealing_keys_the_first_writes_and_all_read() -> None:
    newer = key_line("seal", THREE)
    before = KeyringSeals(parse_keys(f"{SEAL}\n{INDEX}", "keys"))
    after = KeyringSeals(parse_keys(f"{newer}\n{SEAL} # retired\n\n{INDEX}", "keys"))
    assert after.open("purpose", before.seal("purpose", b"old")) == b"old"
    assert before.open("purpose", after.seal("purpose", b"new")) is None
    assert before.fingerprint("p", b"v") == after.fingerprint("p", b"v")


def test_a_next_key_reads_and_does_not_write() -> None:
    ring = parse_keys(f"{NEXT}\n{SEAL}\n{INDEX}", "keys")
    later = KeyringSeals(parse_keys(f"{key_line('seal', THREE)}\n{INDEX}", "keys"))
    assert ring.current_kid == SEAL.split()[1]
    assert ring.waiting_kid == NEXT.split()[1]
    assert KeyringSeals(ring).open("purpose", later.seal("purpose", b"new")) == b"new"


def test_keys_are_not_shown() -> None:
    ring = parse_keys(f"{SEAL}\n{INDEX}", "keys")
    assert repr(ring) == f"Keyring(current_kid={SEAL.split()[1]!r})"


def test_keys_for_different_purposes_differ() -> None:
    ring = parse_keys(f"{SEAL}\n{INDEX}", "keys")
    assert ring.index_key("a") != ring.index_key("b")
    assert ring.index_key("a") not in (ONE, TWO)
    (kid, one), (_, other) = ring.writing("a"), ring.writing("b")
    nonce = bytes(12)
    assert one.encrypt(nonce, b"", None) != other.encrypt(nonce, b"", None)
    assert ring.cipher(kid, "a") is one
    assert ring.cipher("00000000", "a") is None


def test_a_ring_renewed_while_it_is_used_writes_with_the_new_key_and_forgets_the_old() -> None:
    seals = KeyringSeals(ring := parse_keys(f"{SEAL}\n{INDEX}", "keys"))
    old = seals.seal("purpose", b"old")
    assert ring.renew(parse_keys(f"{key_line('seal', THREE)}\n{SEAL}\n{INDEX}", "keys"))
    assert seals.open("purpose", old) == b"old"
    assert seals.kid_of(seals.seal("purpose", b"new")) == key_id(THREE)
    assert ring.renew(parse_keys(f"{key_line('seal', THREE)}\n{INDEX}", "keys"))
    assert seals.open("purpose", old) is None
    assert not ring.renew(parse_keys(f"{key_line('seal', THREE)}\n{INDEX}", "keys"))


def test_a_ring_never_takes_another_index_key() -> None:
    ring = parse_keys(f"{SEAL}\n{INDEX}", "keys")
    other = parse_keys(f"{SEAL}\n{key_line('index', FOUR)}", "keys")
    for take in (ring.renew, ring.gain):
        with pytest.raises(StartRefused, match="index key is another"):
            take(other)


def test_an_unknown_key_is_looked_for_before_it_counts_as_missing() -> None:
    ring = parse_keys(f"{SEAL}\n{INDEX}", "keys")
    newer = parse_keys(f"{key_line('seal', THREE)}\n{INDEX}", "keys")
    sealed = KeyringSeals(newer).seal("purpose", b"new")
    ring.on_unknown(lambda: ring.gain(newer))
    assert KeyringSeals(ring).open("purpose", sealed) == b"new"
    # It reads with it only: who writes is settled where all processes can be asked.
    assert ring.current_kid == SEAL.split()[1]


def test_the_text_of_a_key_file_goes_through_a_rotation_line_by_line() -> None:
    text = f"# mine\n{SEAL}  # of the first day\n{INDEX}\n"
    begun = with_next(text, f"{NEXT}  # of today")
    assert begun == f"{text}{NEXT}  # of today\n"
    turned = with_next_first(begun)
    assert (
        turned
        == f"# mine\n{key_line('seal', THREE)}  # of today\n{SEAL}  # of the first day\n{INDEX}\n"
    )
    assert (
        without(turned, key_id(ONE)) == f"# mine\n{key_line('seal', THREE)}  # of today\n{INDEX}\n"
    )


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartRefused, match="cannot be"):
        load_keyring(tmp_path / "file" / "keys")


def test_a_key_file_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be read"):
        load_keyring(tmp_path)
