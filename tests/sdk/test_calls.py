"""What the client's methods send, return and raise."""

import pytest
from sdk.conftest import HASTY
from sdk.scripted_server import (
    SESSION,
    STREAM,
    Answer,
    Json,
    ScriptedServer,
    ok,
    refused,
    started,
    status,
)

from scp_sdk import (
    AsyncSCPClient,
    ConnectionFailed,
    InvalidRequest,
    OpenedSession,
    Patience,
    ProtocolError,
    RateLimited,
    SCPError,
    ServerUnavailable,
    SessionNotFound,
    SessionPending,
    SessionRequired,
    StreamAlreadyActive,
    StreamNotFound,
)

OTHER = "session-of-somebody-else-987654"
STATUS = f"/api/stream/{STREAM}/status"


def listing(*names: str, connections: int = 0) -> Answer:
    streams: Json = {
        name: {
            "stream_type": "gmail_messages",
            "session_id": "session-…6789",
            "provider": "google",
            "started_at": 1640995200.0,
            "items_streamed": 1,
            "status": "active",
            "state_reason": None,
            "last_activity": 1640995200.0,
        }
        for name in names
    }
    return ok(
        {
            "streams": streams,
            "total_count": len(streams),
            "websocket_statistics": {"active_connections": connections},
        }
    )


def session_state(state: str) -> Answer:
    return ok(
        {
            "session_id": "session-…6789",
            "provider": "google",
            "state": state,
            "account": None,
            "scopes": [],
            "stream_types": ["gmail_messages"],
            "agent_id": None,
            "agent_verified": False,
            "created_at": 1640995200.0,
            "expires_at": 1640995800.0,
            "authorization_url": None,
        }
    )


