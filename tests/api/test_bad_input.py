"""Bad input, for every field of every request: the documented code, the field named, no 500."""

import json
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from support.api_server import AS_OPERATOR, Answer, House
from yarl import URL

from scp_server.api.bodies import MAX_BODY

JSON = {"Content-Type": "application/json"}

NUMBERS = [
    *["-1", "0", "2147483648", "9223372036854775808", "1e400", "NaN", "Infinity", "-0", "1.5"],
    *['"10"', '"\uff11\uff10"', "[]", "{}", "null", "true", "9" * 5000],
]
TEXTS = [
    *['""', "7", "[]", "{}", "true", '"' + "x" * 4096 + '"', '"\\ud800"', '"\\u0000"'],
    *['".."', '"../../etc/passwd"', '"%2e%2e%2f"', '"\u202e"', '"__proto__"', '"null"', '"-0"'],
    *['"\' OR 1=1--"', '"\\"; DROP"', '"{0.__class__}"', '"%n"', '"\\u001b[31m\\r\\nX: y"'],
    *['"=cmd|calc"', '"<script>"', '"\U0001f4a5"', '"e\\u0301"', '"\xe9"'],
]
FLAGS = ["0", "1", '"true"', "null", "[]", "{}", '""']
OBJECTS = ["7", '""', "[]", "true", '{"query": 7}', '{"no_such_filter": 1}', '{"label_ids": "X"}']
FILTERS = [
    *['{"query": ""}', '{"query": "' + "x" * 3000 + '"}', '{"label_ids": [""]}'],
    *['{"label_ids": [7]}', '{"label_ids": ' + json.dumps(["L"] * 101) + "}"],
    *['{"include_spam_trash": "no"}', '{"__class__": 1}', '{"time_min": "2024-01-01T00:00:00Z"}'],
]
MOMENTS = [
    *["7", "null", '""', '"yesterday"', '"2024-01-01"', '"2024-01-01T00:00:00"'],
    *['"0000-01-01T00:00:00Z"', '"2024-01-01T00:00:00+24:00"', '"2024-13-01T00:00:00Z"'],
    *['"10000-01-01T00:00:00Z"', "100000000000000000000", '"2024-02-30T00:00:00Z"'],
]

START_FIELDS = {
    "stream_type": TEXTS,
    "batch_size": NUMBERS,
    "max_results": NUMBERS,
    "rate_limit_per_minute": NUMBERS,
    "real_time": FLAGS,
    "include_raw": FLAGS,
    "filters": [*OBJECTS, *FILTERS],
    "cursor": TEXTS,
    "agent_id": TEXTS,
    "session_id": TEXTS,
    "batchsize": ["1"],
}
FINE = {
    ("max_results", "2147483648"),
    ("max_results", "null"),
    ("cursor", "null"),
    *(("agent_id", text) for text in TEXTS if "\\u00" not in text),
}
"""Values that are odd, but not wrong in that field."""


def body_with(fields: dict[str, str], name: str, value: str) -> bytes:
    """A JSON object whose values are given as JSON texts."""
    members = {**fields, name: value}
    return ("{" + ",".join(f'"{key}":{text}' for key, text in members.items()) + "}").encode()


def check_refusal(answer: Answer, name: str, value: str) -> None:
    assert answer.json is not None, (name, value)
    assert answer.json["success"] is False, (name, value)
    assert set(answer.json["error"]) == {"code", "message", "details"}
    assert answer.status < 500, (name, value)
    assert len(answer.text) < 2000, (name, value)
    assert "Traceback" not in answer.text


async def test_every_field_of_a_start_wrong_in_every_way_is_refused_by_name(house: House) -> None:
    session_id = await house.session()
    fields = {"stream_type": '"gmail_messages"', "session_id": json.dumps(session_id)}
    for name, value in chain.from_iterable(
        ((name, value) for value in values) for name, values in START_FIELDS.items()
    ):
        raw = body_with(fields, name, value)
        answer = await house.ask("POST", "/api/stream/start", data=raw, headers=JSON)
        if answer.status == 200:
            assert (name, value) in FINE
            await house.ask("POST", f"/api/stream/{answer.data['stream_id']}/stop")
            continue
        check_refusal(answer, name, value)
        assert answer.code in expected_codes(name), (name, value, answer.text)
        if answer.code == "STREAM_CONFIG_ERROR":
            assert answer.details["field"].split(".")[0].split("[")[0] == name
        assert session_id not in answer.text
    assert await house.start(session_id), "the server is unharmed"


