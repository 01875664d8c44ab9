"""Where keys come from: whatever is wrong with them, the server does not start, and says why."""

import base64
import hashlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scp_server.crypto.key_lines import key_line, new_text
from scp_server.crypto.sources import (
    MOST_BYTES,
    KeyCommand,
    KeyFile,
    KeySource,
    KeyVariable,
    read_keyring,
)
from scp_server.domain.errors import StartRefused
from scp_server.domain.secrets import Secret

GOOD = new_text()
ONE, TWO = (hashlib.sha256(name).digest() for name in (b"1", b"2"))
INDEX = key_line("index", TWO)
Place = Callable[[Path, str], KeySource]


def in_a_file(folder: Path, text: str) -> KeySource:
    path = folder / "keys"
    path.touch(0o600)
    path.write_text(text)
    return KeyFile(path)


def in_the_environment(_folder: Path, text: str) -> KeySource:
    return KeyVariable(Secret(text))


def by_a_command(folder: Path, text: str) -> KeySource:
    (folder / "served").write_text(text)
    return command("import sys; sys.stdout.write(open(sys.argv[1]).read())", folder / "served")


def command(code: str, *arguments: object, seconds: float = 30.0) -> KeyCommand:
    return KeyCommand([sys.executable, "-c", code, *map(str, arguments)], seconds=seconds)


PLACES = pytest.mark.parametrize(
    ("place", "name"),
    [
        (in_a_file, "The key file"),
        (in_the_environment, "The text of SCP_KEYS"),
        (by_a_command, "What the command of SCP_KEY_COMMAND prints"),
    ],
)


def line_with(secret: bytes) -> str:
    return f"seal 01234567 {base64.urlsafe_b64encode(secret).decode()}"


@PLACES
def test_the_same_text_gives_the_same_keys_wherever_it_comes_from(
    tmp_path: Path, place: Place, name: str
) -> None:
    source = place(tmp_path, GOOD)
    assert source.name.startswith(name)
    ring = read_keyring(source)
    assert ring.kids == (GOOD.splitlines()[2].split()[1],)


@PLACES
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# no keys at all\n", "no line"),
        (f"{line_with(bytes(32))}\n{INDEX}", "not random"),
        (f"{line_with(b'changeme' * 4)}\n{INDEX}", "not random"),
        (f"{line_with(b'correct horse battery staple 42!')}\n{INDEX}", "not random"),
        (f"{line_with(ONE)}\n{INDEX}", "do not belong together"),
        (f"{line_with(ONE[:16])}\n{INDEX}", "has 16 bytes"),
        (INDEX, 'no line "seal'),
        (key_line("seal", ONE), "exactly one line"),
        ('{"error": "permission denied"}', "line 1"),
    ],
)
def test_weak_or_wrong_keys_are_refused_from_every_source_naming_it_and_quoting_none(
    tmp_path: Path, place: Place, name: str, text: str, fault: str
) -> None:
    with pytest.raises(StartRefused, match=fault) as refused:
        read_keyring(place(tmp_path, text))
    assert refused.value.message.startswith(name)
    assert "backup" in refused.value.message
    assert not [word for word in text.split() if len(word) > 30 and word in refused.value.message]


def test_a_semicolon_ends_a_line_in_the_environment() -> None:
    text = ";".join(line for line in GOOD.splitlines() if not line.startswith("#"))
    assert read_keyring(KeyVariable(Secret(text))).kids == (GOOD.splitlines()[2].split()[1],)


def test_the_environment_s_keys_are_not_shown() -> None:
    assert "seal" not in f"{vars_of(KeyVariable(Secret(GOOD)))}"


def vars_of(thing: object) -> dict[str, object]:
    return {name: getattr(thing, name) for name in type(thing).__slots__}  # type: ignore[attr-defined]


def test_a_key_file_that_is_gone_is_refused_and_not_made_anew(tmp_path: Path) -> None:
    # A running server that reads it again must not begin with new keys.
    with pytest.raises(StartRefused, match=r"is not there\. Restore"):
        read_keyring(KeyFile(tmp_path / "keys"))
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "keys")
    source.make()
    first = source.text()
    source.make()
    assert source.text() == first
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_a_file_s_mark_tells_that_it_was_written_anew(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "keys")
    source.make()
    before = source.mark()
    assert source.mark() == before
    (tmp_path / "other").write_text(GOOD)
    (tmp_path / "other").replace(tmp_path / "keys")
    assert source.mark() != before


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("raise SystemExit(3)", "failed with exit status 3"),
        ("", "printed nothing"),
        ("print()", "printed nothing"),
        (f"print('x' * {MOST_BYTES + 1})", "printed far more than keys"),
        ("import os; os.kill(os.getpid(), 9)", "failed with exit status -9"),
    ],
)
def test_a_command_that_fails_is_refused_saying_how_and_what_to_try(code: str, fault: str) -> None:
    with pytest.raises(StartRefused, match=fault) as refused:
        command(code).text()
    assert "Run it by hand" in refused.value.message


def test_a_command_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be run"):
        KeyCommand([str(tmp_path / "missing")], seconds=5).text()


@pytest.mark.skipif(os.name != "posix", reason="process groups and named pipes")
def test_a_command_that_hangs_is_ended_at_its_deadline_with_all_its_children(
    tmp_path: Path,
) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    # A child of the command's own holds the pipe we read from, and the one the test reads from.
    hanging = KeyCommand(["/bin/sh", "-c", f"exec 3>{held}; sleep 600 & sleep 600"], seconds=0.5)
    with pytest.raises(StartRefused, match=r"did not end within 0\.5 seconds"):
        hanging.text()
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "whoever holds the other end would keep this waiting"
    os.close(reader)


def test_a_command_is_told_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCP_OPERATOR_KEY", "operator-secret")
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example")
    told = command("import os; print(sorted(os.environ))").text()
    assert "VAULT_ADDR" in told
    assert "SCP_OPERATOR_KEY" not in told
