"""WebSocket frames that are wrong (RFC 6455), and some that only look so."""

from typing import Final

import pytest
from support.socketio_neighbours import HANDSHAKE, ends, frame, frames, plain, receives, unharmed
from support.socketio_raw import at
from support.socketio_server import Way, patient, serving

SMALL: Final = patient(max_message=10_000)
EVENT: Final = b'42["message",1]'
ECHO: Final = b'42["message-back",1]'

ENDING: Final[dict[str, bytes]] = {
    "not masked (5.1)": frame(EVENT, masked=False),
    "RSV1, as of a compressed message (5.2)": frame(EVENT, head=0xC1),
    "RSV2": frame(EVENT, head=0xA1),
    "RSV3": frame(EVENT, head=0x91),
    "opcode 3": frame(EVENT, head=0x83),
    "opcode 7": frame(EVENT, head=0x87),
    "opcode 11": frame(EVENT, head=0x8B),
    "opcode 15": frame(EVENT, head=0x8F),
    "a continuation of nothing (5.4)": frame(EVENT, head=0x80),
    "a message inside of another": frame(b"42", head=0x01) + frame(EVENT),
    "a control frame in fragments (5.5)": frame(b"", head=0x09),
    "a control frame of 126 bytes": frame(b"x" * 126, head=0x89),
    "text that is no UTF-8 (8.1)": frame(b'42["message","\xff"]'),
    "text with a surrogate": frame(b'42["message","\xed\xa0\x80"]'),
    "text that stops within a letter": frame(b'42["message","\xe2\x82'),
    "fragments that are no UTF-8": frame(b"42\xff", head=0x01) + frame(b"", head=0x80),
    "a close of one byte (5.5.1)": frame(b"\x03", head=0x88),
    "a close with code 0 (7.4)": frame((0).to_bytes(2), head=0x88),
    "a close with code 999": frame((999).to_bytes(2), head=0x88),
    "a close with code 1005": frame((1005).to_bytes(2), head=0x88),
    "a close with code 1006": frame((1006).to_bytes(2), head=0x88),
    "a close with code 1015": frame((1015).to_bytes(2), head=0x88),
    "a close with code 5000": frame((5000).to_bytes(2), head=0x88),
    "a close whose reason is no UTF-8": frame(b"\x03\xe8\xff", head=0x88),
    "a plain close": frame(b"\x03\xe8bye", head=0x88),
    "a close of nothing": frame(b"", head=0x88),
    "one byte more than is allowed": frame(b"4" + b"x" * 10_000),
    "more than is allowed, in fragments": frame(b"x" * 6_000, head=0x01)
    + frame(b"x" * 6_000, head=0x80),
    "a terabyte, announced": b"\x81\xff" + (1 << 40).to_bytes(8) + bytes(4),
    "a length with its highest bit set": b"\x81\xff" + (1 << 63).to_bytes(8) + bytes(4),
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "fragments without end": frame(b"x" * 9_000, head=0x01) + frame(b"x" * 900, head=0x00) * 20,
}


@pytest.mark.parametrize("sent", ENDING.values(), ids=ENDING)
async def test_what_is_wrong_ends_the_websocket(way: Way, sent: bytes) -> None:
    async with (
        serving(way, SMALL) as running,
        unharmed(running),
        frames(running, "40") as stream,
    ):
        await receives(stream, b'"auth"')
        await stream.send(sent)
        assert ECHO not in await ends(stream)


@pytest.mark.parametrize("sent", ENDING.values(), ids=ENDING)
async def test_what_is_wrong_ends_it_byte_by_byte_too(sent: bytes) -> None:
    async with (
        serving(Way.LANE, SMALL) as running,
        unharmed(running),
        frames(running, "40") as stream,
    ):
        await receives(stream, b'"auth"')
        try:
            for byte in sent:
                await stream.send(bytes([byte]))
        except OSError:
            pass
        except Exception as ended:  # noqa: BLE001  (anyio's, for the same)
            assert "Resource" in type(ended).__name__  # noqa: PT017
        assert ECHO not in await ends(stream)


TAKEN: Final[dict[str, bytes]] = {
    "one frame": frame(EVENT),
    "two fragments": frame(EVENT[:5], head=0x01) + frame(EVENT[5:], head=0x80),
    "a fragment a byte": frame(EVENT[:1], head=0x01)
    + b"".join(frame(EVENT[i : i + 1], head=0x00) for i in range(1, len(EVENT)))
    + frame(b"", head=0x80),
    "a ping between fragments": frame(EVENT[:5], head=0x01)
    + frame(b"are you there", head=0x89)
    + frame(EVENT[5:], head=0x80),
    "a pong nobody asked for": frame(b"yes", head=0x8A) + frame(EVENT),
    "200 pongs": frame(b"", head=0x8A) * 200 + frame(EVENT),
}


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
async def test_what_is_only_odd_is_taken(way: Way, sent: bytes) -> None:
    async with serving(way, SMALL) as running, unharmed(running):
        async with frames(running, "40") as stream:
            await stream.send(sent)
            await receives(stream, ECHO)
        async with frames(running, "40") as stream:
            for byte in sent:
                await stream.send(bytes([byte]))
            await receives(stream, ECHO)


async def test_a_websocket_ping_is_answered_with_its_content(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), frames(running) as stream:
        await stream.send(frame(b"are you there", head=0x89))
        await receives(stream, b"\x8a\x0dare you there")


async def test_a_close_is_answered_with_a_close(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), frames(running) as stream:
        await stream.send(frame(b"\x03\xe8", head=0x88))
        assert (await ends(stream)).startswith(b"\x88")


async def test_compression_is_never_agreed_upon(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), plain(running) as stream:
        target = at(running, transport="websocket")
        request = HANDSHAKE.format(path=target.path_qs, host=target.authority).removesuffix("\r\n")
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        await stream.send((request + offer).encode())
        head = (await receives(stream, b"}")).split(b"\r\n\r\n")[0].lower()
        assert b" 101 " in head
        assert b"extensions" not in head


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        ("Sec-WebSocket-Version: 13\r\n", ""),
        ("Version: 13", "Version: 8"),
        ("GET", "POST"),
    ],
)
async def test_a_handshake_that_is_wrong_opens_nothing(way: Way, old: str, new: str) -> None:
    async with serving(way, SMALL) as running, unharmed(running), plain(running) as stream:
        target = at(running, transport="websocket")
        request = HANDSHAKE.format(path=target.path_qs, host=target.authority).replace(old, new)
        await stream.send(request.encode())
        status = (await receives(stream, b"\r\n\r\n")).split(b" ")[1]
        assert status in {b"400", b"405", b"426"}
