"""Wrong packets are answered with the documented code and the field; nobody else notices.

The corpus is what broke servers built on the library under ours.
"""

import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import anyio
from support.raw_engineio import (
    SEPARATOR,
    RawWebSocket,
    address,
    greeting,
    raw_polling,
    raw_websocket,
)
from support.running import Server, assert_quiet, message_ids, people
from yarl import URL

BINARY = b"\x04\x00\xff"


def subscribing(argument: object) -> str:
    """An EVENT that subscribes, without asking for an acknowledgement."""
    return "42" + json.dumps(["subscribe_data", argument])


REFUSED: dict[str, str] = {
    # Engine.IO: not what a client sends.
    "": "packet",
    "9": "packet",
    "0": "packet",
    "6": "packet",
    "\x00": "packet",
    "4": "packet",
    "4x": "packet",
    "4²": "packet",
    "٣": "packet",
    "bAAAA": "packet",
    "b!": "packet",
    "4" + "[" * 20_000: "packet",
    '4{"a":1}': "packet",
    '42["subscribe_data","' + "x" * 200_000 + '"]': "packet",
    # Socket.IO: types that are not taken.
    "44": "type",
    '44{"message":"no"}': "type",
    "45-": "type",
    "459999999999-": "type",
    '451-["subscribe_data",{"_placeholder":true,"num":-1}]': "type",
    '461-["x",{"_placeholder":true,"num":"x"}]': "type",
    "47": "type",
    '421-["subscribe_data",{"_placeholder":true,"num":99999}]': "attachments",
    # Other namespaces.
    '42/admin,["subscribe_data",{}]': "namespace",
    '42/a?x,["subscribe_data",{}]': "namespace",
    "40/" + "n" * 10_000 + ",": "namespace",
    # Data that is no JSON, or too deep.
    "42{": "data",
    "42" + "1" * 120 + '["subscribe_data",{}]': "data",
    '42["subscribe_data",{"session_id":"\\ud800"}]': "data",
    '42["subscribe_data",' + "[" * 5_000 + "]" * 5_000 + "]": "data",
    '42["subscribe_data",' + "[" * 20_000 + "]" * 20_000 + "]": "data",
    '42["subscribe_data",{"data_types":NaN}]': "data",
    # Events that do not exist, reserved names among them.
    "42": "event",
    "42[]": "event",
    "42[1,2]": "event",
    "42[null]": "event",
    '42{"a":1}': "event",
    '42["connect"]': "event",
    '42["connect",{}]': "event",
    '42["disconnect"]': "event",
    '42["disconnect","client disconnect"]': "event",
    '42["*"]': "event",
    '42["__class__"]': "event",
    '42["Subscribe_Data",{}]': "event",
    '42["subscribe_data",{},{}]': "event",
    "40[1]": "auth",
}
"""Packets that never get near a handler, and the field that is named."""

WRONG_SUBSCRIPTIONS: Sequence[tuple[object, str]] = [
    (None, "subscribe_data"),
    ("gmail_messages", "subscribe_data"),
    ({}, "data_types"),
    ({"data_types": "gmail_messages"}, "data_types"),
    ({"data_types": [1]}, "data_types"),
    ({"data_types": ["x" * 300]}, "data_types"),
    ({"data_types": [], "session_id": 5}, "session_id"),
    ({"data_types": [], "batch": "yes"}, "batch"),
    ({"data_types": [], "ack": True}, "ack"),
    ({"data_types": [], "window": 0}, "window"),
    ({"data_types": [], "__proto__": {}}, "__proto__"),
]

UNANSWERED = ["43", "431[]", "43123456789012345[{}]", '40{"session_id":"session-other"}', "2probe"]
"""Nothing to answer: acknowledgements of nothing, a second CONNECT, a probe out of place."""


def assert_refused(error: Any, field: str, of: str) -> None:  # noqa: ANN401  (JSON)
    """It is the error object of REST, and names the field."""
    assert error["code"] == "INVALID_REQUEST", of[:80]
    assert error["details"]["field"] == field, of[:80]
    assert error["message"]


def assert_all_came(events: Sequence[Any], ids: Sequence[str]) -> None:
    """A stream's events, from its start to its end, with no hole."""
    updates = [event for event in events if event["event_type"] == "data_update"]
    assert [event["offset"] for event in events] == list(range(1, len(ids) + 3))
    assert [event["data"]["payload"]["id"] for event in updates] == list(ids)


async def assert_still_works(raw: RawWebSocket, server: Server, session: str) -> None:
    """The connection subscribes and streams."""
    assert (await raw.subscribe("gmail_messages"))["success"] is True
    await server.start_stream(session, max_results=20)
    assert_all_came(await raw.completed(), message_ids(server.sandbox)[:20])


async def test_wrong_packets_are_refused_by_field_and_harm_nobody(
    server: Server, session: str
) -> None:
    other = people(server.sandbox)[1]
    neighbour = await server.open_session("gmail_messages", user=other)
    async with (
        raw_websocket(server.url, neighbour) as beside,
        raw_websocket(server.url, session) as raw,
    ):
        await server.start_stream(neighbour)
        for packet, field in REFUSED.items():
            await raw.send(packet)
            assert_refused(await raw.event("error"), field, packet)
        await raw.socket.send_bytes(BINARY)
        assert_refused(await raw.event("error"), "packet", "binary")
        for packet in UNANSWERED:
            await raw.send(packet)
        await assert_still_works(raw, server, session)
        assert_all_came(await beside.completed(), message_ids(server.sandbox, other))
    assert_quiet(server)


