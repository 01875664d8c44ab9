"""What clients send over Socket.IO, wrong in every way: refused with words, never a crash."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scp_server.delivery.packets import MAX_DEPTH, MAX_MESSAGE, PacketType, read
from scp_server.delivery.subscribing import read_subscription
from scp_server.domain.errors import InvalidRequest, RequestError, StreamConfigError
from scp_wire.stream_types import StreamType

# What broke servers of this kind, without the Engine.IO type in front ("42[]" is "2[]" here).
REFUSED = [
    "",
    "\x00",
    "5-",
    "2",
    "2{",
    "2[]",
    "2[1,2]",
    "2[null]",
    '2{"a":1}',
    '2["connect"]',
    '2["disconnect"]',
    '2["*"]',
    '2["connect_error"]',
    '2["subscribe_data",{},{}]',
    f'2{"7" * 120}["subscribe_data",{{}}]',
    "4",
    '4{"message":"no"}',
    "7",
    "9",
    "59999999999-",
    '51-["subscribe_data",{"_placeholder":true,"num":-1}]',
    '51-["subscribe_data",{"_placeholder":true,"num":"x"}]',
    '21-["subscribe_data",{}]',
    '6["x"]',
    f'2["subscribe_data",{"[" * 5000}{"]" * 5000}]',
    f'2["subscribe_data",{"[" * 20000}{"]" * 20000}]',
    f'2["subscribe_data","{"x" * 200_000}"]',
    f'2["subscribe_data",{"9" * 5000}',
    '2["subscribe_data",NaN]',
    '2["subscribe_data",{}] trailing',
    '2["subscribe_data",{"a":"\ud800"}]',
    "0[]",
    '0"text"',
    "0{",
]


@pytest.mark.parametrize("message", REFUSED, ids=lambda m: repr(m[:40]))
def test_a_wrong_message_is_refused_with_the_field_named(message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(message)
    assert refused.value.details["field"]
    assert len(refused.value.message) < 200
    json.dumps(dict(refused.value.details))


@pytest.mark.parametrize("value", [b"", b"\x04\xff", b'2["subscribe_data"]', None, 7, {"a": 1}, []])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest):
        read(value)  # type: ignore[arg-type]


@given(
    st.text(), st.sampled_from(["", "0", "1", "2", "3", "2[", '2["subscribe_data",', "2/a,", "0/"])
)
@example("9" * 5000, "0")
@example('{"a":' + "9" * 5000 + "}", "0")
@example("[" * 2000, "0")
def test_no_text_makes_it_raise_anything_else(text: str, start: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert isinstance(read(start + text).kind, PacketType)


nested = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(nested)
def test_any_json_argument_is_passed_on_as_it_is_or_refused_for_its_depth(value: object) -> None:
    with contextlib.suppress(InvalidRequest):
        packet = read("2" + json.dumps(["subscribe_data", value]))
        assert packet.kind is PacketType.EVENT
        assert packet.namespace == "/"
        assert packet.data == ["subscribe_data", value]


@pytest.mark.parametrize(
    ("message", "kind", "namespace"),
    [
        ("0", PacketType.CONNECT, "/"),
        ('0{"session_id":"x"}', PacketType.CONNECT, "/"),
        ("0/admin,", PacketType.CONNECT, "/admin"),
        ("0/admin", PacketType.CONNECT, "/admin"),
        ("0/a?x=1,", PacketType.CONNECT, "/a"),
        ("1", PacketType.DISCONNECT, "/"),
        ('2["subscribe_data",{}]', PacketType.EVENT, "/"),
        ('212["subscribe_data",{}]', PacketType.EVENT, "/"),
        ("37[]", PacketType.ACK, "/"),
    ],
)
def test_what_is_well_formed_is_read(message: str, kind: PacketType, namespace: str) -> None:
    packet = read(message)
    assert (packet.kind, packet.namespace) == (kind, namespace)


def test_a_message_may_be_as_long_and_as_deep_as_is_said_and_no_more() -> None:
    filling = MAX_MESSAGE - len('2["subscribe_data",""]')
    read(f'2["subscribe_data","{"x" * filling}"]')
    with pytest.raises(InvalidRequest):
        read(f'2["subscribe_data","{"x" * (filling + 1)}"]')
    read(f'2["subscribe_data",{"[" * (MAX_DEPTH - 1)}{"]" * (MAX_DEPTH - 1)}]')
    with pytest.raises(InvalidRequest):
        read(f'2["subscribe_data",{"[" * MAX_DEPTH}{"]" * MAX_DEPTH}]')


def test_a_subscription_names_types_and_replaces_all() -> None:
    asked, wanted = read_subscription({"session_id": "s", "data_types": ["gmail_messages"]})
    assert asked.session_id == "s"
    assert wanted.types == frozenset({StreamType.GMAIL_MESSAGES})
    assert wanted.batch is False
    _, nothing = read_subscription({"data_types": [], "batch": True})
    assert nothing.types == frozenset()
    assert nothing.batch is True


@pytest.mark.parametrize("name", ["gmail", "GMAIL_MESSAGES", "", "gmail_messages ", "contacts\x00"])
def test_an_unknown_type_is_a_config_error_that_lists_all_seven(name: str) -> None:
    with pytest.raises(StreamConfigError) as refused:
        read_subscription({"data_types": ["contacts", name]})
    allowed = refused.value.details["allowed_values"]
    assert isinstance(allowed, list)
    assert len(allowed) == 7


@given(nested | st.fixed_dictionaries({"data_types": nested, "batch": nested, "window": nested}))
def test_no_subscription_makes_it_raise_anything_but_a_refusal(data: object) -> None:
    with contextlib.suppress(RequestError):
        _, wanted = read_subscription(data)
        assert wanted.types is not None
