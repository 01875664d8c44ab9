"""Strict JSON: what is not exactly JSON is refused with a reason, never with a crash."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.api.bodies import MAX_DEPTH, parse_json
from scp_server.domain.errors import InvalidRequest

REFUSED = {
    "nothing": b"",
    "blanks": b" \n\t",
    "a word": b"hello",
    "half an object": b'{"a": 1',
    "trailing garbage": b'{"a": 1} x',
    "two values": b"{}{}",
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
    "a comment": b'{"a": 1} // no',
    "a duplicate key": b'{"session_id": "A", "session_id": "B"}',
    "a duplicate key inside": b'{"a": [{"b": 1, "b": 1}]}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "minus Infinity": b'{"a": -Infinity}',
    "a number beyond doubles": b'{"a": 1e400}',
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "Latin-1": b'{"a": "\xe9"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a surrogate pair as a key": b'{"\\udc00": 1}',
    "a control character": b'{"a": "\x01"}',
    "NUL": b'{"a": "\x00"}',
    "65 levels": b"[" * 65 + b"]" * 65,
    "100,000 levels": b"[" * 100_000,
    "100,000 levels of objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_strict_json_is_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_json(raw)
    assert refusal.value.message.startswith(("The body", "NaN", "Infinity", "-Infinity"))


def test_64_levels_are_read() -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(parse_json(raw)).encode() == raw


def test_a_whole_number_written_as_a_fraction_is_an_integer() -> None:
    value = parse_json(b'{"batch_size": 100.0}')
    assert value == {"batch_size": 100}
    assert isinstance(value, dict)
    assert isinstance(value["batch_size"], int)


def test_the_error_names_a_repeated_key_but_no_value() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_json(b'{"session_id": "session-one", "session_id": "session-two"}')
    assert refusal.value.details == {"field": "session_id"}
    assert "session-" not in refusal.value.message


_PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
_JSON = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_JSON)
def test_every_strict_value_is_read_as_it_was_written(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_a_refusal(raw: bytes) -> None:
    with suppress(InvalidRequest):
        parse_json(raw)
