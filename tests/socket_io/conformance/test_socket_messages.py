"""Socket.IO's suite (v5), messages: 7 cases."""

from typing import Final

import pytest
from support.socketio_raw import Gone, polling, websocket
from support.socketio_server import Running, Way, patient, serving

from scp_socketio import Reason, Server

TWO: Final = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
ATTACHED: Final = (b"\1\2\3", b"\4\5\6")


async def test_a_plain_event(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send('42["message",1,"2",{"3":[true]}]')
        assert await raw.receive() == '42["message-back",1,"2",{"3":[true]}]'


async def test_an_event_with_attachments(way: Way) -> None:
    async with serving(way, patient(binary=True)) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send(f'452-["message",{TWO}]', *ATTACHED)
        assert await raw.packets(3) == [f'452-["message-back",{TWO}]', *ATTACHED]


async def test_a_plain_event_with_an_acknowledgement(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        assert await raw.receive() == '43456[1,"2",{"3":[false]}]'


async def test_an_event_with_attachments_and_an_acknowledgement(way: Way) -> None:
    async with serving(way, patient(binary=True)) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send(f'452-789["message-with-ack",{TWO}]', *ATTACHED)
        assert await raw.packets(3) == [f"462-789[{TWO}]", *ATTACHED]


async def test_attachments_come_in_a_namespace_over_polling_too(way: Way) -> None:
    async with serving(way, patient(binary=True)) as running, polling(running) as raw:
        await raw.connect("40/custom,")
        await raw.post(f'452-/custom,7["message-with-ack",{TWO}]', "bAQID", "bBAUG")
        assert await raw.packets(3) == [f"462-/custom,7[{TWO}]", "bAQID", "bBAUG"]


@pytest.mark.parametrize("answer", [None, (), (1, 2), [1, 2], "one", 0, False, {"a": None}])
async def test_what_a_handler_returns_is_what_is_acknowledged(way: Way, answer: object) -> None:
    def answering(server: Server) -> None:
        @server.on_connect()
        async def come(*_: object) -> None: ...

        @server.on("ask")
        async def reply(*_: object) -> object:
            return answer

    packets = {"None": "[]", "()": "[]", "(1, 2)": "[1,2]", "[1, 2]": "[[1,2]]", "one": '["one"]'}
    packets |= {"0": "[0]", "False": "[false]", "{'a': None}": '[{"a":null}]'}
    async with serving(way, None, answering) as running, websocket(running) as raw:
        await raw.send("40")
        await raw.receive()
        await raw.send('420["ask"]')
        assert await raw.receive() == f"430{packets[str(answer)]}"


async def test_who_asked_for_no_acknowledgement_gets_none(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send('42["message-with-ack",1]', '42["message",2]')
        assert await raw.receive() == '42["message-back",2]'


BAD: Final = {
    "an unknown type": ["4abc"],
    "another unknown type": ["47"],
    "no type": ["4"],
    "an object for arguments": ["42{}"],
    "a string for arguments": ['42"message"'],
    "no arguments": ["42"],
    "no event": ["42[]"],
    "null for an event": ["42[null]"],
    "an object for an event": ["42[{}]"],
    "a list for an event": ['42[["message"]]'],
    "truth for an event": ["42[true]"],
    "JSON that does not end": ['42["message"'],
    "JSON and more": ['42["message"]]'],
    "not a number": ['42["message",NaN]'],
    "an acknowledgement's id of letters": ['42abc["message-with-ack",1,"2",{"3":[false]}]'],
    "a negative id": ['42-1["message"]'],
    "an id of 120 digits": [f'42{"9" * 120}["message"]'],
    "an acknowledgement without an id": ["43[]"],
    "an acknowledgement that is no list": ["431{}"],
    "an error from a client": ['44{"message":"no"}'],
    "an event in a namespace without a comma": ['42/custom["message"]'],
    "a disconnect that says something": ['41{"a":1}'],
    "attachments without a count": ["45-"],
    "a count without a dash": ['451["message"]'],
    "a negative count": ['45-1-["message"]'],
    "a full-width digit": ['42\uff11["message"]'],
    "a lone surrogate's escape": ['42["\\ud800"'],
    "another packet while attachments are due": [f'452-["message",{TWO}]', '42["message"]'],
    "an attachment that nobody announced": [b"\1\2\3"],
    "one attachment too many": ['451-["message",{"_placeholder":true,"num":0}]', b"1", b"2"],
    "a placeholder beyond": ['451-["message",{"_placeholder":true,"num":1}]', b"1"],
    "a placeholder below": ['451-["message",{"_placeholder":true,"num":-1}]', b"1"],
    "a placeholder of letters": ['451-["message",{"_placeholder":true,"num":"0"}]', b"1"],
}


@pytest.mark.parametrize("packets", BAD.values(), ids=BAD)
async def test_an_invalid_packet_ends_the_connection_at_once(
    way: Way, packets: list[str | bytes]
) -> None:
    """Nothing else could: no ping is due for an hour, and none may come before the end."""
    async with serving(way, patient(binary=True)) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send(*packets)
        seen = [packet for packet in await raw.ends() if "message-back" not in str(packet)]
        assert seen in ([], ["1"], [b"1"])
        await assert_reported(running)


async def assert_reported(running: Running) -> None:
    """The application heard of it once, and lost its client once."""
    await running.until(lambda: running.heard.left)
    assert running.heard.left == [("/", Reason.BAD_PACKET)]
    assert len(running.heard.bad) == 1


@pytest.mark.parametrize("packets", BAD.values(), ids=BAD)
async def test_an_invalid_post_ends_the_session_at_once(packets: list[str | bytes]) -> None:
    encoded = [p if isinstance(p, str) else f"b{p.hex()}MQ==" for p in packets]
    async with serving(Way.ASGI, patient(binary=True)) as running, polling(running) as raw:
        await raw.connect()
        assert (await raw.post(*encoded)).status == 400
        assert (await raw.ask("GET")).code == 1
        await assert_reported(running)


@pytest.mark.parametrize(
    "packets",
    [['451-["message",{"_placeholder":true,"num":0}]', b"1"], ['461-0["a"]'], [b"1"]],
    ids=["event", "acknowledgement", "attachment"],
)
async def test_binary_is_refused_where_it_is_not_enabled(
    way: Way, packets: list[str | bytes]
) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send(*packets)
        assert await raw.ends() == []
        await assert_reported(running)


@pytest.mark.parametrize(
    "name",
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"],
)
async def test_reserved_names_are_refused(way: Way, name: str) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send(f'42["{name}",{{"session_id":"forged"}}]')
        assert await raw.ends() == []
        await assert_reported(running)


async def test_an_event_without_a_handler_is_ignored(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send('42["unheard-of",1]', "42[7,1]", '42["*"]', '42["message",1]')
        assert await raw.receive() == '42["message-back",1]'


async def test_an_acknowledgement_that_nobody_asked_for_is_ignored(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send("430[]", "43123456[1,2]", '42["message",1]')
        assert await raw.receive() == '42["message-back",1]'


async def test_an_event_in_a_namespace_that_was_not_entered_ends_the_connection(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.send('42["message",1]')
        assert await raw.ends() == []


async def test_a_namespace_that_was_left_hears_nothing_more(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.connect("40/custom,")
        await raw.send("41/custom,", '42/custom,["message",1]', '42["message",2]')
        try:
            assert await raw.receive() == '42["message-back",2]'
        except Gone:
            assert ("/", Reason.BAD_PACKET) in running.heard.left
