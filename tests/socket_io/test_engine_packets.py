"""Payloads of several Engine.IO packets in one HTTP body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio import ProtocolError
from scp_socketio.engine.packets import join_payload, split_payload

# Content that JSON can have written: it never holds the separator as a bare character.
FRAMES = st.lists(
    st.binary(max_size=30)
    | st.text(st.characters(exclude_characters="\x1e"), max_size=30).map("4".__add__),
    min_size=1,
    max_size=8,
)


@given(FRAMES)
def test_what_was_joined_is_split_into_the_same_frames(frames: list[str | bytes]) -> None:
    assert split_payload(join_payload(frames), limit=8) == frames


def test_a_payload_looks_as_the_specification_shows_it() -> None:
    frames: list[str | bytes] = ["4hello", "2", b"\x01\x02\x03\x04"]
    assert join_payload(frames) == b"4hello\x1e2\x1ebAQIDBA=="


@given(st.binary(max_size=60), st.integers(1, 4))
def test_a_payload_of_anything_is_split_or_refused(body: bytes, limit: int) -> None:
    try:
        frames = split_payload(body, limit)
    except ProtocolError:
        return
    assert 1 <= len(frames) <= limit


@pytest.mark.parametrize(
    "body", [b"2\x1e2\x1e2", b"\xff", b"4\xc3\x28", b"bAQ", b"bAQI*", b"bAQ==\n"]
)
def test_too_many_packets_broken_text_and_broken_base64_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        split_payload(body, limit=2)


def test_a_refusal_quotes_nothing_of_what_was_sent() -> None:
    with pytest.raises(ProtocolError) as refused:
        split_payload(b"bsecret!", limit=1)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
