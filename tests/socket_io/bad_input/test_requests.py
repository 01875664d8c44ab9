"""HTTP requests that are wrong: bodies, methods, queries, and sessions of others."""

from collections.abc import AsyncIterator
from typing import Final

import anyio
import pytest
from support.socketio_neighbours import plain, receives, unharmed
from support.socketio_raw import SEPARATOR, asking, at, polling, refusal, upgraded, websocket
from support.socketio_server import Way, patient, serving

SMALL: Final = patient(max_message=10_000, max_payload_packets=16)
ECHO: Final = '42["message",1]'


@pytest.fixture
def way() -> Way:
    """No WebSocket is in most of this."""
    return Way.LANE


async def chunks(piece: bytes, count: int) -> AsyncIterator[bytes]:
    """A body without a Content-Length."""
    for _ in range(count):
        yield piece


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe4", b"4\xc0\xaf", b'42["message","\xed\xa0\x80"]', b"\x1e", b"\x1e\x1e4"],
)
async def test_a_body_that_is_no_payload_ends_the_session(way: Way, body: bytes) -> None:
    async with serving(way, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        assert (await raw.ask("POST", body)).status == 400
        assert (await raw.ask("GET")).code == 1


async def test_a_payload_of_16_packets_is_taken_and_of_17_is_not(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        assert (await raw.post(*[ECHO] * 16)).text == "ok"
        assert len(await raw.packets(16)) == 16
        assert (await raw.post(*[ECHO] * 17)).status == 400
        assert (await raw.ask("GET")).code == 1


@pytest.mark.parametrize("count", [11, 1_000])
async def test_a_body_in_chunks_is_bounded_too(way: Way, count: int) -> None:
    async with serving(way, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        target = at(running, sid=raw.sid)
        try:
            async with raw.http.post(target, data=chunks(b"4" * 1_000, count)) as answer:
                assert answer.status in {400, 413}
        except OSError:
            pass  # The answer came, and the connection ended, while the body was being sent.
        assert (await raw.ask("GET")).code == 1


@pytest.mark.parametrize("length", ["-5", "abc", "99999999999999999999", "100000000", "10001"])
async def test_a_length_that_lies_ends_the_request(way: Way, length: str) -> None:
    async with (
        serving(way, SMALL) as running,
        unharmed(running),
        polling(running) as raw,
        plain(running) as stream,
    ):
        await raw.connect()
        head = (
            f"POST {at(running, sid=raw.sid).path_qs} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n{ECHO}"
        )
        await stream.send(head.encode())
        answer = await receives(stream, b"\r\n\r\n")
        assert answer.split(b" ")[1] in {b"400", b"413"}
        await raw.ask("POST", "1")


async def test_a_body_that_stops_half_way_harms_nobody(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        async with plain(running) as stream:
            head = (
                f"POST {at(running, sid=raw.sid).path_qs} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: 100\r\n\r\n{ECHO}"
            )
            await stream.send(head.encode())
            await running.until(lambda: len(running.watched.underway) == 1)
        await running.until(lambda: not running.watched.underway)
        await raw.ask("POST", "1")


async def test_two_posts_at_once_are_one_too_many_or_both_taken(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(raw.post, ECHO)
        assert (await raw.ask("GET")).status in {200, 400}
        await raw.ask("POST", "1")


@pytest.mark.parametrize(
    "query",
    [
        {"sid": ".."},
        {"sid": "../../etc/passwd"},
        {"sid": "x" * 4_000},
        {"sid": "\0"},
        {"sid": "\r\nX: y"},
        {"sid": "\ud7ff\u202e"},
        {"sid": "__proto__"},
        {"EIO": "4.0"},
        {"EIO": "\uff14"},
        {"EIO": "-4"},
        {"transport": "constructor"},
        {"transport": "POLLING"},
    ],
    ids=str,
)
async def test_a_query_that_is_wrong_is_refused(way: Way, query: dict[str, str | None]) -> None:
    async with serving(way, SMALL) as running, unharmed(running), asking(running) as raw:
        assert (await raw.ask("GET", **query)).status == 400
        assert (await raw.ask("POST", "40", **query)).status == 400


async def test_jsonp_is_not_spoken(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), asking(running) as raw:
        for number in ("", "0", "1", "x"):
            answer = await raw.ask("GET", j=number)
            assert (answer.status, answer.code) == (400, 3)


async def test_the_session_of_a_websocket_is_not_reached_by_http() -> None:
    for way in Way:
        async with (
            serving(way, SMALL) as running,
            unharmed(running),
            websocket(running) as raw,
            asking(running) as thief,
        ):
            await raw.connect()
            thief.sid = raw.sid
            assert (await thief.ask("GET")).status == 400
            assert (await thief.ask("POST", "1")).status == 400
            assert await refusal(running, sid=raw.sid) in {0, 400}
            await raw.send('42["message","alive"]')
            assert await raw.receive() == '42["message-back","alive"]'


async def test_sessions_that_nobody_polls_end_with_their_pings(way: Way) -> None:
    settings = patient(ping_interval=0.1, ping_timeout=0.1)
    async with serving(way, settings) as running:
        before = running.census()
        for _ in range(50):
            async with polling(running) as raw:
                await raw.post("40")
        await running.until(lambda: len(running.heard.left) == 50)
        await running.until(lambda: running.census() == before)


async def test_separators_alone_are_no_flood(way: Way) -> None:
    async with serving(way, SMALL) as running, unharmed(running), polling(running) as raw:
        await raw.connect()
        assert (await raw.ask("POST", SEPARATOR * 9_000)).status == 400
        assert (await raw.ask("GET")).code == 1


async def test_upgrades_that_lead_nowhere_leave_nothing() -> None:
    for way in Way:
        async with serving(way, SMALL) as running, unharmed(running):
            for _ in range(10):
                async with polling(running) as raw:
                    async with websocket(running, raw.sid) as probe:
                        await probe.send("2probe")
                    await raw.ask("POST", "1")
                async with upgraded(running) as (_, socket):
                    await socket.connect()
