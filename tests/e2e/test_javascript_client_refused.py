"""The guide's JavaScript client is refused in the guide's words, at the default limits."""

import pytest
from support.javascript import GuideClient, guide_client
from support.running import Server

pytestmark = pytest.mark.usefixtures("javascript")

STREAM_TYPES = [
    "gmail_messages",
    "gmail_threads",
    "calendar_events",
    "outlook_messages",
    "outlook_events",
    "contacts",
    "files",
]


async def refusal(server: Server, session: str | None, transports: list[str]) -> object:
    """What a client is told that is not let in."""
    async with guide_client(server.url, session=session, transports=transports) as client:
        refused = await client.sees("connect_error")
    assert refused["message"] == refused["data"]["message"]
    assert client.count("connect") == 0
    return refused["data"]["code"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_connection_needs_a_session_that_exists_and_has_consented(
    server: Server, transport: str
) -> None:
    pending, _ = await server.pending_session()
    assert await refusal(server, None, [transport]) == "SESSION_REQUIRED"
    assert await refusal(server, "session-unknown", [transport]) == "SESSION_NOT_FOUND"
    assert await refusal(server, pending, [transport]) == "SESSION_PENDING"


async def test_the_sixth_connection_within_five_minutes_is_refused(
    server: Server, session: str
) -> None:
    async with guide_client(server.url, session=session, agent="guide") as client:
        for _ in range(5):
            await client.sees("connect")
            # Who says goodbye leaves no seat: the next connection is a new one.
            await client.tell("leave")
            await client.tell("come")
        refused = await client.sees("connect_error")

    assert client.count("connect") == 5
    assert refused["data"]["code"] == "RATE_LIMIT_EXCEEDED"
    details = refused["data"]["details"]
    assert details["limit"] == 5
    assert 0 < details["retry_after"] <= 300
    assert details["reset_time"] > 0


async def error_and_answer(client: GuideClient, **argument: object) -> tuple[object, object]:
    """A refused subscription's `error` event, and the error of its acknowledgement."""
    answer = await client.subscribe(**argument)
    assert answer["success"] is False
    error = next(sight["data"] for sight in reversed(client.seen) if sight["saw"] == "error")
    return error, answer["error"]


async def test_a_refused_subscription_says_why_and_changes_nothing(
    server: Server, session: str
) -> None:
    other = await server.open_session()
    async with guide_client(server.url, session=session, agent="guide") as client:
        await client.sees("connect")
        await client.subscribe(session_id=session, data_types=["gmail_messages"])
        told, answered = await error_and_answer(
            client, session_id=session, data_types=["calendar_events", "invalid_type"]
        )
        foreign = await error_and_answer(client, session_id=other, data_types=["calendar_events"])
        await server.start_stream(session, stream_type="calendar_events", max_results=5)
        await server.start_stream(session, max_results=5)
        # How the streams fare is told of both.
        await client.event("stream_completed")
        await client.event("stream_completed")

    assert told == answered
    assert told == {
        "code": "STREAM_CONFIG_ERROR",
        "message": "There is no such stream type.",
        "details": {
            "field": "data_types",
            "value": "invalid_type",
            "allowed_values": STREAM_TYPES,
        },
    }
    assert foreign[0] == foreign[1]
    assert isinstance(foreign[0], dict)
    assert foreign[0]["code"] == "SESSION_NOT_FOUND"
    assert other not in str(foreign)
    kinds = {e["data"].get("data_type") for e in client.events if e["event_type"] == "data_update"}
    assert kinds == {"gmail_messages_message"}


async def test_the_eleventh_subscription_in_a_minute_is_refused(
    server: Server, session: str
) -> None:
    async with guide_client(server.url, session=session, agent="guide") as client:
        await client.sees("connect")
        wanted = {"session_id": session, "data_types": ["gmail_messages"]}
        for _ in range(10):
            assert (await client.subscribe(**wanted))["success"] is True
        told, answered = await error_and_answer(client, **wanted)

    assert client.count("subscription_confirmed") == 10
    assert told == answered
    assert isinstance(told, dict)
    assert told["code"] == "RATE_LIMIT_EXCEEDED"
    assert told["details"]["limit"] == 10
    assert 0 < told["details"]["retry_after"] <= 60
