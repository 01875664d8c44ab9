"""Who may do what on a real server: two users on every verb, origins, and ends that reach all."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.all_wires import all_wires
from support.processes import Child, start_server
from support.raw_engineio import address, greeting, raw_polling, raw_websocket
from support.running import Server, assert_quiet, people

UNKNOWN_SESSION = "session-" + "A" * 43
UNKNOWN_STREAM = "stream-" + "A" * 22


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[Server]:
    """As the shared one, but for what would count the many calls made here."""
    folder: Path = tmp_path_factory.mktemp("server")
    settings = {
        "limits__stream_events_per_minute": "0",
        "limits__data_requests_per_minute": "0",
        "limits__connections_per_session": "0",
        "limits__subscriptions_per_minute": "0",
    }
    child = start_server(folder, sandbox, **settings)
    yield Server(child, folder, sandbox, settings)
    child.close()


async def asked(
    server: Server,
    method: str,
    path: str,
    *,
    session: str,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Status and JSON of one request as a session."""
    sent = {"Authorization": f"Bearer {session}", **(headers or {})}
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, server.url + path, json=body, headers=sent) as answer,
    ):
        return answer.status, await answer.json()


async def test_ending_a_session_ends_its_stream_and_every_connection_and_leaves_others(
    server: Server,
) -> None:
    mine = await server.open_session()
    other = await server.open_session(user=people(server.sandbox)[1])
    streams = [
        await server.start_stream(session, max_results=20, real_time=True)
        for session in (mine, other)
    ]
    async with (
        all_wires(server.url, streams[1], other) as others,
        all_wires(server.url, streams[0], mine) as wires,
    ):
        status, _ = await asked(server, "DELETE", "/api/session", session=mine)
        assert status == 200
        told = await wires.ended()
        assert {wire: events[-1] for wire, events in told.items()} == dict.fromkeys(
            ("websocket", "polling", "sse", "ndjson"), "session_expired"
        )
        # With the session's key its streams cannot be read any more, by the operator neither.
        assert (await server.call(f"/api/stream/{streams[0]}/status")).status == 404
        async with raw_websocket(server.url) as raw:
            await raw.send(greeting(mine))
            assert "SESSION_NOT_FOUND" in await raw.answer()
        assert (await others.websocket.subscribe("gmail_messages"))["success"] is True
        assert await server.connections(other) == 2
    assert_quiet(server)


async def test_of_another_users_ids_every_verb_says_what_it_says_of_unknown_ones(
    server: Server,
) -> None:
    mine = await server.open_session()
    other = await server.open_session(user=people(server.sandbox)[1])
    theirs = await server.start_stream(other, max_results=5, real_time=True)
    ticket = await server.call("/api/tickets", {}, session=other)
    verbs = (
        ("GET", "/api/stream/{}/status"),
        ("POST", "/api/stream/{}/stop"),
        ("GET", "/api/stream/{}/events?format=sse"),
        ("GET", "/api/stream/{}/events?format=ndjson&last_event_id=0123456789ab-1"),
        ("GET", f"/api/stream/{{}}/events?ticket={ticket.data['ticket']}x"),
    )
    for method, path in verbs:
        foreign = await asked(server, method, path.format(theirs), session=mine)
        unknown = await asked(server, method, path.format(UNKNOWN_STREAM), session=mine)
        assert foreign == unknown, path
        assert foreign[0] == 404, path
    _, listed = await asked(server, "GET", "/api/streams", session=mine)
    assert listed["data"]["total_count"] == 0
    assert listed["data"]["websocket_statistics"]["active_connections"] == 0
    cursor = (await server.call(f"/api/stream/{theirs}/status", session=other)).data["cursor"]
    start = {"stream_type": "gmail_messages", "cursor": cursor}
    status, refused = await asked(server, "POST", "/api/stream/start", session=mine, body=start)
    assert (status, refused["error"]["code"]) == (400, "CURSOR_INVALID")
    still = await server.call(f"/api/stream/{theirs}/status", session=other)
    assert still.data["status"] == "active"


