"""Packets that are wrong, too big, too deep or too many; over both transports."""

from typing import Final

import pytest
from support.socketio_neighbours import unharmed
from support.socketio_raw import polling, websocket
from support.socketio_server import Way, patient, serving

SMALL: Final = patient(max_message=10_000, max_depth=16, binary=True)


def deep(levels: int) -> str:
    """An event whose argument is nested so deep."""
    return '42["message",' + "[" * levels + "]" * levels + "]"


ENDING: Final[dict[str, list[str | bytes]]] = {
    "nothing": [""],
    "a NUL": ["\0"],
    "an unknown engine packet": ["9"],
    "a ping from a client": ["2"],
    "a flood of pings": ["2"] * 16,
    "an open": ["0{}"],
    "leaving where one never was": ["41/nowhere,"],
    "an empty message": ["4"],
    "an unfinished binary event": ["45-"],
    "no event": ["42[]"],
    "a number for all arguments": ["421"],
    "JSON cut off": ['42["message",{'],
    "JSON and garbage": ['42["message"]garbage'],
    "a byte order mark": ['42\ufeff["message"]'],
    "an infinity": ['42["message",Infinity]'],
    "a comment": ['42["message"/**/]'],
    "single quotes": ["42['message']"],
    "nesting by one too deep": [deep(16)],
    "nesting of 2,000": [deep(2_000)],
    "objects of 1,500": ['42["message",' + '{"a":' * 1_500 + "1" + "}" * 1_500 + "]"],
    "nesting that never ends": ['42["message",' + "[" * 9_000],
    "deep auth": ["40/custom," + '{"a":' * 1_000 + "1" + "}" * 1_000],
    "connecting twice": ["40"],
    "connecting 15 times": ["40/custom,"] * 15,
    "auth that is a list": ["40/custom,[]"],
    "reserved": ['42["disconnect","spoofed"]'],
    "reserved, with attachments": ['451-["connect",{"_placeholder":true,"num":0}]', b"1"],
    "an unheard-of count": ["459999999999-"],
    "a count of nothing": ['45["message"]'],
    "11 attachments too many": ['451000-["message"]'],
    "an attachment from nowhere": [b"\1\2"],
    "a placeholder twice as far": ['451-["message",{"_placeholder":true,"num":9}]', b"1"],
    "a placeholder below nothing": ['451-["message",{"_placeholder":true,"num":-1}]', b"1"],
    "a placeholder of text": ['451-["message",{"_placeholder":true,"num":"x"}]', b"1"],
    "text instead of an attachment": [
        '451-["message",{"_placeholder":true,"num":0}]',
        '42["message"]',
    ],
    "an id beyond all": ["42" + "9" * 120 + '["message"]'],
    "an id with a sign": ['42+1["message"]'],
    "an answer that is no list": ["430{}"],
    "an error": ["44{}"],
    "a type beyond": ["47[]"],
    "more than is allowed": ['42["message","' + "x" * 10_000 + '"]'],
    "a number of 5,000 digits": ['42["message",' + "9" * 5_000 + "e9999]"],
}
HARMLESS: Final[dict[str, list[str | bytes]]] = {
    "an event nobody handles": ['42["*",1]'],
    "an event called __proto__": ['42["__proto__",{"constructor":1}]'],
    "an event of a private name": ['42["__class__"]'],
    "an event of no name": ['42[""]'],
    "a format string": ['42["{0.__class__}%n%s"]'],
    "an answer that nobody awaits": ["43999[1]"],
    "a namespace of 5 KB": ["40/" + "n" * 5_000 + ","],
    "a namespace with a query": ["40/a?x=1,"],
    "a namespace of dots": ["40/../../etc/passwd,"],
    "a pong": ["3"],
    "a noop": ["6"],
    "a number for an event": ["42[7,1]"],
    "16 pongs": ["3"] * 16,
    "nesting to the limit": [deep(15)],
    "a name twice": ['42["message",{"a":1,"a":2}]'],
    "right to left, and zero width": ['42["message","\u202e\u200b\u0000"]'.replace("\0", "")],
}


