"""Socket.IO packets as text."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio import ProtocolError
from scp_socketio.protocol.packets import BINARY, Kind, Packet, decode, encode

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
# As a URL's path can be: no comma, which ends it.
NAMESPACES = st.just("/") | st.text(
    st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1, max_size=8
).map("/".__add__)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(kind=Kind.CONNECT)),
        ('0{"sid":"a"}', Packet(kind=Kind.CONNECT, data={"sid": "a"})),
        ("0/admin", Packet(kind=Kind.CONNECT, namespace="/admin")),
        ("0/admin,", Packet(kind=Kind.CONNECT, namespace="/admin")),
        ('0/admin,{"a":1}', Packet(kind=Kind.CONNECT, namespace="/admin", data={"a": 1})),
        ("1/admin,", Packet(kind=Kind.DISCONNECT, namespace="/admin")),
        ('2["foo"]', Packet(kind=Kind.EVENT, data=["foo"])),
        ('212["foo"]', Packet(kind=Kind.EVENT, id=12, data=["foo"])),
        ('2/admin,13["bar"]', Packet(kind=Kind.EVENT, namespace="/admin", id=13, data=["bar"])),
        ("312[]", Packet(kind=Kind.ACK, id=12, data=[])),
        ('51-["a"]', Packet(kind=Kind.BINARY_EVENT, attachments=1, data=["a"])),
        ('61-15["a"]', Packet(kind=Kind.BINARY_ACK, attachments=1, id=15, data=["a"])),
        (
            '52-/admin,7["a"]',
            Packet(kind=Kind.BINARY_EVENT, attachments=2, namespace="/admin", id=7, data=["a"]),
        ),
    ],
)
def test_packets_are_read_as_the_specification_shows_them(text: str, packet: Packet) -> None:
    assert decode(text, 16) == packet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "x",
        "²",
        "2abc",
        "2[1",
        '2["a"]x',
        "2NaN",
        "21-[]",
        "5[]",
        "5-[]",
        "517-[]",
        "5" + "9" * 5000 + '-["a"]',
        "2" + "1" * 17 + '["a"]',
        "2" + "1" * 5000 + '["a"]',
        "2٣[]",
        "2[" + "1" * 5000 + "]",
        "2[1e999]",
        "-1",
        " 2[]",
        '2["\\ud800"]',
    ],
)
def test_what_is_no_packet_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode(text, 16)


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (16, True), (17, False), (60_000, False)])
@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}")])
def test_nesting_ends_at_the_limit(depth: int, *, fits: bool, brackets: str) -> None:
    text = "2" + brackets[0] * depth + ("1" if brackets[1] == "}" else "") + brackets[1] * depth
    if fits:
        decode(text, 16)
    else:
        with pytest.raises(ProtocolError):
            decode(text, 16)


def test_brackets_in_text_do_not_nest() -> None:
    assert decode('2["' + "[{" * 500 + '"]', 1).data == ["[{" * 500]


@given(JSON, st.sampled_from([None, 0, 12, 2**53]), NAMESPACES)
def test_an_event_that_was_written_is_read_as_the_same(
    value: Any,  # noqa: ANN401  (JSON)
    number: int | None,
    namespace: str,
) -> None:
    data = json.dumps(["event", value], ensure_ascii=False).encode()
    for kind, attachments in ((Kind.EVENT, 0), (Kind.BINARY_EVENT, 2)):
        text = encode(kind, data, namespace=namespace, id=number, attachments=attachments)
        assert decode(text, 100) == Packet(
            kind=kind,
            namespace=namespace,
            id=number,
            data=["event", value],
            attachments=attachments,
        )


@given(st.text(max_size=30) | st.from_regex(r"[0-6][0-9/,\-\[\]{}\"a:]*", fullmatch=True))
def test_any_text_is_a_packet_or_refused(text: str) -> None:
    with suppress(ProtocolError):
        packet = decode(text, 4)
        assert packet.attachments == 0 or packet.kind in BINARY


def test_a_refusal_quotes_nothing_of_what_was_sent() -> None:
    with pytest.raises(ProtocolError) as refused:
        decode('2["a secret", oops]', 4)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__
