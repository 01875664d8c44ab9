"""Engine.IO's suite (v4), messages: 9 cases, their echo being an event of Socket.IO."""

import anyio
import pytest
from support.socketio_raw import SEPARATOR, Answer, polling, websocket
from support.socketio_server import Way, patient, serving

from scp_socketio import Reason


async def test_a_post_brings_one_text_packet(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        answer = await raw.post('42["message","hello"]')
        assert (answer.status, answer.text) == (200, "ok")
        assert await raw.poll() == ['42["message-back","hello"]']


async def test_a_post_brings_several_text_packets(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        answer = await raw.post(*(f'42["message","{word}"]' for word in ("one", "two", "three")))
        assert (answer.status, answer.text) == (200, "ok")
        expected = [f'42["message-back","{word}"]' for word in ("one", "two", "three")]
        assert await raw.packets(3) == expected


async def test_a_post_brings_text_and_binary_packets(way: Way) -> None:
    async with serving(way, patient(binary=True)) as running, polling(running) as raw:
        await raw.connect()
        answer = await raw.post('451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA==")
        assert (answer.status, answer.text) == (200, "ok")
        expected = ['451-["message-back",{"_placeholder":true,"num":0}]', "bAQIDBA=="]
        assert await raw.packets(2) == expected


@pytest.mark.parametrize("body", ["abc", "", "7", "9", SEPARATOR, f"4{SEPARATOR}", "0", "b", "b*"])
async def test_an_invalid_post_ends_the_session(way: Way, body: str) -> None:
    async with serving(way) as running, polling(running) as raw:
        assert (await raw.ask("POST", body)).status == 400
        assert (await raw.ask("GET")).code == 1


async def test_a_second_poll_at_once_ends_the_session(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        answers: list[Answer] = []

        async def poll() -> None:
            answers.append(await raw.ask("GET"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(poll)
            await running.until(running.polls)
            assert (await raw.ask("GET", t="second")).status == 400
        assert (answers[0].status, answers[0].text) == (200, "1")
        assert (await raw.ask("GET")).status == 400
        assert len(running.heard.left) == 1


async def test_a_poll_that_is_given_up_ends_the_session(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(raw.ask, "GET")
            await running.until(running.polls)
            tasks.cancel_scope.cancel()
        await running.until(lambda: running.heard.left)
        assert running.heard.left[0][1] in {Reason.TRANSPORT_ERROR, Reason.TRANSPORT_CLOSE}
        assert (await raw.ask("GET")).status == 400


async def test_a_websocket_brings_a_text_packet(way: Way) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send('42["message","hello"]')
        assert await raw.receive() == '42["message-back","hello"]'


async def test_a_websocket_brings_a_binary_packet(way: Way) -> None:
    async with serving(way, patient(binary=True)) as running, websocket(running) as raw:
        await raw.connect()
        await raw.send('451-["message",{"_placeholder":true,"num":0}]', bytes([1, 2, 3, 4]))
        assert await raw.packets(2) == [
            '451-["message-back",{"_placeholder":true,"num":0}]',
            bytes([1, 2, 3, 4]),
        ]


@pytest.mark.parametrize("packet", ["abc", "", "7", "9", "0", "5", "2probe?", "b", "bAQIDBA=="])
async def test_an_invalid_packet_ends_the_websocket(way: Way, packet: str) -> None:
    async with serving(way) as running, websocket(running) as raw:
        await raw.send(packet)
        await raw.ended()
