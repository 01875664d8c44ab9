"""What was right until something befell it: random, but the same each time."""

import random
from contextlib import suppress
from typing import Final

import anyio
import pytest
from support.socketio_neighbours import frame, frames, unharmed
from support.socketio_raw import SEPARATOR, polling
from support.socketio_server import Way, patient, serving

RIGHT: Final = [
    b'42["message",1,"two",{"three":[true,null,-1.5e3]}]',
    b'42/custom,["message","\xf0\x9f\x98\x80"]',
    b'4212["message-with-ack",{"a":{"b":[[]]}}]',
    b'452-7["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    b'40/custom,{"token":"123"}',
    b"430[1]",
    b"41/custom,",
    b"3",
    b"6",
]
LETTERS: Final = b'0123456789-/,[]{}":\\ \x00\x1e\xff\xe2b'


def befallen(chance: random.Random, whole: bytes) -> bytes:
    """Something right with one to three things wrong."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(whole) + 1)
        letter = bytes([chance.choice(LETTERS)])
        whole = chance.choice(
            [
                whole[:at],
                whole[:at] + letter + whole[at:],
                whole[:at] + letter + whole[at + 1 :],
                whole[:at] + whole[at + 1 :],
                whole[:at] + whole[:at] + whole[at:],
            ]
        )
    return whole


@pytest.mark.parametrize("seed", range(4))
async def test_no_packet_breaks_the_server(way: Way, seed: int) -> None:
    chance = random.Random(seed)
    async with serving(way, patient(max_message=10_000, binary=True)) as running, unharmed(running):
        for _ in range(60):
            packets = [befallen(chance, chance.choice(RIGHT)) for _ in range(4)]
            heads = [chance.choice([0x81, 0x81, 0x82]) for _ in packets]
            async with frames(running, "40") as stream:
                with suppress(anyio.BrokenResourceError):  # it may have ended meanwhile
                    for packet, head in zip(packets, heads, strict=True):
                        await stream.send(frame(packet, head=head))
                    await stream.send(frame(b"1") + frame(b"9"))
        assert not running.heard.errors


@pytest.mark.parametrize("seed", range(4))
async def test_no_frame_breaks_the_server(way: Way, seed: int) -> None:
    chance = random.Random(seed)
    async with serving(way, patient(max_message=10_000, binary=True)) as running, unharmed(running):
        for _ in range(60):
            sent = b"".join(frame(chance.choice(RIGHT)) for _ in range(4))
            async with frames(running, "40") as stream:
                with suppress(anyio.BrokenResourceError):
                    await stream.send(befallen(chance, sent))
                    await stream.send(frame(b"1") * 3)
        assert not running.heard.errors


@pytest.mark.parametrize("seed", range(4))
async def test_no_payload_breaks_the_server(seed: int) -> None:
    chance = random.Random(seed)
    settings = patient(max_message=10_000, binary=True)
    async with serving(Way.LANE, settings) as running, unharmed(running):
        for _ in range(60):
            payload = SEPARATOR.encode().join(chance.choice(RIGHT) for _ in range(4))
            async with polling(running) as raw:
                await raw.post("40")
                assert (await raw.ask("POST", befallen(chance, payload))).status in {200, 400}
                await raw.ask("POST", "1")
        assert not running.heard.errors


async def test_what_comes_in_pieces_is_what_came_at_once(way: Way) -> None:
    """Wherever TCP happens to cut."""
    chance = random.Random(1)
    async with serving(way, patient()) as running, unharmed(running):
        for _ in range(20):
            sent = b"".join(frame(f'42["message",{n}]'.encode()) for n in range(20))
            async with frames(running, "40") as stream:
                while sent:
                    cut = chance.randint(1, 40)
                    await stream.send(sent[:cut])
                    sent = sent[cut:]
                read = b""
                with anyio.fail_after(30):
                    while b'42["message-back",19]' not in read:
                        read += await stream.receive()
                places = [read.index(f'["message-back",{n}]'.encode()) for n in range(20)]
                assert places == sorted(places)