def expected_codes(name: str) -> set[str]:
    # INVALID_REQUEST: what is no JSON at all (NaN, 5,000 digits, half a surrogate pair).
    codes = {"STREAM_CONFIG_ERROR", "INVALID_REQUEST"}
    match name:
        case "session_id":
            codes |= {"SESSION_NOT_FOUND", "SESSION_REQUIRED"}
        case "cursor":
            codes |= {"CURSOR_INVALID"}
        case _:
            pass
    return codes


@pytest.mark.parametrize("name", ["time_min", "time_max"])
async def test_a_moment_that_is_none_is_refused_by_name(house: House, name: str) -> None:
    session_id = await house.session()
    fields = {"stream_type": '"calendar_events"', "session_id": json.dumps(session_id)}
    for value in MOMENTS:
        raw = body_with(fields, "filters", f'{{"{name}": {value}}}')
        answer = await house.ask("POST", "/api/stream/start", data=raw, headers=JSON)
        if answer.status == 200:
            assert value == "null"
            await house.ask("POST", f"/api/stream/{answer.data['stream_id']}/stop")
            continue
        assert answer.code == "STREAM_CONFIG_ERROR", value
        assert answer.details["field"] == f"filters.{name}"


OPEN_FIELDS = {
    "provider": [*TEXTS, "null", '"Google"'],
    "stream_types": ["null", "7", "[]", '"files"', "[7]", '["x"]', '[""]', '["gmail_threads"]'],
    "return_to": [text for text in TEXTS if text != "null"],
    "tokens": ["7", '"x"', "[]", "{}", '{"access_token": 7}', '{"access_token": "CANARY"}'],
    "scope": ['"x"'],
}


async def test_every_field_of_a_new_session_wrong_in_every_way_is_refused_by_name(
    house: House,
) -> None:
    fields = {"provider": '"google"', "stream_types": '["gmail_messages"]'}
    for name, values in OPEN_FIELDS.items():
        for value in values:
            raw = body_with(fields, name, value)
            headers = {**JSON, **AS_OPERATOR}
            answer = await house.ask("POST", "/api/sessions", data=raw, headers=headers)
            check_refusal(answer, name, value)
            assert answer.status == 400, (name, value)
            assert "CANARY" not in answer.text
            if "field" in answer.details and "\\ud800" not in value:
                assert answer.details["field"].split(".")[0].split("[")[0] == name


async def test_a_wrong_code_is_refused_and_not_repeated(house: House) -> None:
    for value in [*TEXTS, "null", '"CANARY-code"']:
        raw = body_with({}, "code", value)
        answer = await house.ask("POST", "/api/sessions/exchange", data=raw, headers=JSON)
        check_refusal(answer, "code", value)
        assert answer.code == "INVALID_REQUEST"
        assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b"{}}",
        b'{"stream_type": "files", "stream_type": "files"}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}",
        b'{"filters": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}",
    ],
    ids=range(15),
)
async def test_a_body_that_is_no_object_of_ours_is_refused(house: House, raw: bytes) -> None:
    mine = {"X-Session-ID": await house.session(), **JSON}
    for path in ("/api/stream/start", "/api/sessions/exchange"):
        answer = await house.ask("POST", path, data=raw, headers=mine)
        assert answer.status == 400
        assert answer.code in {"INVALID_REQUEST", "STREAM_CONFIG_ERROR"}
        assert len(answer.text) < 2000


@pytest.mark.parametrize(
    "media",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/jsonx",
        "text/json",
        "application/problem+json",
        "application/json, text/plain",
        "",
    ],
)
async def test_a_body_that_does_not_say_json_is_refused(house: House, media: str | None) -> None:
    headers = {} if media is None else {"Content-Type": media}
    answer = await house.ask("POST", "/api/stream/start", data=b"{}", headers=headers)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "media",
    ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_json_in_utf_8_is_taken_however_it_is_spelled(house: House, media: str) -> None:
    answer = await house.ask(
        "POST", "/api/stream/start", data=b"{}", headers={"Content-Type": media}
    )
    assert answer.code == "SESSION_REQUIRED"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "x", "gzip, gzip"])
