"""Messages: encoded once, framed once, read back as they were given."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from scp_socketio.messages import RESERVED_EVENTS, Message

# Around the lengths at which a frame's header grows (RFC 6455 §5.2).
SIZES = st.sampled_from([0, 1, 120, 124, 125, 126, 127, 65_534, 65_535, 65_536])
TEXTS = st.text(max_size=40) | SIZES.map(lambda size: "x" * size)
PACKETS = st.lists(TEXTS | st.binary(max_size=40) | SIZES.map(bytes), max_size=4)


def read_by_a_client(message: Message) -> list[str | bytes]:
    """What the `websockets` package's client, connected, takes out of the frames."""
    client = ClientProtocol(parse_uri("ws://server.example/"), state=State.OPEN)
    client.receive_data(message.frames)
    assert client.parser_exc is None
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    assert all(frame.fin for frame in frames)
    return [
        bytes(frame.data).decode() if frame.opcode is Opcode.TEXT else bytes(frame.data)
        for frame in frames
    ]


@given(PACKETS)
def test_a_client_reads_text_packets_as_engine_messages_and_attachments_as_they_are(
    packets: list[str | bytes],
) -> None:
    expected = [packet if isinstance(packet, bytes) else "4" + packet for packet in packets]
    assert read_by_a_client(Message(packets)) == expected


@given(PACKETS)
def test_packets_are_read_back_as_they_were_given(packets: list[str | bytes]) -> None:
    message = Message(packets)
    assert message.packets == tuple(packets)
    assert message.size == len(message.frames)


NAMES = st.text().filter(lambda name: name not in RESERVED_EVENTS)


@given(NAMES, st.lists(st.integers() | st.text(), max_size=3))
def test_an_event_is_its_name_and_arguments_as_one_json_array(
    name: str, values: list[int | str]
) -> None:
    message = Message.event(name, *(json.dumps(value).encode() for value in values))
    (packet,) = message.packets
    assert isinstance(packet, str)
    assert packet[0] == "2"
    assert json.loads(packet[1:]) == [name, *values]


def test_an_event_of_another_namespace_names_it_before_the_array() -> None:
    assert Message.event("news", b'{"n":1}', namespace="/custom").packets == (
        '2/custom,["news",{"n":1}]',
    )


def test_an_event_without_arguments_is_an_array_of_its_name() -> None:
    assert read_by_a_client(Message.event("bell")) == ['42["bell"]']


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_events_that_the_client_library_raises_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="choose another name"):
        Message.event(name)


@pytest.mark.parametrize("namespace", ["", "custom", "/a,b"])
def test_a_namespace_that_cannot_be_written_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="starts with /"):
        Message.event("news", namespace=namespace)


@given(st.lists(PACKETS, max_size=4))
def test_joined_messages_hold_all_packets_in_order(runs: list[list[str | bytes]]) -> None:
    joined = Message.joined([Message(packets) for packets in runs])
    assert joined.packets == tuple(packet for packets in runs for packet in packets)
    assert read_by_a_client(joined) == [
        packet for packets in runs for packet in read_by_a_client(Message(packets))
    ]


def test_the_representation_shows_no_content() -> None:
    assert repr(Message(['2["secret"]'])) == "<Message of 14 bytes>"
