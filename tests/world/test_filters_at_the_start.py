"""What cannot be read or followed is refused at the start, with the field and the reason; and how
far a stream reaches is said: by the operator, or by the provider's cap.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from support.filter_room import OPEN_LIMITS, Room, Rooms, graph_of, immutable_ids, opened
from support.processes import start_server

from scp_sdk import AsyncSCPClient, StreamConfigError

Json = dict[str, Any]
DAY: Final = timedelta(days=1)
NOON: Final = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def at(days: int) -> str:
    """Noon, so many days from today."""
    return f"{NOON + days * DAY:%Y-%m-%dT%H:%M:%SZ}"


REFUSED: Final[tuple[tuple[str, str, Json, str, str], ...]] = (
    ("google", "gmail_messages", {"filters": {"search": "x"}}, "filters.search", "search"),
    ("google", "gmail_messages", {"filters": {"query": ""}}, "filters.query", "1 to 2048"),
    ("google", "gmail_threads", {"filters": {"label_ids": "INBOX"}}, "filters.label_ids", "list"),
    (
        "google",
        "calendar_events",
        {"filters": {"time_min": at(2), "time_max": at(1)}},
        "filters.time_max",
        "later",
    ),
    ("google", "calendar_events", {"filters": {"time_min": "now"}}, "filters.time_min", "RFC 3339"),
    ("google", "contacts", {"filters": {"query": " + "}}, "filters.query", "no word"),
    ("google", "files", {"filters": {"query": "..."}}, "filters.query", "no word"),
    (
        "microsoft",
        "outlook_messages",
        {"filters": {"search": "budget"}, "real_time": True},
        "filters.search",
        "cannot be followed",
    ),
    (
        "microsoft",
        "outlook_messages",
        {"filters": {"filter": "isRead is false"}},
        "filters.filter",
        "position",
    ),
    (
        "microsoft",
        "outlook_events",
        {"filters": {"time_min": at(0), "time_max": at(1826)}},
        "filters.time_max",
        "1825",
    ),
    (
        "microsoft",
        "files",
        {"filters": {"include_trashed": True}},
        "filters.include_trashed",
        "bin",
    ),
    ("microsoft", "files", {"filters": {"query": "!"}}, "filters.query", "no word"),
    ("microsoft", "contacts", {"filters": {"query": "''"}}, "filters.query", "no word"),
)


@pytest.mark.parametrize(("provider", "stream_type", "options", "field_name", "reason"), REFUSED)
async def test_what_cannot_be_read_or_followed_is_refused_at_the_start(
    rooms: Rooms,
    provider: str,
    stream_type: str,
    options: Json,
    field_name: str,
    reason: str,
) -> None:
    room = rooms.of(provider)
    session = await room.session(stream_type)
    async with AsyncSCPClient(room.server.url) as client:
        with pytest.raises(StreamConfigError) as refused:
            await client.start_stream(stream_type=stream_type, session_id=session, **options)
    assert refused.value.details["field"] == field_name
    assert reason in refused.value.message


@pytest.mark.parametrize(
    ("search", "count", "reason"),
    [
        ("received>=2000-01-01", 1000, "provider_result_cap"),
        ("hasattachments:true", None, "completed"),
    ],
)
async def test_the_cap_of_microsoft_s_search_is_told(
    large: Room, search: str, count: int | None, reason: str
) -> None:
    async with graph_of(large) as graph:
        found = await immutable_ids(graph, "/me/messages", _search=f'"{search}"', _top="500")
    assert count is None or len(found) == count
    session = await large.session("outlook_messages")
    async with AsyncSCPClient(large.server.url) as client:
        stream = client.stream(
            session_id=session,
            stream_type="outlook_messages",
            filters={"search": search},
            batch_size=1000,
            rate_limit_per_minute=600,
        )
        async with stream:
            given = {item.id async for item in stream}
        status = await client.get_stream_status(stream.stream_id or "", session_id=session)
    assert given == found
    assert (status["status"], status["state_reason"]) == ("completed", reason)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    sizes = ("--messages=1100", "--events=5", "--contacts=5", "--files=5")
    with opened(tmp_path_factory.mktemp("large"), "microsoft", *sizes) as there:
        yield there


async def test_the_operator_says_how_far_outlook_s_window_reaches(
    rooms: Rooms, tmp_path: Path
) -> None:
    room = rooms.of("microsoft")
    days = {"microsoft__event_days_back": "400", "microsoft__event_days_ahead": "2"}
    server = start_server(tmp_path, room.sandbox, **OPEN_LIMITS, **days)
    try:
        other = replace(room, folder=tmp_path, server=server)
        given = set(await other.given("outlook_events", {}))
        today = NOON.replace(hour=0)
        low, high = today - 400 * DAY, today + 2 * DAY
        same = {"time_min": low.isoformat(), "time_max": high.isoformat()}
        assert given == set(await room.given("outlook_events", same))
        assert given != set(await room.given("outlook_events", {}))
    finally:
        server.close()
