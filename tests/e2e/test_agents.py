"""Agents from end to end: made on the command line, used by the SDK on every wire, taken back."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from support.all_wires import all_wires
from support.raw_engineio import RawWebSocket, greeting, raw_websocket
from support.running import Server, assert_quiet

from scp_sdk import AsyncSCPClient, SessionNotFound
from scp_sdk.sandbox_consent import consent_in_sandbox
from scp_sdk.wires.link import WireName


def command(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`securecontext agents ...` of whoever runs the server."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    environ["SCP_DATA_DIR"] = str(server.folder / "data")
    line = [sys.executable, "-m", "scp_cli", "agents", *arguments, "--url", server.url]
    return subprocess.run(  # noqa: S603  (our own command line)
        line, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def made(server: Server, name: str, *more: str) -> str:
    """The key of an agent that is made."""
    done = command(server, "create", name, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def consented(server: Server, client: AsyncSCPClient) -> str:
    """A session that the client's agent opened, and the sandbox's first user agreed to."""
    opened = await client.open_session("google", ["gmail_messages", "calendar_events"])
    await consent_in_sandbox(server.url, begin_at=opened.authorization_url)
    return opened.session_id


def test_the_command_line_makes_lists_and_takes_back(server: Server) -> None:
    key = made(server, "lister", "--type", "gmail_messages", "--days", "2")
    assert key.startswith("agent-")
    listed = command(server, "list").stdout
    assert key not in listed
    assert f"agent-…{key[-4:]}" in listed
    (row,) = [line.split() for line in listed.splitlines() if line.startswith("lister ")]
    assert row[2:6] == ["active", "0", "yes", "gmail_messages"]
    assert "opens nothing" in command(server, "revoke", "lister").stdout
    again = command(server, "create", "lister")
    assert again.returncode == 1
    assert "replace" in again.stderr
    assert key not in server.log


@pytest.mark.parametrize("wire", ["socketio", "sse", "ndjson"])
async def test_the_sdk_reads_an_agents_session_with_its_key_and_nobody_without(
    server: Server, wire: WireName
) -> None:
    key = made(server, f"reader-{wire}")
    async with AsyncSCPClient(server.url, agent_key=key) as client:
        session = await consented(server, client)
        seen = 0
        async with client.stream(
            stream_type="gmail_messages",
            session_id=session,
            max_results=30,
            wire=wire,
        ) as items:
            async for _ in items:
                seen += 1
            assert items.stream_id is not None
            status = await client.get_stream_status(items.stream_id)
        assert seen == 30
        assert (status["agent_id"], status["agent_verified"]) == (f"reader-{wire}", True)
        assert (await client.session(session))["agent_verified"]
    async with AsyncSCPClient(server.url, session_id=session) as thief:
        with pytest.raises(SessionNotFound):
            await thief.session()
        with pytest.raises(SessionNotFound):
            await thief.start_stream(stream_type="gmail_messages")
    async with raw_websocket(server.url) as raw:
        await raw.send(greeting(session))
        refused = await raw.answer()
        await raw.send(greeting("session-" + "A" * 43))
        assert refused == await raw.answer()
        assert "SESSION_NOT_FOUND" in refused


async def test_taking_a_key_back_closes_what_was_opened_with_it_on_every_wire(
    server: Server,
) -> None:
    key = made(server, "leaver")
    async with AsyncSCPClient(server.url, agent_key=key) as client:
        session = await consented(server, client)
        stream_id = await client.start_stream(
            stream_type="gmail_messages", session_id=session, max_results=20, real_time=True
        )
        async with all_wires(server.url, stream_id, session, key) as wires:
            assert "; 4 connections" in command(server, "revoke", "leaver").stdout
            told = await wires.ended()
        assert {wire: events[-1] for wire, events in told.items()} == dict.fromkeys(
            ("websocket", "polling", "sse", "ndjson"), "session_expired"
        )
        with pytest.raises(SessionNotFound):
            await client.session(session)
    state = await server.call("/api/streams")  # the operator still sees what it left
    assert stream_id in state.data["streams"]
    assert_quiet(server)


async def test_a_key_for_some_types_is_given_no_other_types_over_socketio(server: Server) -> None:
    key = made(server, "diarist", "--type", "calendar_events")
    session = await server.open_session()
    async with raw_websocket(server.url, session, agent_key=key) as raw:
        refused = await raw.subscribe("gmail_messages")
        assert refused["error"]["code"] == "FORBIDDEN"
        assert refused["error"]["details"]["allowed_values"] == ["calendar_events"]
        assert (await raw.subscribe("calendar_events"))["success"] is True
    async with raw_websocket(server.url, session, agent_key=key, agent_id="fresh") as raw:
        mail = await server.start_stream(session, max_results=5)
        diary = await server.start_stream(session, stream_type="calendar_events", max_results=5)
        async with raw_websocket(server.url, session) as everything:
            types = {e["stream_id"] for e in await _completed(everything, 2) if _has_items(e)}
            assert types == {mail, diary}
        heard = {e["stream_id"] for e in await _completed(raw, 2) if _has_items(e)}
        assert heard == {diary}


async def _completed(raw: RawWebSocket, streams: int) -> list[Any]:
    while sum(e["event_type"] == "stream_completed" for e in raw.events) < streams:
        packet = await raw.receive()
        if packet.startswith('42["stream_event",'):
            raw.events.append(json.loads(packet[2:])[1])
    return raw.events


def _has_items(event: dict[str, Any]) -> bool:
    return event["event_type"] in {"data_update", "data_batch"}
