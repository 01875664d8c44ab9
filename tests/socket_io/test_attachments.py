"""Binary taken out of values, and put back."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio import ProtocolError
from scp_socketio.protocol.attachments import Assembly, put_back, take_out
from scp_socketio.protocol.packets import Kind, Packet

KEYS = st.text(max_size=4).filter(lambda key: key != "_placeholder")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(-1000, 1000) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_was_taken_out_goes_back_to_its_places(
    value: Any,  # noqa: ANN401  (JSON, and bytes)
) -> None:
    plain, found = take_out(value)
    msgspec.json.encode(plain)
    assert put_back(msgspec.json.decode(msgspec.json.encode(plain)), found) == value


def test_binary_follows_in_the_order_of_its_placeholders() -> None:
    plain, found = take_out(["baz", b"\x01", {"a": [bytearray(b"\x02"), memoryview(b"\x03")]}])
    places = [{"_placeholder": True, "num": number} for number in range(3)]
    assert plain == ["baz", places[0], {"a": [places[1], places[2]]}]
    assert found == [b"\x01", b"\x02", b"\x03"]


def test_binary_inside_objects_of_the_application_is_found() -> None:
    @dataclass
    class Photo:
        pixels: bytes

    assert take_out(Photo(b"\x01")) == ({"pixels": {"_placeholder": True, "num": 0}}, [b"\x01"])


@pytest.mark.parametrize("number", [-1, 2, 0.0, "0", None, True, 10**30])
def test_a_placeholder_that_names_no_attachment_is_refused(number: object) -> None:
    with pytest.raises(ProtocolError):
        put_back([{"_placeholder": True, "num": number}], [b"a", b"b"])


def test_an_object_that_is_no_placeholder_stays() -> None:
    for value in ({"_placeholder": False, "num": 0}, {"_placeholder": 1}, {"num": 0}):
        assert put_back(value, [b"a"]) == value


def test_a_packet_is_whole_when_its_last_attachment_has_come() -> None:
    data = ["e", {"_placeholder": True, "num": 1}, {"_placeholder": True, "num": 0}]
    assembly = Assembly(Packet(kind=Kind.BINARY_EVENT, attachments=2, data=data, id=3))
    assert assembly.add(b"a") is None
    assert assembly.add(b"b") == Packet(kind=Kind.BINARY_EVENT, data=["e", b"b", b"a"], id=3)
