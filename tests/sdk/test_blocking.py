"""The blocking client: the same, for code that does not know asyncio."""

import gc
import threading
from collections.abc import Iterator

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from sdk.conftest import HASTY
from sdk.scripted_server import (
    SESSION,
    STREAM,
    Play,
    ScriptedServer,
    completed,
    ok,
    refused,
    scripted_server,
    status,
    update,
)

from scp_sdk import SCPClient, StreamConfigError

STOP = ("POST", f"/api/stream/{STREAM}/stop")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(scripted_server()) as server,
    ):
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[SCPClient]:
    with SCPClient(server.url, SESSION, patience=HASTY) as client:
        yield client


def test_the_guides_own_program_runs(server: ScriptedServer) -> None:
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status()))
    client = SCPClient(base_url=server.url)
    stream_id = client.start_stream(
        session_id="your-session-id", stream_type="gmail_messages", batch_size=50, max_results=500
    )
    status_now = client.get_stream_status(stream_id)
    assert (status_now["status"], status_now["items_streamed"]) == ("active", 0)
    client.stop_stream(stream_id)
    client.close()


def test_items_are_iterated_in_plain_code(server: ScriptedServer, client: SCPClient) -> None:
    server.plays = [
        Play(events=[update(1, "a")], then="drop"),
        Play(events=[update(2, "b"), completed(3)]),
    ]
    assert [item.id for item in client.stream(stream_type="gmail_messages")] == ["a", "b"]
    assert server.asked_for(*STOP) == []


def test_errors_are_raised_where_the_loop_is(server: ScriptedServer, client: SCPClient) -> None:
    server.answer("POST", "/api/stream/start", refused(400, "STREAM_CONFIG_ERROR"))
    with pytest.raises(StreamConfigError):
        next(client.stream(stream_type="gmail_messages"))


def test_a_loop_left_with_break_stops_its_stream(server: ScriptedServer, client: SCPClient) -> None:
    server.plays = [Play(events=[update(1, "a"), update(2, "b")])]
    for item in client.stream(stream_type="gmail_messages"):
        assert item.id == "a"
        break
    gc.collect()
    assert len(server.asked_for(*STOP)) == 1


def test_a_block_left_early_stops_its_stream_and_a_joined_one_goes_on(
    server: ScriptedServer, client: SCPClient
) -> None:
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status()))
    server.plays = [Play(events=[update(1, "a")]), Play(events=[update(1, "a")])]
    with client.stream(stream_type="gmail_messages") as stream:
        assert next(stream).id == "a"
        assert stream.stream_id == STREAM
    assert len(server.asked_for(*STOP)) == 1
    with client.stream(stream_id=STREAM) as joined:
        assert next(joined).id == "a"
    assert len(server.asked_for(*STOP)) == 1
    assert server.subscriptions[1]["data_types"] == ["gmail_messages"]


def test_a_closed_client_says_so_and_leaves_no_thread(server: ScriptedServer) -> None:
    client = SCPClient(server.url, SESSION)
    client.start_stream(stream_type="gmail_messages")
    assert any(thread.name == "scp_sdk" for thread in threading.enumerate())
    client.close()
    client.close()
    assert not any(thread.name == "scp_sdk" for thread in threading.enumerate())
    with pytest.raises(RuntimeError, match="closed"):
        client.start_stream(stream_type="gmail_messages")


def test_closing_the_client_ends_a_stream_that_is_still_read(server: ScriptedServer) -> None:
    server.plays = [Play(events=[update(1, "a")])]
    client = SCPClient(server.url, SESSION, patience=HASTY)
    stream = client.stream(stream_type="gmail_messages")
    assert next(stream).id == "a"
    client.close()
    assert len(server.asked_for(*STOP)) == 1
    stream.close()


def test_several_threads_may_call_one_client(server: ScriptedServer, client: SCPClient) -> None:
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status()))
    seen: list[str] = []

    def look() -> None:
        seen.append(client.get_stream_status(STREAM)["status"])

    threads = [threading.Thread(target=look) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["active"] * 5


def test_the_repr_names_the_class_and_no_session(client: SCPClient) -> None:
    assert repr(client).startswith("SCPClient(")
    assert SESSION not in repr(client)


async def test_it_can_be_used_beside_a_running_event_loop(anyio_backend: str) -> None:
    async with scripted_server() as server:
        with SCPClient(server.url, SESSION, patience=HASTY) as client:
            server.plays = [Play(events=[update(1, "a"), completed(2)])]
            stream = client.stream(stream_type="gmail_messages")
            item = await anyio.to_thread.run_sync(lambda: next(stream))
            assert item.id == "a"
            await anyio.to_thread.run_sync(client.close)