async def test_a_start_sends_what_was_given_and_nothing_else(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    stream_id = await client.start_stream(
        session_id=OTHER, stream_type="gmail_messages", batch_size=50, max_results=None
    )
    (asked,) = server.asked_for("POST", "/api/stream/start")
    assert stream_id == STREAM
    assert asked.bearer == OTHER
    assert asked.body == {
        "session_id": OTHER,
        "stream_type": "gmail_messages",
        "batch_size": 50,
        "max_results": None,
    }


async def test_a_stream_is_asked_about_as_the_session_that_started_it(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("GET", STATUS, ok(status()))
    await client.start_stream(session_id=OTHER, stream_type="gmail_messages")
    assert (await client.get_stream_status(STREAM))["status"] == "active"
    await client.stop_stream(STREAM)
    assert [asked.bearer for asked in server.asked] == [OTHER, OTHER, OTHER]


async def test_a_client_without_a_session_asks_by_the_stream_id_alone(
    server: ScriptedServer,
) -> None:
    server.answer("GET", STATUS, ok(status()))
    async with AsyncSCPClient(server.url) as client:
        await client.get_stream_status(STREAM)
    assert server.asked[0].bearer is None


async def test_streams_of_every_session_used_come_in_one_list(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    await client.start_stream(session_id=OTHER, stream_type="gmail_messages")
    server.answer(
        "GET", "/api/streams", listing("one", connections=1), listing("two", connections=2)
    )
    merged = await client.list_streams()
    assert set(merged["streams"]) == {"one", "two"}
    assert merged["total_count"] == 2
    assert merged["websocket_statistics"]["active_connections"] == 3
    assert {asked.bearer for asked in server.asked_for("GET", "/api/streams")} == {SESSION, OTHER}


async def test_a_session_that_has_ended_counts_as_having_no_streams(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    await client.start_stream(session_id=OTHER, stream_type="gmail_messages")
    server.answer("GET", "/api/streams", refused(404, "SESSION_NOT_FOUND"), listing("two"))
    assert set((await client.list_streams())["streams"]) == {"two"}


async def test_a_list_of_unknown_sessions_only_is_an_error(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("GET", "/api/streams", refused(404, "SESSION_NOT_FOUND"))
    with pytest.raises(SessionNotFound):
        await client.list_streams()


async def test_a_list_without_any_session_asks_for_one(server: ScriptedServer) -> None:
    async with AsyncSCPClient(server.url) as client:
        with pytest.raises(SessionRequired):
            await client.list_streams()
    assert server.asked == []


async def test_errors_carry_what_the_server_said(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    answer = refused(409, "STREAM_ALREADY_ACTIVE", "It runs.", stream_id="stream-1")
    server.answer("POST", "/api/stream/start", answer)
    with pytest.raises(StreamAlreadyActive) as caught:
        await client.start_stream(stream_type="gmail_messages")
    error = caught.value
    assert (error.code, error.message, error.status) == ("STREAM_ALREADY_ACTIVE", "It runs.", 409)
    assert error.stream_id == "stream-1"
    assert str(error) == "It runs. [STREAM_ALREADY_ACTIVE]"


async def test_a_code_that_is_not_known_yet_is_a_plain_error(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("POST", "/api/stream/start", refused(418, "TEAPOT"))
    with pytest.raises(SCPError) as caught:
        await client.start_stream(stream_type="gmail_messages")
    assert type(caught.value) is SCPError
    assert caught.value.code == "TEAPOT"


async def test_retry_after_is_the_headers_then_the_bodys(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer(
        "POST",
        "/api/stream/start",
        refused(429, "STREAM_RATE_LIMITED", headers={"Retry-After": "7"}, retry_after=60),
        refused(429, "STREAM_RATE_LIMITED", retry_after=60),
    )
    waits = []
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await client.start_stream(stream_type="gmail_messages")
        waits.append(caught.value.retry_after)
    assert waits == [7.0, 60.0]


async def test_a_read_is_repeated_after_a_503_and_a_start_is_not(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    away = refused(503, "STORAGE_UNAVAILABLE", headers={"Retry-After": "0"})
    server.answer("GET", STATUS, away, away, ok(status()))
    server.answer("POST", "/api/stream/start", away, ok(started()))
    assert (await client.get_stream_status(STREAM))["status"] == "active"
    with pytest.raises(ServerUnavailable):
        await client.start_stream(stream_type="gmail_messages")


async def test_a_proxys_503_counts_as_no_answer(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("GET", STATUS, Answer(status=503), ok(status()))
    assert (await client.get_stream_status(STREAM))["status"] == "active"


async def test_a_limit_is_waited_for_only_when_that_was_asked(server: ScriptedServer) -> None:
    limit = refused(429, "RATE_LIMIT_EXCEEDED", headers={"Retry-After": "0"})
    server.answer("POST", "/api/stream/start", limit, limit, ok(started()))
    async with AsyncSCPClient(server.url, SESSION) as client:
        with pytest.raises(RateLimited):
            await client.start_stream(stream_type="gmail_messages")
    async with AsyncSCPClient(server.url, SESSION, max_retries=1) as client:
        assert await client.start_stream(stream_type="gmail_messages") == STREAM


async def test_a_server_that_is_away_is_a_typed_error_without_a_secret() -> None:
    async with AsyncSCPClient("http://127.0.0.1:9", SESSION, patience=HASTY) as client:
        with pytest.raises(ConnectionFailed) as caught:
            await client.get_stream_status(STREAM)
        assert SESSION not in str(caught.value)
        assert SESSION not in repr(client)
        with pytest.raises(ConnectionFailed):
            await anext(client.stream(stream_type="gmail_messages"))


async def test_an_answer_that_is_not_ours_says_that_the_address_is_wrong(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("GET", STATUS, Answer(status=200))
    with pytest.raises(ProtocolError, match="base_url"):
        await client.get_stream_status(STREAM)
    server.answer("GET", STATUS, ok({"stream_id": STREAM}))
    with pytest.raises(ProtocolError, match="shape"):
        await client.get_stream_status(STREAM)


async def test_a_redirect_is_not_followed_with_the_credential(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    there = Answer(status=307, headers={"Location": f"{server.url}/elsewhere"})
    server.answer("GET", STATUS, there)
    with pytest.raises(ProtocolError):
        await client.get_stream_status(STREAM)
    assert len(server.asked) == 1


async def test_a_stream_id_cannot_reach_another_path(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    with pytest.raises(SCPError):
        await client.get_stream_status("../../api/session?")
    assert server.asked[0].path.startswith("/api/stream/")


async def test_opening_a_session_needs_the_operator_key_and_sends_only_it(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    opened = {"session_id": OTHER, "authorization_url": "http://x.example/", "expires_at": 1.0}
    server.answer("POST", "/api/sessions", ok(opened))
    with pytest.raises(SessionRequired):
        await client.open_session("google", ["gmail_messages"])
    async with AsyncSCPClient(server.url, operator_key="operator-key") as operator:
        session = await operator.open_session("google", ["gmail_messages"], agent_id="helper")
    assert isinstance(session, OpenedSession)
    assert session.session_id == OTHER
    assert OTHER not in repr(session)
    (asked,) = server.asked
    assert asked.bearer == "operator-key"
    assert asked.body == {
        "provider": "google",
        "stream_types": ["gmail_messages"],
        "agent_id": "helper",
    }


async def test_consent_is_waited_for_until_the_session_is_active(
    server: ScriptedServer,
) -> None:
    limit = refused(429, "RATE_LIMIT_EXCEEDED", headers={"Retry-After": "0"})
    server.answer("GET", "/api/session", session_state("pending"), limit, session_state("active"))
    async with AsyncSCPClient(server.url, SESSION, patience=Patience(consent=0.0)) as client:
        assert (await client.wait_for_consent(timeout=5))["state"] == "active"


async def test_consent_that_does_not_come_is_pending(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("GET", "/api/session", session_state("pending"))
    with pytest.raises(SessionPending):
        await client.wait_for_consent(timeout=0.01)


async def test_an_ended_session_is_forgotten(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    ended = {"state": "ended", "provider_revocation": "not_needed"}
    server.answer("DELETE", "/api/session", ok(ended))
    assert (await client.end_session())["provider_revocation"] == "not_needed"
    with pytest.raises(SessionRequired):
        await client.list_streams()


@pytest.mark.parametrize(
    "base_url", ["localhost:5000", "ftp://x.example", "http://x.example?session_id=1", "http://a@b"]
)
def test_an_address_that_cannot_be_one_is_refused_at_once(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        AsyncSCPClient(base_url)


async def test_an_unknown_path_and_a_bad_request_have_their_types(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer(
        "GET", STATUS, refused(413, "PAYLOAD_TOO_LARGE"), refused(404, "STREAM_NOT_FOUND")
    )
    with pytest.raises(InvalidRequest):
        await client.get_stream_status(STREAM)
    with pytest.raises(StreamNotFound):
        await client.get_stream_status(STREAM)


async def test_a_stream_needs_a_type_or_an_id_and_not_both(client: AsyncSCPClient) -> None:
    with pytest.raises(ValueError, match="stream_type"):
        client.stream()
    with pytest.raises(ValueError, match="stream_type"):
        client.stream(stream_type="files", stream_id=STREAM)
    with pytest.raises(ValueError, match="last_event_id"):
        client.stream(stream_type="files", last_event_id="e1-1")