@pytest.mark.parametrize("packets", ENDING.values(), ids=ENDING)
async def test_what_is_wrong_ends_a_websocket_and_harms_nobody(
    way: Way, packets: list[str | bytes]
) -> None:
    async with serving(way, SMALL) as running, unharmed(running), websocket(running) as raw:
        await raw.connect()
        await raw.send(*packets)
        await raw.ends()


@pytest.mark.parametrize("packets", ENDING.values(), ids=ENDING)
async def test_what_is_wrong_ends_polling_and_harms_nobody(packets: list[str | bytes]) -> None:
    encoded = [packet if isinstance(packet, str) else "bMQ==" for packet in packets]
    async with serving(Way.LANE, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        assert (await raw.post(*encoded)).status in {400, 413}
        assert (await raw.ask("GET")).code == 1


@pytest.mark.parametrize("packets", HARMLESS.values(), ids=HARMLESS)
async def test_what_is_only_odd_ends_nothing(way: Way, packets: list[str | bytes]) -> None:
    async with (
        serving(way, SMALL) as running,
        unharmed(running),
        websocket(running) as raw,
        polling(running) as asked,
    ):
        await raw.connect()
        await asked.connect()
        await raw.send(*packets, '42["message","alive"]')
        while await raw.receive() != '42["message-back","alive"]':
            pass
        assert (await asked.post(*(str(p) for p in packets))).text == "ok"
        await asked.post('42["message","alive"]')
        while '42["message-back","alive"]' not in await asked.poll():
            pass
        await asked.post("1")


async def test_connects_do_not_pile_up(way: Way) -> None:
    """A thousand CONNECTs to places that are not: each is answered, or the transport ends."""
    async with serving(way, SMALL) as running, unharmed(running), websocket(running) as raw:
        seen = 0
        await raw.send(*(f"40/n{number}," for number in range(1_000)), "9")
        for packet in await raw.ends():
            assert "Invalid namespace" in str(packet)
            seen += 1
        assert seen <= 1_000


async def test_attachments_that_never_come_are_not_waited_for_after_the_end(way: Way) -> None:
    placeholders = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(4))
    async with serving(way, SMALL) as running, unharmed(running):
        for _ in range(20):
            async with websocket(running) as raw:
                await raw.connect()
                await raw.send(f'454-["message",{placeholders}]', b"1" * 1000, b"2" * 1000)


@pytest.mark.parametrize(("count", "taken"), [(16, True), (17, False)])
async def test_a_packet_has_16_attachments_at_most(way: Way, count: int, taken: bool) -> None:  # noqa: FBT001
    placeholders = ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(count))
    async with (
        serving(way, SMALL) as running,
        unharmed(running),
        websocket(running) as raw,
    ):
        await raw.connect()
        await raw.send(f'45{count}-["message",{placeholders}]', *[b"x" * 9_000] * count)
        if taken:
            assert (await raw.packets(17))[1:] == [b"x" * 9_000] * 16
        else:
            assert await raw.ends() == []


async def test_the_largest_message_is_taken_and_one_byte_more_is_not(way: Way) -> None:
    text = '42["message","{}"]'
    fits = text.replace("{}", "x" * (10_000 - len(text) + 2))
    async with (
        serving(way, SMALL) as running,
        unharmed(running),
        websocket(running) as raw,
        polling(running) as asked,
    ):
        await raw.connect()
        await raw.send(fits)
        assert len(await raw.receive()) == len(fits) + len("-back")
        await raw.send(fits.replace("x", "xx", 1))
        assert await raw.ends() == []
        await asked.connect()
        assert (await asked.post(fits)).text == "ok"
        assert len((await asked.poll())[0]) == len(fits) + len("-back")
        assert (await asked.post(fits.replace("x", "xx", 1))).status in {400, 413}
        assert (await asked.ask("GET")).code == 1
