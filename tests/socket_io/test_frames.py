"""Frames, against the `websockets` package's client as the peer, cut wherever they can be cut."""

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close as PeersClose
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from scp_socketio.websocket import frames
from scp_socketio.websocket.frames import Close, FrameReader, Ping, Pong, Received, Violation

LIMIT: Final = 70_000
KEY: Final = bytes((1, 0xFE, 3, 0x80))
SIZES = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536])
CONTROL = st.binary(max_size=125)
CODES = st.sampled_from([1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999])
FRAGMENTED = st.lists(st.binary(max_size=9), min_size=1, max_size=4)
TEXT_FRAGMENTED = st.lists(st.text(max_size=9), min_size=1, max_size=4)

Sent = tuple[bytes, list[Received]]
"""What a client wrote, and what must be read from it."""


def peer() -> ClientProtocol:
    """A connected client."""
    return ClientProtocol(parse_uri("ws://server.example/"), state=State.OPEN)


def masked(first: int, payload: bytes = b"", *, length: bytes | None = None) -> bytes:
    """A frame as no honest client needs to write it: any first byte, any form of length."""
    size = bytes((0x80 | len(payload),)) if length is None else length
    body = bytes(byte ^ KEY[at % 4] for at, byte in enumerate(payload))
    return bytes((first,)) + size + KEY + body


def read(chunks: Iterable[bytes], limit: int = LIMIT) -> list[Received | int]:
    """Everything a server reads; where the peer broke the protocol, the close code ends it."""
    reader, found = FrameReader(limit), list[Received | int]()
    for chunk in chunks:
        reader.feed(chunk)
        try:
            while (received := reader.next_received()) is not None:
                found.append(received)
        except Violation as violation:
            found.append(violation.code)
    return found


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@st.composite
def conversations(draw: st.DrawFn) -> Sent:
    """Messages whole and in fragments, pings and pongs among them, perhaps a close frame."""
    client, expected = peer(), list[Received]()

    def control() -> None:
        for _ in range(draw(st.integers(0, 2))):
            data = draw(CONTROL)
            if draw(st.booleans()):
                client.send_ping(data)
                expected.append(Ping(data))
            else:
                client.send_pong(data)
                expected.append(Pong(data))

    for _ in range(draw(st.integers(0, 4))):
        control()
        if draw(st.booleans()):
            text = "".join(parts := draw(TEXT_FRAGMENTED))
            encoded, whole = _split(text.encode(), len(parts)), text
            client.send_text(encoded[0], fin=len(encoded) == 1)
        else:
            encoded = draw(FRAGMENTED | SIZES.map(lambda size: [bytes(size)]))
            client.send_binary(encoded[0], fin=len(encoded) == 1)
            whole = b"".join(encoded)  # type: ignore[assignment]
        for at, part in enumerate(encoded[1:], 2):
            control()
            client.send_continuation(part, fin=at == len(encoded))
        expected.append(whole)
    if draw(st.booleans()):
        code, reason = draw(CODES), draw(st.text(max_size=20))
        client.send_close(code, reason)
        expected.append(Close(code, reason))
    return b"".join(client.data_to_send()), expected


def _split(data: bytes, count: int) -> list[bytes]:
    """In so many parts, characters cut or not."""
    step = len(data) // count + 1
    return [data[at * step : (at + 1) * step] for at in range(count)]


@given(conversations(), st.lists(st.integers(0, 200_000), max_size=6))
def test_what_a_client_sends_is_read_however_it_is_cut(sent: Sent, places: list[int]) -> None:
    data, expected = sent
    assert read(cut(data, places)) == expected


