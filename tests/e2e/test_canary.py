"""No token, session id, subject, address or body is left behind, alive or after a crash.

The log is at level debug, and a message's canaries are also put where a careless server would
quote them: in filters, in bad requests, in URLs.
"""

from pathlib import Path

import aiohttp
import anyio
import pytest
from support.canaries import Find, finds, forms
from support.guide_client import Heard, listening
from support.processes import Child, fetch, operator_key, start_sandbox, start_server

from scp_sandbox.clock import Clock
from scp_sandbox.oauth.tokens import TokenMint
from scp_sdk import AsyncSCPClient
from scp_sdk.sandbox_consent import consent_in_sandbox

MAIL = {
    "subject": "Canary subject Zaunkoenig 4711",
    "from": "canary.sender.zaunkoenig@nest.example",
    "from_name": "Canary Sendername Zaunkoenig",
    "body": "Canary body: the wren sings at Zaunkoenig lane number 4711",
}


def token_beginnings() -> dict[str, str]:
    """What every token of the sandbox begins with, long enough not to be there by chance."""
    mint = TokenMint(key=bytes(32), clock=Clock(), lifetime=60)
    return {
        "access token": mint.access("subject", "client", (), offline=True)[:20],
        "refresh token": mint.refresh("subject", "client", ())[:20],
    }


async def used(server: Child, sandbox: Child, folder: Path) -> dict[str, str]:
    """Use the server in all ways, well and badly; return the secrets that were in play."""
    secrets = dict(MAIL)
    async with AsyncSCPClient(server.url, operator_key=operator_key(folder)) as client:
        opened = await client.open_session("google", ["gmail_messages", "calendar_events"])
        secrets["authorization url"] = (opened.authorization_url or "").rsplit("=", 1)[1]
        await consent_in_sandbox(server.url, begin_at=opened.authorization_url)
        session_id = opened.session_id
        account = (await client.session(session_id))["account"]
        secrets["session id"] = session_id
        secrets["account"] = str(account)
        fetch(f"{sandbox.url}/sandbox/users/{account}/mail", MAIL)
        await client.start_stream(
            session_id=session_id,
            stream_type="gmail_messages",
            filters={"query": f"from:{MAIL['from']} OR is:unread OR in:inbox"},
            include_raw=True,
            real_time=True,
            agent_id="canary-agent",
        )
        heard = Heard()
        async with listening(server.url, session_id, heard, batch=True):
            while MAIL["subject"] not in {i["payload"].get("subject") for i in heard.items}:
                await heard.more.wait()
        await misused(server.url, session_id)
    secrets["operator key"] = operator_key(folder)
    return secrets


async def misused(url: str, session_id: str) -> None:
    """Requests that are refused, each with something in it that must not be quoted to a log."""
    bad: list[tuple[str, str, dict[str, object]]] = [
        ("GET", f"/api/streams?session_id={session_id}&token={MAIL['from']}", {}),
        ("GET", f"/api/{MAIL['subject']}", {}),
        ("GET", "/api/session", {"headers": {"Authorization": f"Bearer {session_id}x"}}),
        ("POST", "/api/stream/start", {"data": '{"session_id": "' + session_id}),
        (
            "POST",
            "/api/stream/start",
            {"json": {"session_id": session_id, "stream_type": MAIL["subject"]}},
        ),
        ("GET", f"/oauth/google/callback?code={MAIL['from']}&state={session_id}", {}),
    ]
    async with aiohttp.ClientSession(url) as browser:
        for method, path, options in bad:
            async with browser.request(method, path, **options) as answer:  # type: ignore[arg-type]
                assert answer.status < 500
        async with browser.ws_connect(
            f"/socket.io/?EIO=4&transport=websocket&session_id={session_id}"
        ) as raw:
            await raw.receive()
            for message in (f'42["{MAIL["subject"]}"', f'42["connect","{session_id}"]', "garbage"):
                await raw.send_str(message)
            await raw.send_str("40")
            await raw.receive()


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """Where the server may leave something: its data, its output, its temporary files."""
    kept = [tmp_path / "server", tmp_path / "temporary"]
    for folder in kept:
        folder.mkdir()
    return kept


async def test_nothing_of_a_mailbox_is_left_behind(tmp_path: Path, places: list[Path]) -> None:
    folder, temporary = places
    spared = [folder / "data" / "operator-key"]
    sandbox = start_sandbox(tmp_path, "--messages=200", "--token-lifetime=3")
    server = start_server(
        folder,
        sandbox,
        TMPDIR=str(temporary),
        limits__stream_events_per_minute="0",
    )
    try:
        with anyio.fail_after(120):
            secrets = await used(server, sandbox, folder) | token_beginnings()
        assert finds(secrets, places, spared) == []
        server.kill()
        assert finds(secrets, places, spared) == []
    finally:
        server.close()
        sandbox.close()
    assert_planted_are_found(secrets, folder, places, spared)


def assert_planted_are_found(
    secrets: dict[str, str], folder: Path, places: list[Path], spared: list[Path]
) -> None:
    """The search finds each canary in each spelling, so that finding none means something."""
    planted = folder / "data" / "planted"
    for name, secret in secrets.items():
        for form, spelled in forms(secret):
            planted.write_bytes(b"\x01before " + spelled + b" after\x02")
            assert Find(name, form, planted) in finds({name: secret}, places, spared)
