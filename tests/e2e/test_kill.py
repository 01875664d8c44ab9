"""A server that is killed in mid-stream loses nothing, wherever it happens to be."""

import random
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from support.guide_client import Heard, listening
from support.processes import Child, fetch, operator_key, start_sandbox, start_server

from scp_sdk import AsyncSCPClient
from scp_sdk.sandbox_consent import consent_in_sandbox

MESSAGES = 700
KILLS = 20
SEED = 20261123
GENEROUS = {
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
}


async def opened_session(folder: Path, server: Child, sandbox: Child) -> tuple[str, set[str]]:
    """A consented session, and the ids of the messages its account has."""
    async with AsyncSCPClient(server.url, operator_key=operator_key(folder)) as client:
        opened = await client.open_session("google", ["gmail_messages"])
        await consent_in_sandbox(server.url, begin_at=opened.authorization_url)
        account = (await client.session(opened.session_id))["account"]
    listed = fetch(f"{sandbox.url}/sandbox/users/{account}/messages")
    return opened.session_id, {message["id"] for message in listed["messages"]}


async def started_stream(server: Child, session_id: str) -> str:
    """A backfill of the whole mailbox."""
    async with AsyncSCPClient(server.url) as client:
        return await client.start_stream(
            session_id=session_id, stream_type="gmail_messages", rate_limit_per_minute=600
        )


def restarted(folder: Path, sandbox: Child, killed: Child) -> Child:
    """A new server on the port and the data of one that is gone."""
    port = killed.url.rsplit(":", 1)[1]
    return start_server(folder, sandbox, **(GENEROUS | {"port": port}))


async def listened(server: Child, session_id: str, heard: Heard, count: int) -> None:
    """Listen until so many more events have come, then be cut off by the caller's kill."""
    async with listening(server.url, session_id, heard):
        await heard.until(len(heard.events) + count)
        if not heard.complete:
            server.kill()


async def test_a_server_killed_at_twenty_points_loses_no_item(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    sandbox = start_sandbox(tmp_path, f"--messages={MESSAGES}")
    server = start_server(tmp_path, sandbox, **GENEROUS)
    heard = Heard()
    kills = 0
    try:
        with anyio.fail_after(240):
            session_id, source = await opened_session(tmp_path, server, sandbox)
            await started_stream(server, session_id)
            while kills < KILLS:
                await listened(server, session_id, heard, chance.randint(1, 60))
                assert not heard.complete, f"seed {SEED}: complete after {kills} kills"
                kills += 1
                server = await to_thread.run_sync(restarted, tmp_path, sandbox, server)
            async with listening(server.url, session_id, heard):
                while not heard.complete:
                    await heard.more.wait()
    finally:
        server.close()
        sandbox.close()
    seen = heard.change_ids()
    assert set(seen) == source
    assert len(heard.items) > len(source), "no kill hit anything in flight"
    assert all(len(ids) == 1 for ids in seen.values())


@pytest.mark.parametrize("batch", [False, True])
async def test_a_consumer_that_comes_after_the_restart_gets_everything(
    tmp_path: Path, *, batch: bool
) -> None:
    sandbox = start_sandbox(tmp_path, "--messages=300")
    server = start_server(tmp_path, sandbox, **GENEROUS)
    heard = Heard()
    try:
        with anyio.fail_after(120):
            session_id, source = await opened_session(tmp_path, server, sandbox)
            stream_id = await started_stream(server, session_id)
            async with AsyncSCPClient(server.url) as client:
                while (await client.get_stream_status(stream_id, session_id))["items_read"] < 100:
                    await anyio.lowlevel.checkpoint()
            server.kill()
            server = await to_thread.run_sync(restarted, tmp_path, sandbox, server)
            async with listening(server.url, session_id, heard, batch=batch):
                while not heard.complete:
                    await heard.more.wait()
    finally:
        server.close()
        sandbox.close()
    assert set(heard.change_ids()) == source
    assert len(heard.items) == len(source)