async def test_wrong_subscriptions_are_refused_by_field(server: Server) -> None:
    # Ten a minute and a session: so two sessions.
    for some in (WRONG_SUBSCRIPTIONS[::2], WRONG_SUBSCRIPTIONS[1::2]):
        session = await server.open_session()
        async with raw_websocket(server.url, session) as raw:
            for argument, field in some:
                await raw.send(subscribing(argument))
                assert_refused(await raw.event("error"), field, str(argument))
            await assert_still_works(raw, server, session)
    assert_quiet(server)


INTRODUCTIONS: Sequence[tuple[dict[str, object], str, str | None]] = [
    ({"session_id": 5}, "INVALID_REQUEST", "session_id"),
    ({"session_id": "session-" + "x" * 300}, "INVALID_REQUEST", "session_id"),
    ({"session_id": "session-\n\u0000"}, "SESSION_NOT_FOUND", None),
    ({"session_id": ""}, "SESSION_REQUIRED", None),
    ({"session_id": "{}", "agent_id": ""}, "INVALID_REQUEST", "agent_id"),
    ({"session_id": "{}", "last_event_id": "nonsense"}, "INVALID_REQUEST", "last_event_id"),
    ({"session_id": "{}", "cursors": []}, "INVALID_REQUEST", "cursors"),
    ({"session_id": "{}", "cursors": {"stream-x": "forged"}}, "CURSOR_INVALID", "cursor"),
]
"""What `auth` may not be; {} stands for a session that exists."""


async def test_wrong_introductions_are_refused_by_field_and_may_be_mended(
    server: Server, session: str
) -> None:
    async with raw_websocket(server.url) as raw:
        await raw.send('42["subscribe_data",{"data_types":[]}]')
        assert_refused(await raw.event("error"), "type", "an event before CONNECT")
        await raw.send("40/admin,{}")
        assert await raw.answer() == '44/admin,{"message":"Invalid namespace"}'
        for auth, code, field in INTRODUCTIONS:
            known = {k: session if v == "{}" else v for k, v in auth.items()}
            await raw.send("40" + json.dumps(known))
            refused = await raw.answer()
            assert refused.startswith("44{"), auth
            told = json.loads(refused[2:])
            assert told["data"]["code"] == code, auth
            assert told["message"] == told["data"]["message"]
            assert told["data"]["details"].get("field") == field
        await raw.send(greeting(session))
        assert (await raw.answer()).startswith("40{")
        await assert_still_works(raw, server, session)
    assert_quiet(server)


async def test_a_thousand_connects_on_one_socket_are_one_connection(
    server: Server, session: str
) -> None:
    async with raw_websocket(server.url, session) as raw:
        for _ in range(1000):
            await raw.send(greeting(session))
        await assert_still_works(raw, server, session)
        assert await server.connections(session) == 1
    async with raw_polling(server.url) as raw_poller:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(raw_poller.post, greeting(session))
        assert (await raw_poller.poll())[0].startswith("40{")
        assert await server.connections(session) == 1
    assert_quiet(server)


PAYLOADS: dict[str | bytes, tuple[str, int]] = {
    SEPARATOR.join(["3"] * 17): ("payload", 1),
    b"42\xff\xfe": ("payload", 1),
    "4" * 70_000: ("payload", 1),
    "": ("packet", 1),
    SEPARATOR: ("packet", 2),
    SEPARATOR.join(["9", "42[]", '42["connect"]']): ("packet", 3),
    'd=42["subscribe_data",{}]': ("packet", 1),
    "bAAAA": ("packet", 1),
}
"""Bodies of polling requests: the first field named, and how many errors they make."""


async def test_wrong_polling_requests_are_refused_by_field(server: Server, session: str) -> None:
    async with raw_polling(server.url, session) as raw:
        for body, (field, count) in PAYLOADS.items():
            assert await raw.post(body) == 200
            errors = await raw.errors(count)
            assert_refused(errors[0], field, str(body))
            assert len(errors) == count
        assert await raw.post('427["subscribe_data",{"data_types":["gmail_messages"]}]') == 200
        answered = SEPARATOR.join(await raw.poll())
        assert '437[{"success":true' in answered
    assert_quiet(server)


async def test_requests_that_are_no_engineio_are_refused(server: Server, session: str) -> None:
    polling = {"EIO": "4", "transport": "polling"}
    async with raw_websocket(server.url, session) as beside, aiohttp.ClientSession() as http:
        for method, query in [
            ("GET", {"EIO": "3", "transport": "polling"}),
            ("GET", {"transport": "polling"}),
            ("GET", {"EIO": "4", "transport": "foo"}),
            ("GET", {"EIO": "4", "transport": "websocket"}),
            ("GET", polling | {"j": "x"}),
            ("GET", polling | {"sid": "unknown"}),
            ("POST", polling),
            ("POST", polling | {"sid": "unknown"}),
            ("POST", polling | {"sid": beside.sid}),
            ("GET", polling | {"sid": beside.sid}),
            ("PUT", polling),
            ("PROPFIND", polling),
        ]:
            url = (URL(server.url) / "socket.io/").with_query(query)
            async with http.request(method, url, data=b"") as answer:
                assert 400 <= answer.status < 500, (method, query)
        async with http.get(
            address(server.url, "polling"), headers={"Origin": "http://evil.example"}
        ) as answer:
            assert answer.status == 400
        async with http.get(address(server.url, "polling", session_id=session)) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        await assert_still_works(beside, server, session)
    assert_quiet(server)