def test_a_conversation_is_read_the_same_from_every_single_cut_and_byte_by_byte() -> None:
    client = peer()
    client.send_text("grüß".encode()[:3], fin=False)
    client.send_ping(b"in between")
    client.send_continuation("grüß".encode()[3:], fin=True)
    client.send_binary(bytes(300))
    client.send_text(b"2")
    client.send_close(1000, "bye")
    data = b"".join(client.data_to_send())
    expected = [Ping(b"in between"), "grüß", bytes(300), "2", Close(1000, "bye")]
    assert read(data[at : at + 1] for at in range(len(data))) == expected
    for at in range(len(data)):
        assert read([data[:at], data[at:]]) == expected


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_whatever_arrives_is_read_or_refused_and_alike_however_it_is_cut(
    data: bytes, places: list[int]
) -> None:
    assert read(cut(data, places), limit=20) == read([data], limit=20)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frames.frame(frames.TEXT, b"hi"), 1002, id="unmasked"),
        pytest.param(masked(0xC1, b"hi"), 1002, id="rsv1"),
        pytest.param(masked(0xA1, b"hi"), 1002, id="rsv2"),
        pytest.param(masked(0x91, b"hi"), 1002, id="rsv3"),
        *(
            pytest.param(masked(0x80 | opcode), 1002, id=f"reserved opcode {opcode:x}")
            for opcode in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF)
        ),
        pytest.param(masked(0x09), 1002, id="fragmented ping"),
        pytest.param(masked(0x08), 1002, id="fragmented close"),
        pytest.param(
            masked(0x89, bytes(126), length=b"\xfe\x00\x7e"), 1002, id="ping of 126 bytes"
        ),
        pytest.param(
            masked(0x81, b"x" * 5, length=b"\xfe\x00\x05"), 1002, id="short length in two bytes"
        ),
        pytest.param(
            masked(0x81, b"x" * 300, length=b"\xff" + struct.pack("!Q", 300)),
            1002,
            id="short length in eight bytes",
        ),
        pytest.param(masked(0x80, b"x"), 1002, id="continuation of nothing"),
        pytest.param(masked(0x01, b"a") + masked(0x81, b"b"), 1002, id="message in a message"),
        pytest.param(masked(0x81, b"\xff"), 1007, id="not utf-8"),
        pytest.param(masked(0x81, b"\xed\xa0\x80"), 1007, id="a surrogate"),
        pytest.param(masked(0x81, b"\xc0\xaf"), 1007, id="overlong utf-8"),
        pytest.param(masked(0x01, b"\xce") + masked(0x80, b"x"), 1007, id="utf-8 broken by a cut"),
        pytest.param(masked(0x88, b"\x03"), 1002, id="close of one byte"),
        *(
            pytest.param(masked(0x88, struct.pack("!H", number)), 1002, id=f"close with {number}")
            for number in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
        ),
        pytest.param(masked(0x88, b"\x03\xe8\xff"), 1007, id="close reason not utf-8"),
    ],
)
def test_a_breach_ends_the_reading_with_its_close_code(data: bytes, code: int) -> None:
    after = masked(0x81, b"too late")
    assert read([data + after]) == [code]
    assert read([*(data[at : at + 1] for at in range(len(data))), after]) == [code]


def test_what_came_whole_before_a_breach_is_still_read() -> None:
    assert read([masked(0x81, b"2") + masked(0x8A) + masked(0xC1)]) == ["2", Pong(b""), 1002]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\x81\xfe\x00\x7f", id="in two bytes"),
        pytest.param(b"\x82\xff" + struct.pack("!Q", 1 << 40), id="in eight bytes"),
        pytest.param(b"\x82\xff" + b"\xff" * 8, id="past 63 bits"),
    ],
)
def test_a_message_too_big_is_refused_by_its_announced_length(head: bytes) -> None:
    assert read([head], limit=126) == [1009]


def test_fragments_that_add_up_to_too_much_are_refused_before_the_last_is_read() -> None:
    parts = masked(0x02, bytes(60)) + masked(0x00, bytes(60))
    assert read([parts, masked(0x80, bytes(6))], limit=126) == [bytes(126)]
    assert read([parts, b"\x80\x87"], limit=126) == [1009]


def test_a_ping_in_between_does_not_count_towards_the_size_of_a_message() -> None:
    data = masked(0x02, bytes(60)) + masked(0x89, bytes(100)) + masked(0x80, bytes(60))
    assert read([data], limit=120) == [Ping(bytes(100)), bytes(120)]


@pytest.mark.parametrize("barren", [masked(0x89, b"?"), masked(0x8A), masked(0x00)])
def test_a_flood_of_frames_that_carry_nothing_is_a_breach_of_policy(barren: bytes) -> None:
    start = masked(0x02, b"a")
    assert read([start, barren * frames.MAX_BARREN_FRAMES])[-1:] != [1008]
    assert read([start, barren * (frames.MAX_BARREN_FRAMES + 1)])[-1:] == [1008]


def test_a_close_frame_may_come_without_a_code_and_ends_the_reading() -> None:
    assert read([masked(0x88) + masked(0x81, b"late"), masked(0x81, b"later")]) == [Close(None, "")]


def test_a_reader_with_nothing_left_to_read_holds_no_buffer() -> None:
    reader, whole = FrameReader(LIMIT), masked(0x81, b"x" * 100)
    for at in range(len(whole)):
        assert reader.next_received() is None
        reader.feed(whole[at : at + 1])
    assert reader.next_received() == "x" * 100
    assert reader.next_received() is None
    assert reader._data == b""


@given(st.integers(0, 255), st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_back_what_was_masked(size: int, key: bytes) -> None:
    data = bytes(range(256))[:size]
    assert frames.unmask(frames.unmask(data, key), key) == data
    assert frames.unmask(data, key) == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


@given(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), SIZES.map(lambda size: b"x" * size) | CONTROL)
def test_a_client_reads_the_frames_written(opcode: Opcode, payload: bytes) -> None:
    client = peer()
    client.receive_data(frames.frame(opcode, payload))
    (event,) = client.events_received()
    assert isinstance(event, Frame)
    assert (event.opcode, bytes(event.data), event.fin) == (opcode, payload, True)


@given(CODES, st.text())
def test_a_client_reads_the_close_code_and_as_much_of_the_reason_as_fits(
    code: int, reason: str
) -> None:
    client = peer()
    client.receive_data(frames.close_frame(code, reason))
    assert client.parser_exc is None
    closed = client.close_rcvd
    assert isinstance(closed, PeersClose)
    assert closed.code == code
    assert reason.startswith(closed.reason)
    assert closed.reason == reason or len(closed.reason.encode()) > 119
