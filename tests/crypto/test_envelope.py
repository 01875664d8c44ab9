"""Envelopes: what is sealed opens at its own place and nowhere else."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sql_stores import new_keyring

from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.key_lines import new_line
from scp_server.crypto.keyring import parse_keys
from scp_server.domain.errors import SealBroken
from scp_server.ports.envelopes import Field

FIELD = Field(session_pk=7, table="streams", row="stream-1", name="config")
ENVELOPES = KeyringEnvelopes(new_keyring())
KEY = ENVELOPES.new_key(7)


@given(st.binary(max_size=4096))
def test_what_was_sealed_opens_at_its_place(plain: bytes) -> None:
    assert ENVELOPES.open(KEY, FIELD, ENVELOPES.seal(KEY, FIELD, plain)) == plain


def test_the_same_value_is_never_sealed_alike() -> None:
    assert ENVELOPES.seal(KEY, FIELD, b"x") != ENVELOPES.seal(KEY, FIELD, b"x")


def test_a_sealed_value_names_its_scheme_and_its_key() -> None:
    scheme, kid, nonce, ciphertext = ENVELOPES.seal(KEY, FIELD, b"value").split(".")
    assert scheme == "scp1"
    assert len(kid) == 8
    assert len(nonce) == 16
    assert len(ciphertext) == 28
    assert KEY.split(".")[1] != kid


@pytest.mark.parametrize(
    "moved",
    [
        dataclasses.replace(FIELD, row="stream-2"),
        dataclasses.replace(FIELD, name="error"),
        dataclasses.replace(FIELD, table="ledger"),
        dataclasses.replace(FIELD, table="stream", row="sstream-1"),
        dataclasses.replace(FIELD, row="", name="stream-1config"),
    ],
)
def test_a_value_moved_to_another_row_or_field_does_not_open(moved: Field) -> None:
    with pytest.raises(SealBroken, match="belongs elsewhere"):
        ENVELOPES.open(KEY, moved, ENVELOPES.seal(KEY, FIELD, b"value"))


def test_a_value_moved_to_another_session_does_not_open_under_either_key() -> None:
    other = dataclasses.replace(FIELD, session_pk=8)
    sealed = ENVELOPES.seal(KEY, FIELD, b"value")
    with pytest.raises(SealBroken):
        ENVELOPES.open(ENVELOPES.new_key(8), other, sealed)
    with pytest.raises(SealBroken):
        ENVELOPES.open(KEY, other, sealed)


def test_a_data_key_of_another_session_does_not_open_even_with_its_values() -> None:
    # Someone who can write to the database moves a whole session: key and values.
    other = dataclasses.replace(FIELD, session_pk=8)
    foreign = ENVELOPES.new_key(8)
    sealed = ENVELOPES.seal(foreign, other, b"value")
    with pytest.raises(SealBroken, match="data key"):
        ENVELOPES.open(foreign, FIELD, sealed)


def test_a_value_under_another_data_key_of_the_same_session_does_not_open() -> None:
    with pytest.raises(SealBroken, match="another data key"):
        ENVELOPES.open(ENVELOPES.new_key(7), FIELD, ENVELOPES.seal(KEY, FIELD, b"value"))


def test_a_data_key_wrapped_by_unknown_keys_does_not_open_and_says_what_to_restore() -> None:
    with pytest.raises(SealBroken, match="Restore the keys"):
        KeyringEnvelopes(new_keyring()).seal(KEY, FIELD, b"value")


@given(st.data())
def test_a_value_with_any_character_changed_does_not_open(data: st.DataObject) -> None:
    sealed = ENVELOPES.seal(KEY, FIELD, b"value!")  # 22 bytes with the tag: spare bits at the end
    at = data.draw(st.integers(0, len(sealed) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+ é"
    other = data.draw(st.sampled_from([c for c in alphabet if c != sealed[at]]))
    with pytest.raises(SealBroken):
        ENVELOPES.open(KEY, FIELD, sealed[:at] + other + sealed[at + 1 :])


@given(st.text(max_size=200))
def test_garbage_does_not_open(garbage: str) -> None:
    with pytest.raises(SealBroken):
        ENVELOPES.open(KEY, FIELD, garbage)
    with pytest.raises(SealBroken):
        ENVELOPES.open(garbage, FIELD, ENVELOPES.seal(KEY, FIELD, b""))


def test_a_truncated_nonce_does_not_open() -> None:
    scheme, kid, _, ciphertext = ENVELOPES.seal(KEY, FIELD, b"value").split(".")
    with pytest.raises(SealBroken, match="scheme"):
        ENVELOPES.open(KEY, FIELD, f"{scheme}.{kid}.AAAA.{ciphertext}")


def test_a_data_key_that_was_rewrapped_opens_what_was_sealed_before_and_after() -> None:
    old, new = new_line("seal"), new_line("seal")
    index = new_line("index")
    before = KeyringEnvelopes(parse_keys(f"{old}\n{index}", "keys"))
    during = KeyringEnvelopes(parse_keys(f"{new}\n{old}\n{index}", "keys"))
    after = KeyringEnvelopes(parse_keys(f"{new}\n{index}", "keys"))
    key = before.new_key(7)
    sealed = before.seal(key, FIELD, b"value")
    rewrapped = during.rewrapped(7, key)
    assert rewrapped.split(".")[1] == new.split()[1]
    assert after.open(rewrapped, FIELD, sealed) == b"value"
    assert before.open(key, FIELD, during.seal(rewrapped, FIELD, b"later")) == b"later"
    with pytest.raises(SealBroken):
        during.rewrapped(8, key)