async def test_of_another_users_ids_socketio_says_what_it_says_of_unknown_ones(
    server: Server,
) -> None:
    mine = await server.open_session()
    other = await server.open_session(user=people(server.sandbox)[1])
    theirs = await server.start_stream(other, max_results=5, real_time=True)
    cursor = (await server.call(f"/api/stream/{theirs}/status", session=other)).data["cursor"]
    async with raw_websocket(server.url, mine) as raw:
        answers = []
        for session in (other, UNKNOWN_SESSION):
            wanted = f'{{"session_id":"{session}","data_types":["gmail_messages"]}}'
            await raw.send(f'421["subscribe_data",{wanted}]')
            answers.append(await raw.event("error"))
            assert (await raw.answer()).startswith("431")
        assert answers[0] == answers[1]
        assert answers[0]["code"] == "SESSION_NOT_FOUND"
        assert raw.events == []
    async with raw_websocket(server.url) as raw:
        refusals = []
        for stream_id in (theirs, UNKNOWN_STREAM):
            await raw.send(f'40{{"session_id":"{mine}","cursors":{{"{stream_id}":"{cursor}"}}}}')
            refusals.append(await raw.answer())
        assert refusals[0] == refusals[1]
        assert "CURSOR_INVALID" in refusals[0]


def origins(url: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Origins that may connect, and that may not."""
    port = url.rpartition(":")[2]
    ours = tuple(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]"))
    return ours, (
        "null",
        "",
        f"https://localhost:{port}",
        "http://localhost",
        f"http://localhost:{int(port) ^ 1}",
        f"http://localhost.evil.example:{port}",
        f"http://evil-localhost:{port}",
        f"http://LOCALHOST:{port}",
        f"http://localhost:{port}/",
        f"http://user@localhost:{port}",
        f"http://xn--lcalhost-n4a:{port}",
        f"http://localhost:{port} http://evil.example",
        "file://",
    )


async def test_a_page_of_another_origin_is_refused_on_every_wire_before_anything_is_opened(
    server: Server,
) -> None:
    session = await server.open_session()
    allowed, refused = origins(server.url)
    async with aiohttp.ClientSession() as http, raw_polling(server.url, session) as polling:
        for origin in (*allowed, *refused):
            expected = 200 if origin in allowed else 403
            headers = {"Origin": origin, "Authorization": f"Bearer {session}"}
            found = [
                await _status(http, address(server.url, "polling"), headers),
                await _status(http, address(server.url, "websocket"), headers | _UPGRADE),
                await _status(http, f"{server.url}/api/session", headers),
            ]
            assert found == [expected, 101 if expected == 200 else 403, expected], origin
        known = address(server.url, "polling", sid=polling.sid)
        evil = {"Origin": "http://evil.example"}
        async with http.post(known, data="2", headers=evil) as answer:
            assert answer.status == 403
        assert await polling.post("42" + '["x"]') == 200


_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def _status(http: aiohttp.ClientSession, url: Any, headers: dict[str, str]) -> int:  # noqa: ANN401
    async with http.get(url, headers=headers) as answer:
        return answer.status


async def test_a_rebound_name_of_our_own_address_is_another_origin(server: Server) -> None:
    # The page's host now resolves to us: its Origin and the request's Host agree.
    headers = {"Origin": "http://evil.example", "Host": "evil.example"}
    async with aiohttp.ClientSession() as http:
        for transport, more in (("polling", {}), ("websocket", _UPGRADE)):
            url = address(server.url, transport)
            assert await _status(http, url, headers | more) == 403


async def test_a_ticket_is_good_once_for_its_own_session_and_for_reading_only(
    server: Server,
) -> None:
    session = await server.open_session()
    stream_id = await server.start_stream(session, max_results=3)
    ticket = (await server.call("/api/tickets", {}, session=session)).data["ticket"]
    async with aiohttp.ClientSession() as http:
        for method, path in (
            ("GET", "/api/session"),
            ("DELETE", "/api/session"),
            ("GET", "/api/streams"),
            ("POST", "/api/tickets"),
            ("POST", "/api/stream/start"),
        ):
            url = f"{server.url}{path}?ticket={ticket}"
            async with http.request(method, url, json={} if method == "POST" else None) as answer:
                assert answer.status in {400, 401}, path
        url = f"{server.url}/api/stream/{stream_id}/events?format=ndjson&ticket={ticket}"
        async with http.get(url) as first:
            text = await first.text()
            assert first.status == 200
            assert session not in text
        async with http.get(url) as replayed:
            assert (replayed.status, (await replayed.json())["error"]["code"]) == (
                404,
                "SESSION_NOT_FOUND",
            )
    async with raw_websocket(server.url) as raw:
        await raw.send("40" + f'{{"ticket":"{ticket}"}}')
        assert "SESSION_REQUIRED" in await raw.answer()


async def test_an_engineio_connection_is_no_credential_for_another_session(
    server: Server,
) -> None:
    session = await server.open_session()
    async with raw_polling(server.url, session) as polling, aiohttp.ClientSession() as http:
        path = f"{server.url}/api/session"
        async with http.get(path, headers={"X-Session-ID": polling.sid}) as answer:
            assert answer.status == 404
        async with http.get(path, params={"sid": polling.sid}) as answer:
            assert answer.status == 401
