"""What a request may weigh and how long it may take, said byte by byte to a real server."""

from collections.abc import AsyncIterator

import anyio
import pytest
from anyio.lowlevel import checkpoint
from support.listening_room import Room, listening
from support.wire import Heard, get, opened, rest_of, said

from scp_server.listening.http import HttpBounds

HEAD = HttpBounds().head_bytes
QUICK = HttpBounds(head_seconds=0.2, body_seconds=0.2)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.fixture
async def room(anyio_backend: str) -> AsyncIterator[Room]:
    """At the bounds of the product."""
    async with listening() as running:
        yield running


@pytest.fixture
async def hasty(anyio_backend: str) -> AsyncIterator[Room]:
    """In a hurry."""
    async with listening(QUICK) as running:
        yield running


def refused(heard: Heard, status: int, code: str) -> None:
    assert heard.status == status, heard.raw[:300]
    assert heard.error["code"] == code
    assert len(heard.statuses) == 1
    assert heard.headers["connection"] == "close"
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-content-type-options"] == "nosniff"
    assert heard.headers["cache-control"] == "no-store"
    assert heard.headers["content-security-policy"].startswith("default-src 'none'")


def padded(size: int) -> bytes:
    """A request whose head has so many bytes, the empty line included."""
    whole = get(lines=b"X-Pad: \r\n")
    return get(lines=b"X-Pad: " + b"x" * (size - len(whole)) + b"\r\n")


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


async def test_a_head_of_the_largest_size_is_read_however_it_is_cut(room: Room) -> None:
    for piece in (HEAD, 1000, 7919):
        heard = await said(room.url, *in_pieces(padded(HEAD - 1), piece))
        assert heard.statuses == [200]


@pytest.mark.parametrize("size", [HEAD + 1, HEAD * 2, 1_000_000])
async def test_a_longer_head_is_refused_however_it_is_cut(room: Room, size: int) -> None:
    for piece in (size, 5000):
        refused(await said(room.url, *in_pieces(padded(size), piece)), 431, "HEAD_TOO_LARGE")
    assert set(room.tally.refusals) == {"head_too_large"}
    assert (await said(room.url, get())).status == 200


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"G"])
async def test_a_head_that_never_ends_is_cut_off(room: Room, start: bytes) -> None:
    heard = await said(room.url, start, *[b"x" * 8192] * 6)
    assert heard.status in {400, 431}
    assert heard.error["code"] in {"HEAD_TOO_LARGE", "INVALID_REQUEST"}


async def test_a_body_in_the_same_segment_as_the_head_does_not_count_as_head(room: Room) -> None:
    heard = await said(room.url, POST + b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000)
    assert heard.raw.endswith(b"200000 bytes")


async def test_a_hundred_fields_are_read_and_one_more_is_refused(room: Room) -> None:
    fields = HttpBounds().fields
    fine = get(lines=b"".join(b"X-%d: y\r\n" % n for n in range(fields - 2)))
    assert (await said(room.url, fine)).status == 200
    more = get(lines=b"".join(b"X-%d: y\r\n" % n for n in range(fields - 1)))
    refused(await said(room.url, more), 431, "HEAD_TOO_LARGE")
    same = get(lines=b"X: y\r\n" * 20_000)
    refused(await said(room.url, same), 431, "HEAD_TOO_LARGE")


async def test_a_second_request_of_a_connection_is_bounded_as_the_first(room: Room) -> None:
    first = get(close=False)
    heard = await said(room.url, first, padded(HEAD - 1))
    assert heard.statuses == [200, 200]
    async with await opened(room.url) as stream:
        await stream.send(first)
        assert b"200 OK" in await stream.receive()
        await stream.send(padded(HEAD * 2))
        refused(await rest_of(stream), 431, "HEAD_TOO_LARGE")


