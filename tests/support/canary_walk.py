"""A walk through a server with canaries: every wire, both providers, mistakes, faults, a full disk.

What is answered to a mistake, and what the server shows of itself, is kept in `answers` to be
searched as well.
"""

import itertools
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio
import pytest
from support.guide_client import Heard, listening
from support.processes import KEPT, Child, fetch, operator_key, server_environ

from scp_sdk import AsyncSCPClient, ServerUnavailable
from scp_sdk.sandbox_consent import consent_in_sandbox

MAIL: Final = {
    "subject": "Canary subject Zaunkoenig 4711",
    "from": "canary.sender.zaunkoenig@nest.example",
    "from_name": "Canary Sendername Zaunkoenig",
    "body": "Canary body: the wren sings at Zaunkoenig lane number 4711",
}
SHOWN: Final = (
    "/metrics", "/openapi.json", "/asyncapi.json", "/docs", "/healthz", "/readyz",
    "/api/providers", "/api/audit",
)  # fmt: skip
FAULTS: Final = ("html", "truncate", "broken_json", "wrong_json", "reset", "duplicate")


@dataclass(slots=True)
class Walk:
    """A server, its sandbox, and all that was secret on the way."""

    folder: Path
    server: Child
    sandbox: Child
    answers: Path
    settings: dict[str, str]
    secrets: dict[str, str] = field(default_factory=lambda: dict(MAIL))
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def consented(self, provider: str, *stream_types: str) -> tuple[str, str]:
        """A session whose mailbox has a letter full of canaries, and its account."""
        url, key = self.server.url, operator_key(self.folder)
        async with AsyncSCPClient(url, operator_key=key) as client:
            opened = await client.open_session(provider, list(stream_types))
            await consent_in_sandbox(url, provider=provider, begin_at=opened.authorization_url)
            account = str((await client.session(opened.session_id))["account"])
        room = "users" if provider == "google" else "outlook"
        fetch(f"{self.sandbox.url}/sandbox/{room}/{account}/mail", MAIL)
        self.secrets |= {
            f"{provider} authorization url": (opened.authorization_url or "").rsplit("=", 1)[1],
            f"{provider} session id": opened.session_id,
            f"{provider} account": account,
            "operator key": key,
        }
        return opened.session_id, account

    async def by_the_guide(self, session_id: str) -> None:
        """The guide's client, with raw items, following."""
        async with AsyncSCPClient(self.server.url, session_id) as client:
            await client.start_stream(
                stream_type="gmail_messages",
                filters={"query": f"from:{MAIL['from']} OR is:unread OR in:inbox"},
                include_raw=True,
                real_time=True,
                agent_id="canary-agent",
            )
        heard = Heard()
        async with listening(self.server.url, session_id, heard, batch=True):
            while MAIL["subject"] not in {i["payload"].get("subject") for i in heard.items}:
                await heard.more.wait()

    async def over(self, wire: Any, session_id: str, stream_type: str) -> None:  # noqa: ANN401
        """A whole mailbox over one of the SDK's wires."""
        async with AsyncSCPClient(self.server.url, session_id) as client:
            stream = client.stream(stream_type=stream_type, wire=wire, include_raw=True)
            async with stream:
                found = [item.payload.get("subject") async for item in stream]
        assert MAIL["subject"] in found

    async def through_faults(self, session_id: str) -> None:
        """A mailbox whose provider answers in all wrong ways, with tokens that die on the way."""
        for fault in FAULTS:
            order = {"kind": fault, "path": "/gmail/", "count": 2, "after": 3}
            fetch(f"{self.sandbox.url}/sandbox/faults", order)
        fetch(f"{self.sandbox.url}/sandbox/tokens/expire", {})
        await self.over("sse", session_id, "gmail_messages")
        fetch(f"{self.sandbox.url}/sandbox/faults", method="DELETE")

    async def on_a_full_disk(self, session_id: str) -> None:
        """Content that is read and cannot be audited, while nothing can be written."""
        pid, unlimited = self.server.process.pid, resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, unlimited))
        async with AsyncSCPClient(self.server.url, session_id) as client:
            with pytest.raises(ServerUnavailable):
                await client.start_stream(stream_type="gmail_messages")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))

    async def misused(self, session_id: str) -> None:
        """Requests that are refused, each with something in it that must not be quoted."""
        bad: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", f"/api/streams?session_id={session_id}&token={MAIL['from']}", {}),
            ("GET", f"/api/{MAIL['subject']}", {}),
            ("GET", "/api/session", {"headers": {"Authorization": f"Bearer {session_id}x"}}),
            ("POST", "/api/stream/start", {"data": '{"session_id": "' + session_id}),
            (
                "POST",
                "/api/stream/start",
                {"json": {"session_id": session_id, "stream_type": session_id}},
            ),
            ("GET", f"/oauth/google/callback?code={MAIL['from']}&state={session_id}", {}),
        ]
        async with aiohttp.ClientSession(self.server.url) as browser:
            for method, path, options in bad:
                async with browser.request(method, path, **options) as answer:
                    assert answer.status < 500
                    self.keep(await answer.read(), repr(answer.headers).encode())
            async with browser.ws_connect(
                f"/socket.io/?EIO=4&transport=websocket&session_id={session_id}"
            ) as raw:
                await raw.receive()
                garbage = f'42["{MAIL["subject"]}"', f'42["connect","{session_id}"]', "garbage"
                for message in garbage:
                    await raw.send_str(message)
                await raw.send_str("40")
                self.keep(str((await raw.receive()).data).encode())

    async def shown(self) -> None:
        """All that the server tells of itself, and the audit trail as an operator exports it."""
        key = {"Authorization": f"Bearer {operator_key(self.folder)}"}
        async with aiohttp.ClientSession(self.server.url, headers=key) as operator:
            for path in SHOWN:
                async with operator.get(path) as answer:
                    assert answer.status == 200, path
                    self.keep(await answer.read())
        inherited = {name: value for name, value in os.environ.items() if name in KEPT}
        exported = await anyio.run_process(
            [sys.executable, "-m", "scp_cli", "audit", "export"],
            env=inherited | server_environ(self.folder, self.sandbox, **self.settings),
            stderr=subprocess.STDOUT,
        )
        assert b'"delivered"' in exported.stdout
        self.keep(exported.stdout)

    def keep(self, *answers: bytes) -> None:
        """Keep what was answered, for the search."""
        for answer in answers:
            (self.answers / str(next(self._numbers))).write_bytes(answer)
