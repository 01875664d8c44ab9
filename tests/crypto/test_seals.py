"""Seals that leave the server, and keyed hashes."""

import string

from hypothesis import given
from hypothesis import strategies as st
from support.sql_stores import new_keyring

from scp_server.crypto.seals import KeyringSeals

SEALS = KeyringSeals(new_keyring())
URL_SAFE = set(string.ascii_letters + string.digits + "-_")


@given(st.binary(max_size=500))
def test_a_seal_opens_for_its_purpose_only_and_is_url_safe(plain: bytes) -> None:
    sealed = SEALS.seal("cursor", plain)
    assert SEALS.open("cursor", sealed) == plain
    assert SEALS.open("ticket", sealed) is None
    assert set(sealed) <= URL_SAFE


@given(st.binary(max_size=40), st.data())
def test_a_seal_with_any_character_changed_is_refused(plain: bytes, data: st.DataObject) -> None:
    sealed = SEALS.seal("cursor", plain)
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from(sorted(URL_SAFE - {sealed[at]} | {"=", "é", " ", ""})))
    assert SEALS.open("cursor", sealed[:at] + other + sealed[at + 1 :]) is None


@given(st.text(max_size=200))
def test_garbage_is_refused(garbage: str) -> None:
    assert SEALS.open("cursor", garbage) is None


def test_a_padded_or_repeated_spelling_is_refused() -> None:
    sealed = SEALS.seal("cursor", b"x")
    assert SEALS.open("cursor", sealed + "=") is None
    assert SEALS.open("cursor", sealed + "\n") is None


def test_a_cursor_s_value_may_have_three_hundred_and_forty_bytes() -> None:
    # A cursor has at most 512 characters.
    assert len(SEALS.seal("cursor", bytes(340))) <= 512


def test_another_server_s_seal_is_refused() -> None:
    assert KeyringSeals(new_keyring()).open("cursor", SEALS.seal("cursor", b"x")) is None


def test_a_fingerprint_is_the_same_again_and_differs_by_value_purpose_and_server() -> None:
    mark = SEALS.fingerprint("session id", b"value")
    assert len(mark) == 32
    assert mark == SEALS.fingerprint("session id", b"value")
    others = {
        SEALS.fingerprint("session id", b"other"),
        SEALS.fingerprint("account", b"value"),
        KeyringSeals(new_keyring()).fingerprint("session id", b"value"),
    }
    assert len(others | {mark}) == 4