async def test_a_coded_body_is_refused_unopened(house: House, coding: str) -> None:
    headers = {**JSON, "Content-Encoding": coding}
    answer = await house.ask("POST", "/api/stream/start", data=b"\x1f\x8b", headers=headers)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


def padded(size: int) -> bytes:
    """A well-formed body of that many bytes."""
    return b'{"code": "' + b"x" * (size - 12) + b'"}'


async def chunked(raw: bytes) -> AsyncIterator[bytes]:
    """The same without saying how long it is."""
    for start in range(0, len(raw), 50_000):
        yield raw[start : start + 50_000]


@pytest.mark.parametrize("size", [100_000, MAX_BODY - 1, MAX_BODY])
async def test_a_body_within_the_limit_is_read(house: House, size: int) -> None:
    for data in (padded(size), chunked(padded(size))):
        answer = await house.ask("POST", "/api/sessions/exchange", data=data, headers=JSON)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("size", [MAX_BODY + 1, 500_000, 1_000_000])
async def test_a_body_above_the_limit_is_refused_however_it_comes(house: House, size: int) -> None:
    for data in (padded(size), chunked(padded(size))):
        answer = await house.ask("POST", "/api/sessions/exchange", data=data, headers=JSON)
        assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")
        assert answer.details["limit"] == MAX_BODY
    # The connection goes on.
    assert (await house.ask("GET", "/healthz")).status == 200


async def spoken(house: House, *parts: bytes) -> bytes:
    """What comes back for these bytes on a socket."""
    url = URL(house.url)
    assert url.host is not None
    assert url.port is not None
    stream: SocketStream
    async with await anyio.connect_tcp(url.host, url.port) as stream:
        heard = b""
        with anyio.fail_after(10):
            for part in parts:
                await stream.send(part)
            while b"}" not in heard.partition(b"\r\n\r\n")[2]:
                heard += await stream.receive()
    return heard


async def test_a_huge_announced_body_is_refused_before_it_comes(house: House) -> None:
    heard = await spoken(
        house,
        b"POST /api/sessions/exchange HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 9000000000\r\n\r\n",
    )
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in heard.lower()


async def test_who_asks_before_sending_too_much_is_told_so_before(house: House) -> None:
    heard = await spoken(
        house,
        b"POST /api/sessions/exchange HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: 300000\r\n\r\n",
    )
    assert heard.startswith(b"HTTP/1.1 413 ")


async def test_an_endless_chunked_body_is_cut_off(house: House) -> None:
    chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    heard = await spoken(
        house,
        b"POST /api/sessions/exchange HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        *[chunk] * 34,
    )
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in heard.lower()


@pytest.mark.parametrize(
    "query",
    ["status=", "status=ACTIVE", "status=active%00", "status=active&status=stopped", "status=%ff"],
)
async def test_a_wrong_parameter_is_refused_by_name(house: House, query: str) -> None:
    path = URL(f"/api/streams?{query}", encoded=True)
    answer = await house.ask("GET", path, headers=AS_OPERATOR)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert answer.details["field"] == "status"


async def test_unknown_parameters_are_ignored(house: House) -> None:
    path = URL("/api/streams?x=1&x=2&__proto__=a&%00=%ff&status=active&status=active", encoded=True)
    assert (await house.ask("GET", path, headers=AS_OPERATOR)).status == 200


async def test_odd_headers_change_nothing(house: House) -> None:
    odd: list[dict[str, Any]] = [
        {"Range": "bytes=0-,0-"},
        {"Accept": "text/html"},
        {"Accept-Encoding": "*;q=0, zoo"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Forwarded": "for=127.0.0.1;host=evil.example"},
        {"Host": "evil.example"},
        {"Cookie": "session_id=x; scp-consent=y; \x80"},
        {f"X-Header-{n}": "x" for n in range(90)},
    ]
    for headers in odd:
        answer = await house.ask("GET", "/api/providers", headers=headers)
        assert answer.status == 200
        assert "evil" not in answer.text
