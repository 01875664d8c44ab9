"""JSON with a flaw in one of its texts is read for the sake of all the others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.answers import Answer, json_object


def read(body: bytes) -> Any:  # noqa: ANN401  (JSON)
    return json_object(Answer(status=200, headers={}, body=body))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"a":"\ud83d cut"}', "\ufffd cut"),
        (rb'{"a":"cut \uDE00"}', "cut \ufffd"),
        (rb'{"a":"\ud83d\ude00 \\ud83d \ud83d"}', "\U0001f600 \\ud83d \ufffd"),
        (b'{"a":"\xff\xfe"}', "\ufffd\ufffd"),
        (b'{"a":"a\x01b"}', "a\x01b"),
        (b'{"a":NaN}', None),
        (b'{"a":' + b"9" * 5000 + b"}", None),
    ],
)
def test_a_flaw_is_replaced(body: bytes, value: object) -> None:
    assert read(body)["a"] == value


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=[]))))
def test_whatever_text_is_escaped_is_read_and_can_be_sent_on(texts: dict[str, str]) -> None:
    found = read(json.dumps({**texts, "": "\ud800"}).encode())
    assert found[""] == "\ufffd"
    json.dumps(found, ensure_ascii=False).encode()
    assert found.keys() == {**texts, "": ""}.keys()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a":', b'{"a":"\\ud8', b'{"a":' + b"[" * 10**5]
)
def test_what_is_no_json_stays_none(body: bytes) -> None:
    with pytest.raises(ProviderProtocolError):
        read(body)