@pytest.mark.parametrize(
    "start", [b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ", b"\r\n", b"\r\n" * 50]
)
async def test_a_head_that_does_not_come_in_time_is_refused(hasty: Room, start: bytes) -> None:
    refused(await said(hasty.url, start), 408, "REQUEST_TIMEOUT")
    assert hasty.tally.refusals == ["request_timeout"]


async def test_who_says_nothing_is_sent_away_without_a_word(hasty: Room) -> None:
    assert await said(hasty.url) == Heard(b"")
    assert hasty.tally.refusals == []


async def test_a_drip_of_bytes_does_not_prolong_a_head(hasty: Room) -> None:
    async with await opened(hasty.url) as stream, anyio.create_task_group() as tasks:

        async def drip() -> None:
            for byte in padded(HEAD - 1):
                try:
                    await stream.send(bytes([byte]))
                    await anyio.sleep(0.01)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return

        tasks.start_soon(drip)
        refused(await rest_of(stream), 408, "REQUEST_TIMEOUT")
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: ",
    ],
)
async def test_a_body_that_does_not_come_in_time_is_refused(
    hasty: Room, request_bytes: bytes
) -> None:
    refused(await said(hasty.url, request_bytes), 408, "REQUEST_TIMEOUT")
    assert (await said(hasty.url, get())).status == 200


async def test_a_body_nobody_wants_ends_the_connection_when_it_does_not_come(
    hasty: Room,
) -> None:
    heard = await said(hasty.url, b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert heard.statuses == [200]


@pytest.mark.parametrize("hosts", [0, 2])
async def test_a_request_has_one_host(room: Room, hosts: int) -> None:
    heard = await said(room.url, b"GET /healthz HTTP/1.1\r\n" + b"Host: x\r\n" * hosts + b"\r\n")
    refused(heard, 400, "INVALID_REQUEST")
    assert heard.error["details"] == {"field": "Host"}


async def test_http_1_0_needs_no_host(room: Room) -> None:
    assert (await said(room.url, b"GET /healthz HTTP/1.0\r\n\r\n")).status == 200


@pytest.mark.parametrize(
    "start",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nNull: \x00\r\n\r\n",
        b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
        b"GET @evil/x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"__class__ / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"get / http/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=range(17),
)
async def test_what_is_no_request_is_refused_in_the_envelope(room: Room, start: bytes) -> None:
    refused(await said(room.url, start), 400, "INVALID_REQUEST")


async def test_an_absolute_target_names_no_other_host(room: Room) -> None:
    heard = await said(
        room.url,
        b"GET http://evil.example/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    assert heard.status == 200
    assert room.seen[-1]["host"] == "x"


async def test_trailers_are_not_headers(room: Room) -> None:
    heard = await said(
        room.url,
        POST
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        + b"X-Forwarded-For: 10.0.0.1\r\n" * 200
        + b"\r\n",
    )
    assert heard.raw.endswith(b"2 bytes")
    assert "x-forwarded-for" not in room.seen[-1]


async def test_another_protocol_is_not_taken_up_and_ends_the_connection(room: Room) -> None:
    heard = await said(
        room.url, get(close=False, lines=b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), get()
    )
    assert heard.statuses == [200]


async def test_few_requests_may_wait_behind_one_another(room: Room) -> None:
    assert (await said(room.url, get(close=False) * 7 + get())).statuses == [200] * 8
    heard = await said(room.url, get(close=False) * 5000)
    assert len(heard.statuses) < 20
    assert (await said(room.url, get())).status == 200


async def test_the_framing_of_a_body_is_bounded_as_well(room: Room) -> None:
    chunk = b"1;" + b"x" * 60_000 + b"\r\n \r\n"
    heard = await said(room.url, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 400)
    assert heard.status in {0, 400}
    assert room.tally.refusals


async def test_after_every_refusal_no_socket_is_left_open(hasty: Room) -> None:
    for start in (b"G", b"nonsense\r\n\r\n", get(), POST, b"", padded(HEAD * 2)):
        await said(hasty.url, start)
    with anyio.fail_after(10):
        while hasty.tally.open:
            await checkpoint()


async def test_what_an_application_raises_is_answered_in_the_envelope_and_not_quoted(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    heard = await said(room.url, get("/crash"))
    assert (heard.status, heard.error["code"]) == (500, "INTERNAL_ERROR")
    assert heard.headers["x-content-type-options"] == "nosniff"
    assert heard.error["details"]["trace_id"] in caplog.text
    assert "CANARY" not in caplog.text + heard.raw.decode()
