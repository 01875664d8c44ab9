"""The same API over the real engine, storage and consent: every answer fits the document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import jsonschema
import pytest
from support.processes import Child, executed, operator_key, start_sandbox, start_server

from scp_sdk.sandbox_consent import consent_in_sandbox
from scp_server.api.openapi import document_of
from scp_server.api.routes.table import OPERATIONS

DOCUMENT = document_of(OPERATIONS)


@dataclass(frozen=True, slots=True)
class Real:
    """A server process and the sandbox it reads from."""

    url: str
    operator: str

    async def ask(
        self,
        method: str,
        template: str,
        *,
        status: int,
        key: str = "",
        stream_id: str = "",
        json: object = None,
    ) -> dict[str, Any]:
        """Ask, and check the answer against the document; its `data`, or its `error`."""
        path = template.format(stream_id=stream_id)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with (
            aiohttp.ClientSession(self.url) as http,
            http.request(method, path, headers=headers, json=json) as response,
        ):
            answer = await response.json()
            assert response.status == status, answer
            assert "X-RateLimit-Remaining" in response.headers
        described = DOCUMENT["paths"][template][method.lower()]["responses"][str(status)]
        schema = described["content"]["application/json"]["schema"]
        whole = {**schema, "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer)
        return dict(answer["data"] if answer["success"] else answer["error"])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One server for this module, started as an operator does."""
    folder = tmp_path_factory.mktemp("server")
    sandbox = start_sandbox(tmp_path_factory.mktemp("sandbox"), "--messages=50", begin=executed)
    server: Child = start_server(folder, sandbox, executed)
    yield Real(server.url, operator_key(folder))
    server.close()
    sandbox.close()


START = {"stream_type": "gmail_messages", "batch_size": 10}


async def opened(real: Real) -> dict[str, Any]:
    wanted = {"provider": "google", "stream_types": ["gmail_messages"], "agent_id": "helper"}
    return await real.ask("POST", "/api/sessions", status=201, key=real.operator, json=wanted)


async def test_a_session_from_consent_to_end(real: Real) -> None:
    session = await opened(real)
    mine = session["session_id"]
    pending = await real.ask("POST", "/api/stream/start", status=409, key=mine, json=START)
    assert pending["code"] == "SESSION_PENDING"
    await consent_in_sandbox(real.url, begin_at=session["authorization_url"])
    state = await real.ask("GET", "/api/session", status=200, key=mine)
    assert (state["state"], state["agent_id"]) == ("active", "helper")
    ended = await real.ask("DELETE", "/api/session", status=200, key=mine)
    assert ended == {"state": "ended", "provider_revocation": "requested"}
    gone = await real.ask("GET", "/api/session", status=404, key=mine)
    assert gone["code"] == "SESSION_NOT_FOUND"


async def test_a_stream_from_start_to_stop(real: Real) -> None:
    session = await opened(real)
    mine = session["session_id"]
    await consent_in_sandbox(real.url, begin_at=session["authorization_url"])
    started = await real.ask("POST", "/api/stream/start", status=200, key=mine, json=START)
    stream_id, masked = started["stream_id"], f"session-…{mine[-4:]}"
    assert started["session_id"] == mine
    twice = await real.ask("POST", "/api/stream/start", status=409, key=mine, json=START)
    assert twice["details"]["stream_id"] == stream_id
    path = "/api/stream/{stream_id}/status"
    bare = await real.ask("GET", path, status=200, stream_id=stream_id)
    assert bare["configuration"]["session_id"] == masked
    own = await real.ask("GET", path, status=200, key=mine, stream_id=stream_id)
    assert own["configuration"]["session_id"] == mine
    listed = await real.ask("GET", "/api/streams", status=200, key=mine)
    assert list(listed["streams"]) == [stream_id]
    every = await real.ask("GET", "/api/streams", status=200, key=real.operator)
    assert every["streams"][stream_id]["session_id"] == masked
    path = "/api/stream/{stream_id}/stop"
    for _ in range(2):
        stopped = await real.ask("POST", path, status=200, key=mine, stream_id=stream_id)
        assert stopped["status"] == "stopped"
    forged = {**START, "cursor": "CANARY"}
    refused = await real.ask("POST", "/api/stream/start", status=400, key=mine, json=forged)
    assert refused["code"] == "CURSOR_INVALID"


async def test_what_is_unknown_is_answered_as_documented(real: Real) -> None:
    path, unknown = "/api/stream/{stream_id}/status", "stream-" + "A" * 22
    answer = await real.ask("GET", path, status=404, stream_id=unknown)
    assert answer["code"] == "STREAM_NOT_FOUND"
    providers = await real.ask("GET", "/api/providers", status=200)
    assert providers["providers"]["google"]["configured"] is True
    assert providers["providers"]["microsoft"]["configured"] is True
