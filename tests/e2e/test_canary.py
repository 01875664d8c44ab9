"""No token, session id, subject, address or body is left behind, alive or after a crash.

The log is at level debug, and a message's canaries are also put where a careless server would
quote them: in filters, in bad requests, in URLs. Searched is whatever the server wrote: its
database and the log before it, keys, logs, temporary files, its answers to mistakes, metrics,
documents, and the audit trail's export.
"""

from pathlib import Path

import anyio
import pytest
from support.canaries import Find, finds, forms
from support.canary_walk import Walk
from support.processes import start_sandbox, start_server

from scp_sandbox.clock import Clock
from scp_sandbox.oauth.tokens import TokenMint


def token_beginnings() -> dict[str, str]:
    """What every token of the sandbox begins with, long enough not to be there by chance."""
    mint = TokenMint(key=bytes(32), clock=Clock(), lifetime=60)
    return {
        "access token": mint.access("subject", "client", (), offline=True)[:20],
        "refresh token": mint.refresh("subject", "client", ())[:20],
    }


async def walked(walk: Walk) -> None:
    """Use the server in all ways, well and badly."""
    session, _ = await walk.consented("google", "gmail_messages", "calendar_events")
    outlook, _ = await walk.consented("microsoft", "outlook_messages")
    await walk.by_the_guide(session)
    await walk.over("socketio", outlook, "outlook_messages")
    await walk.over("ndjson", outlook, "outlook_messages")
    again, _ = await walk.consented("google", "gmail_messages")
    await walk.through_faults(again)
    await walk.on_a_full_disk(again)
    await walk.misused(session)
    await walk.shown()


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """Where the server may leave something: data and output, temporary files, its answers."""
    kept = [tmp_path / "server", tmp_path / "temporary", tmp_path / "answers"]
    for folder in kept:
        folder.mkdir()
    return kept


async def test_nothing_of_a_mailbox_is_left_behind(tmp_path: Path, places: list[Path]) -> None:
    folder, temporary, answers = places
    spared = [folder / "data" / "operator-key"]
    sandbox = start_sandbox(tmp_path, "--messages=200", "--token-lifetime=3")
    settings = {"TMPDIR": str(temporary), "limits__stream_events_per_minute": "0"}
    server = start_server(folder, sandbox, **settings)
    walk = Walk(folder, server, sandbox, answers, settings)
    try:
        with anyio.fail_after(120):
            await walked(walk)
        secrets = walk.secrets | token_beginnings()
        assert finds(secrets, places, spared) == []
        server.kill()
        assert finds(secrets, places, spared) == []
        assert not cores(tmp_path)
    finally:
        server.close()
        sandbox.close()
    assert_planted_are_found(secrets, folder / "data", spared)


def cores(folder: Path) -> list[Path]:
    """Images of a process's memory."""
    return list(folder.rglob("core*"))


def assert_planted_are_found(secrets: dict[str, str], folder: Path, spared: list[Path]) -> None:
    """The search finds each canary in each spelling, so that finding none means something."""
    planted = folder / "planted"
    for name, secret in secrets.items():
        for form, spelled in forms(secret):
            planted.write_bytes(b"\x01before " + spelled + b" after\x02")
            assert Find(name, form, planted) in finds({name: secret}, [folder], spared)
