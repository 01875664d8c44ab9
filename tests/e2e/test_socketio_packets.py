"""Malformed packets end their connection at once, wrong arguments are refused by field; nobody else
notices.

The corpus is what broke other servers of this protocol.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import anyio
import pytest
from support.raw_engineio import (
    SEPARATOR,
    Closed,
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


MALFORMED: Sequence[str | bytes] = [
    # Engine.IO: not what a client sends.
    "",
    "9",
    "0",
    "2probe",
    "\x00",
    "4",
    "4x",
    "4²",
    "٣",
    "bAAAA",
    "b!",
    "4" + "[" * 20_000,
    '4{"a":1}',
    '42["subscribe_data","' + "x" * 200_000 + '"]',
    # Socket.IO: types that are not taken.
    "44",
    '44{"message":"no"}',
    "45-",
    "459999999999-",
    '451-["subscribe_data",{"_placeholder":true,"num":-1}]',
    '461-["x",{"_placeholder":true,"num":"x"}]',
    "47",
    '421-["subscribe_data",{"_placeholder":true,"num":99999}]',
    "43",
    "43" + "1" * 17 + "[{}]",
    # Namespaces that it is not in, or is in already.
    '42/admin,["subscribe_data",{}]',
    '42/a?x,["subscribe_data",{}]',
    "41/admin,",
    "40",
    '40{"session_id":"session-other"}',
    "40[1]",
    # Data that is no JSON, or too deep.
    "42{",
    "42" + "1" * 120 + '["subscribe_data",{}]',
    '42["subscribe_data",{"session_id":"\\ud800"}]',
    '42["subscribe_data",' + "[" * 5_000 + "]" * 5_000 + "]",
    '42["subscribe_data",' + "[" * 20_000 + "]" * 20_000 + "]",
    '42["subscribe_data",{"data_types":NaN}]',
    # Events without a name, and with a reserved one.
    "42",
    "42[]",
    "42[null]",
    '42{"a":1}',
    '42["connect"]',
    '42["connect",{}]',
    '42["disconnect"]',
    '42["disconnect","client disconnect"]',
]
"""Packets that no client library sends."""

UNHEEDED = [
    "3",
    "6",
    "431[]",
    "43123456789012345[{}]",
    "42[1,2]",
    '42["*"]',
    '42["__class__"]',
    '42["Subscribe_Data",{}]',
    "40/admin,",
    "40/" + "n" * 10_000 + ",",
]
"""Nothing to answer, and nothing wrong: pongs and acknowledgements of nothing, unknown events."""

WRONG_SUBSCRIPTIONS: Sequence[tuple[object, str]] = [
    (None, "subscribe_data"),
    ("gmail_messages", "subscribe_data"),
    ({}, "data_types"),
    ({"data_types": "gmail_messages"}, "data_types"),
    ({"data_types": [1]}, "data_types"),
    ({"data_types": ["x" * 300]}, "data_types"),
    ({"data_types": [], "session_id": 5}, "session_id"),
    ({"data_types": [], "batch": "yes"}, "batch"),
    ({"data_types": [], "ack": "yes"}, "ack"),
    ({"data_types": [], "ack": True, "window": 0}, "window"),
    ({"data_types": [], "ack": True, "window": 1001}, "window"),
    ({"data_types": [], "__proto__": {}}, "__proto__"),
]


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


async def ended(raw: RawWebSocket) -> bool:
    """Whether the server closes, and says nothing more but answers to CONNECT."""
    try:
        while (await raw.answer()).startswith("40"):
            pass
    except Closed:
        return True
    except TimeoutError:
        pass
    return False


async def test_malformed_packets_end_their_connection_at_once_and_harm_nobody(
    server: Server, session: str
) -> None:
    other = people(server.sandbox)[1]
    neighbour = await server.open_session("gmail_messages", user=other)
    async with raw_websocket(server.url, neighbour) as beside:
        await server.start_stream(neighbour)
        for packet in [*MALFORMED, BINARY]:
            # Its seat waits: who comes back is no new connection.
            async with raw_websocket(server.url, session, agent_id="clumsy") as raw:
                if isinstance(packet, bytes):
                    await raw.socket.send_bytes(packet)
                else:
                    await raw.send(packet)
                assert await ended(raw), packet
        async with raw_websocket(server.url, session, agent_id="clumsy") as raw:
            await assert_still_works(raw, server, session)
        assert_all_came(await beside.completed(), message_ids(server.sandbox, other))
    assert_quiet(server)


async def test_what_nobody_waits_for_is_let_pass(server: Server, session: str) -> None:
    async with raw_websocket(server.url, session) as raw:
        for packet in UNHEEDED:
            await raw.send(packet)
        await assert_still_works(raw, server, session)
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


async def test_who_speaks_before_being_let_in_or_connects_twice_is_closed(
    server: Server, session: str
) -> None:
    for packets in (['42["subscribe_data",{"data_types":[]}]'], [greeting(session)] * 1000):
        async with raw_websocket(server.url) as raw:
            for packet in packets:
                await raw.send(packet)
            assert await ended(raw)
    async with raw_polling(server.url) as poller:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(poller.post, greeting(session))
        with suppress(Closed):
            while True:
                await poller.poll()
    with anyio.fail_after(30):
        # Whoever was being let in when it was closed may still be on its way out.
        while await server.connections(session):
            pass
    async with raw_websocket(server.url, session) as raw:
        assert await server.connections(session) == 1
        await assert_still_works(raw, server, session)
    assert_quiet(server)


PAYLOADS: Sequence[str | bytes] = [
    SEPARATOR.join(["3"] * 1001),
    b"42\xff\xfe",
    "4" * 70_000,
    "",
    SEPARATOR,
    "9",
    "42[]",
    'd=42["subscribe_data",{}]',
    "bAAAA",
    SEPARATOR.join(['42["x"]', "0"]),
]
"""Bodies of polling requests."""


async def test_wrong_polling_requests_are_refused_and_end_the_connection(
    server: Server, session: str
) -> None:
    for body in PAYLOADS:
        async with raw_polling(server.url, session) as raw:
            assert await raw.post(body) in {400, 413}, body
            assert await raw.post("3") == 400
            with pytest.raises(Closed):
                await raw.poll()
    async with raw_polling(server.url, session) as raw:
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
            assert answer.status == 403
        async with http.get(address(server.url, "polling", session_id=session)) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        await assert_still_works(beside, server, session)
    assert_quiet(server)
