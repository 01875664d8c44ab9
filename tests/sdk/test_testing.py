"""The fakes that users test their agents with: they behave as the real client does."""

import re
from pathlib import Path
from typing import Any

import pytest

from scp_sdk import (
    ConnectionFailed,
    Event,
    RateLimited,
    SCPClient,
    StreamAlreadyActive,
    StreamInterrupted,
    TokenExpired,
)
from scp_sdk.testing import (
    FakeAsyncSCPClient,
    FakeSCPClient,
    away,
    deleted,
    event,
    failed,
    gap,
    item,
    lost,
    resumed,
    stopped,
)


def agent(client: SCPClient, held: dict[str, str], *, real_time: bool = False) -> None:
    """A program as a user may write it: keeps subjects."""
    for mail in client.stream(stream_type="gmail_messages", real_time=real_time):
        if mail.change == "deleted":
            held.pop(mail.id, None)
        else:
            held[mail.id] = mail.payload["subject"]


def test_a_script_is_played_to_plain_code() -> None:
    client = FakeSCPClient([item("m1", subject="Hello"), item("m2", subject="Bye"), deleted("m1")])
    held: dict[str, str] = {}
    agent(client, held)
    assert held == {"m2": "Bye"}
    assert client.server.processed == ["m1", "m2", "m1"]
    assert client.server.started[0]["stream_type"] == "gmail_messages"
    client.close()


async def test_a_script_is_played_to_asynchronous_code(anyio_backend: str) -> None:
    async with FakeAsyncSCPClient([item("m1"), item("m2", {"from": "ada@mail.example"})]) as client:
        stream = client.stream(stream_type="gmail_messages", wire="ndjson")
        assert [mail.payload.get("from") async for mail in stream] == [None, "ada@mail.example"]


def test_lost_connections_and_repeats_are_not_seen_by_the_program() -> None:
    hello = item("m1", subject="Hello")
    with FakeSCPClient([hello, lost(), hello, away(3), item("m2", subject="Bye")]) as client:
        ids = [mail.id for mail in client.stream(stream_type="gmail_messages")]
        assert ids == ["m1", "m2"]
        assert client.server.connections == 3


def test_a_server_that_stays_away_is_an_error() -> None:
    with FakeSCPClient([item("m1"), away()]) as client:
        stream = client.stream(stream_type="gmail_messages")
        assert next(stream).id == "m1"
        with pytest.raises(ConnectionFailed):
            next(stream)


def test_what_a_complete_listing_lacks_is_deleted() -> None:
    script = [item("m1", subject="a"), item("m2", subject="b"), gap(), item("m2", subject="b")]
    held: dict[str, str] = {}
    with FakeSCPClient([*script, resumed()]) as client:
        agent(client, held, real_time=True)
    assert held == {"m2": "b"}


def test_errors_are_raised_as_their_own_classes() -> None:
    lost_grant = TokenExpired("Renew.", details={"authorization_url": "http://scp.example/renew"})
    with FakeSCPClient([item("m1"), failed(lost_grant)]) as client:
        with pytest.raises(TokenExpired) as caught:
            list(client.stream(stream_type="gmail_messages"))
        assert caught.value.authorization_url == "http://scp.example/renew"


def test_a_stop_ends_the_iteration_or_interrupts_it() -> None:
    with FakeSCPClient([item("m1"), stopped()]) as client:
        assert len(list(client.stream(stream_type="files"))) == 1
    with FakeSCPClient([stopped("inactive")]) as client, pytest.raises(StreamInterrupted):
        list(client.stream(stream_type="files"))


def test_starts_are_refused_in_turn() -> None:
    running = StreamAlreadyActive("One runs.", details={"stream_id": "stream-1"})
    with FakeSCPClient([item("m1")], refusals=[running, RateLimited("Wait.")]) as client:
        for kind in (StreamAlreadyActive, RateLimited):
            with pytest.raises(kind):
                list(client.stream(stream_type="contacts"))
        assert [each.id for each in client.stream(stream_type="contacts")] == ["m1"]


def test_what_a_program_left_early_had_in_its_hands_is_not_processed() -> None:
    with FakeSCPClient([item("m1"), item("m2"), item("m3")]) as client:
        with client.stream(stream_type="gmail_messages") as stream:
            next(stream)
            next(stream)
        assert client.server.processed == ["m1"]
        assert len(client.server.stopped) == 1


def test_other_events_are_told() -> None:
    told: list[Event] = []
    refreshed = event("token_refresh", new_expires_at=1.0, expires_in=3600)
    with FakeSCPClient([refreshed, item("m1")]) as client:
        assert list(client.stream(stream_type="files", on_event=told.append))
    assert [each.event_type for each in told] == ["token_refresh", "stream_completed"]


def test_the_other_calls_answer() -> None:
    with FakeSCPClient([item("m1")]) as client:
        opened = client.open_session("google", ["gmail_messages"])
        assert client.wait_for_consent(opened.session_id)["state"] == "active"
        stream_id = client.start_stream(stream_type="gmail_messages")
        assert client.get_stream_status(stream_id)["status"] == "active"
        assert [each.id for each in client.stream(stream_id=stream_id)] == ["m1"]
        assert client.get_stream_status(stream_id)["status"] == "completed"
        assert client.stop_stream(stream_id)["status"] == "stopped"
        assert client.list_streams()["total_count"] == 0
        assert client.providers() == {}
        assert client.end_session()["provider_revocation"] == "not_needed"


def test_the_example_in_the_documentation_runs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
    (example,) = re.findall(
        r"```python\n(from scp_sdk import[^`]*testing import.*?)```", text, re.S
    )
    names: dict[str, Any] = {}
    exec(compile(example, "docs/sdk.md", "exec"), names)  # noqa: S102  (our own page)
    tests = [names[name] for name in names if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()
