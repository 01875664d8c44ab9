"""The guide's programs, run as its readers run them, against a real server and sandbox."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from support.processes import Child, fetch, operator_key, start_sandbox, start_server
from support.running import Server

from scp_sdk import AsyncSCPClient, Event, SCPClient, SessionPending, StreamAlreadyActive
from scp_sdk.sandbox_consent import NoSandbox, consent_in_sandbox, obtain_session

ROOT = Path(__file__).parents[2]
MESSAGES = 150


@dataclass(frozen=True, slots=True)
class World:
    """A server, its sandbox, and what an operator has."""

    server: Child
    sandbox: Child
    operator_key: str

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("sandbox")
    sandbox = start_sandbox(folder, "--port=0", f"--messages={MESSAGES}", "--events=40")
    yield sandbox
    sandbox.close()


def opened(folder: Path, sandbox: Child, environ: dict[str, str]) -> Iterator[World]:
    server = start_server(folder, sandbox, **environ)
    try:
        yield World(server, sandbox, operator_key(folder))
    finally:
        server.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[World]:
    """A server as it comes: for the guide's programs."""
    yield from opened(tmp_path_factory.mktemp("world"), sandbox, {})


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[World]:
    """A server that counts no requests, for tests that share an address."""
    folder = tmp_path_factory.mktemp("calm")
    yield from opened(folder, sandbox, {"SCP_LIMITS__DATA_REQUESTS_PER_MINUTE": "0"})


def run(program: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SCP_")}
    return subprocess.run(  # noqa: S603  (our own programs)
        [sys.executable, "-W", "error", str(ROOT / program), *arguments],
        env=plain | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_guides_test_script_finds_everything_as_promised(world: World) -> None:
    done = run("test_streaming.py", "--url", world.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert "0 failed" in done.stdout


def test_the_guides_test_script_says_that_it_has_no_session_and_exits_with_2() -> None:
    done = run("test_streaming.py", "--url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "SCP_CLIENT__SESSION_ID" in done.stderr


def test_the_guides_test_script_fails_for_a_session_that_is_unknown(world: World) -> None:
    done = run("test_streaming.py", "--url", world.url, SCP_CLIENT__SESSION_ID="session-nobodys")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "session-nobodys" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("program", "arguments", "said"),
    [
        ("streaming_gmail_example.py", ["--max-results", "12"], "12 messages"),
        ("streaming_calendar_example.py", ["--max-results", "7"], "completed: 7 events streamed"),
        ("websocket_client_example.py", ["--events", "9"], "9 messages"),
        ("rate_limiting_example.py", [], "retry_after: "),
    ],
)
def test_the_examples_run(world: World, program: str, arguments: list[str], said: str) -> None:
    done = run(f"examples/{program}", "--url", world.url, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "program",
    [
        "streaming_gmail_example.py",
        "streaming_calendar_example.py",
        "websocket_client_example.py",
        "rate_limiting_example.py",
    ],
)
def test_an_example_without_a_session_says_what_is_missing(program: str) -> None:
    done = run(f"examples/{program}", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr != ""


async def test_the_whole_mailbox_arrives_each_message_once(calm: World) -> None:
    async with AsyncSCPClient(calm.url, operator_key=calm.operator_key) as client:
        opened = await client.open_session("google", ["gmail_messages"], agent_id="reader")
        with pytest.raises(SessionPending):
            await client.start_stream(session_id=opened.session_id, stream_type="gmail_messages")
        await consent_in_sandbox(calm.url, begin_at=opened.authorization_url)
        state = await client.wait_for_consent(opened.session_id, timeout=10)
        ids = [
            item.id
            async for item in client.stream(
                session_id=opened.session_id, stream_type="gmail_messages", batch_size=20
            )
        ]
    listed = fetch(f"{calm.sandbox.url}/sandbox/users/{state['account']}/messages")
    at_the_source = [message["id"] for message in listed["messages"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(at_the_source)


def test_streams_of_one_type_can_follow_each_other_at_once(calm: World) -> None:
    told: list[Event] = []
    with SCPClient(calm.url, obtain_session(calm.url)) as client:
        for count in (5, 30, 1):
            stream = client.stream(
                stream_type="gmail_messages", max_results=count, on_event=told.append
            )
            assert len(list(stream)) == count
            assert stream.stream_id is not None
            assert client.get_stream_status(stream.stream_id)["status"] == "completed"
        assert client.list_streams()["total_count"] == 0
    kinds = [event.event_type for event in told if event.stream_id is not None]
    assert kinds == ["stream_started", "stream_completed"] * 3


def test_a_cursor_of_a_stream_left_early_loses_nothing(calm: World) -> None:
    with SCPClient(calm.url, obtain_session(calm.url)) as client:
        everything = [item.id for item in client.stream(stream_type="gmail_messages")]
        kept: list[str] = []
        fresh: list[str] = []
        with client.stream(stream_type="gmail_messages", batch_size=10) as first:
            while len(kept) < 25:
                item = next(first)
                fresh.append(item.id)
                if item.cursor is not None:
                    kept, fresh = kept + fresh, []
        rest = [
            item.id for item in client.stream(stream_type="gmail_messages", cursor=first.cursor)
        ]
    assert set(kept) | set(rest) == set(everything)


def test_a_running_stream_is_named_by_the_refusal_and_can_be_joined(calm: World) -> None:
    with SCPClient(calm.url, obtain_session(calm.url)) as client:
        stream_id = client.start_stream(stream_type="gmail_messages", max_results=20)
        with pytest.raises(StreamAlreadyActive) as caught:
            client.start_stream(stream_type="gmail_messages")
        assert caught.value.stream_id == stream_id
        assert len(list(client.stream(stream_id=stream_id))) == 20


async def test_the_walk_of_the_consent_pages_names_its_people(calm: World) -> None:
    with pytest.raises(NoSandbox, match="knows these people"):
        await consent_in_sandbox(calm.url, user="nobody@sandbox.example")
    with pytest.raises(NoSandbox, match="outlook"):
        await consent_in_sandbox(calm.url, provider="microsoft", user="nobody@sandbox.example")


async def test_a_provider_that_is_not_set_up_has_no_sandbox(tmp_path: Path, sandbox: Child) -> None:
    off = {"SCP_MICROSOFT__CLIENT_ID": "", "SCP_MICROSOFT__CLIENT_SECRET": ""}
    server = start_server(tmp_path, sandbox, **off)
    try:
        with pytest.raises(NoSandbox, match="no sandbox"):
            await consent_in_sandbox(server.url, provider="microsoft")
    finally:
        server.close()


async def test_a_reader_outlives_a_killed_server_and_gets_each_message_once(
    tmp_path: Path, sandbox: Child
) -> None:
    server = Server(start_server(tmp_path, sandbox), tmp_path, sandbox, {})
    try:
        session = await consent_in_sandbox(server.url)
        ids: list[str] = []
        async with AsyncSCPClient(server.url, session) as client:
            stream = client.stream(
                stream_type="gmail_messages", batch_size=5, rate_limit_per_minute=600
            )
            async for item in stream:
                ids.append(item.id)
                if len(ids) in {20, 90}:
                    server.child.kill()
                    await anyio.to_thread.run_sync(server.start_again)
        assert len(ids) == len(set(ids)) == MESSAGES
    finally:
        server.child.close()
