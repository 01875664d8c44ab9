"""Both suites, upgrade: 3 cases."""

import anyio
from support.socketio_raw import RawWebSocket, polling, refusal, upgraded, websocket
from support.socketio_server import Way, patient, serving


async def echoes(raw: RawWebSocket) -> bool:
    """Whether the session is alive on this WebSocket."""
    await raw.send('42["message","hello"]')
    return bool(await raw.receive() == '42["message-back","hello"]')


async def test_polling_moves_to_a_websocket(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
            assert await raw.poll() == ["6"], "a noop ends the long poll"
            await socket.send("5")
            assert await echoes(socket)
    assert len(running.heard.left) == 1


async def test_a_poll_that_waits_is_ended_by_the_probe(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            async with anyio.create_task_group() as tasks:

                async def poll() -> None:
                    assert await raw.poll() == ["6"]

                tasks.start_soon(poll)
                await running.until(running.polls)
                await socket.send("2probe")
                assert await socket.receive() == "3probe"
            await socket.send("5")
            assert await echoes(socket)


async def test_probe_and_upgrade_may_come_without_waiting(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            await socket.send("2probe", "5", '42["message","hello"]')
            assert await socket.packets(2) == ["3probe", '42["message-back","hello"]']


async def test_http_is_refused_after_an_upgrade(way: Way) -> None:
    async with serving(way) as running, upgraded(running) as (raw, socket):
        await socket.connect()
        assert (await raw.ask("GET")).status == 400
        assert (await raw.ask("POST", '42["message"]')).status == 400
        assert await echoes(socket)


async def test_a_second_websocket_is_refused_after_an_upgrade(way: Way) -> None:
    async with serving(way) as running, upgraded(running) as (raw, socket):
        await socket.connect()
        assert await refusal(running, sid=raw.sid) in {0, 400}
        assert await echoes(socket)


async def test_a_second_websocket_is_refused_during_an_upgrade(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
            assert await refusal(running, sid=raw.sid) in {0, 400}
            await socket.send("5")
            assert await echoes(socket)


async def test_an_upgrade_that_is_given_up_leaves_polling_as_it_was(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
        await raw.post('42["message","hello"]')
        packets = await raw.packets(1)
        while packets == ["6"]:
            packets = await raw.packets(1)
        assert packets[-1] == '42["message-back","hello"]'
        assert not running.heard.left


async def test_an_upgrade_that_is_not_finished_in_time_is_given_up(way: Way) -> None:
    settings = patient(upgrade_timeout=0.05)
    async with serving(way, settings) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            await socket.ended()
        await raw.post('42["message","hello"]')
        assert '42["message-back","hello"]' in await raw.packets(1)


async def test_nothing_but_a_probe_begins_an_upgrade(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        for packet in ("5", "2", '42["message"]', "abc", "2other", b"\1"):
            async with websocket(running, raw.sid) as socket:
                await socket.send(packet)
                await socket.ended()
        await raw.post('42["message","hello"]')
        assert '42["message-back","hello"]' in await raw.packets(1)


async def test_what_waits_for_a_poll_at_the_upgrade_is_not_lost(way: Way) -> None:
    async with serving(way) as running, polling(running) as raw:
        await raw.connect()
        async with websocket(running, raw.sid) as socket:
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
            assert await raw.poll() == ["6"]
            for number in range(3):
                assert (await raw.post(f'42["message",{number}]')).text == "ok"
            await socket.send("5")
            expected = [f'42["message-back",{number}]' for number in range(3)]
            assert await socket.packets(3) == expected
