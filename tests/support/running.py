"""A running server and sandbox, as the end-to-end tests use them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from support.processes import Child, fetch, operator_key, start_server
from yarl import URL

from scp_sdk.sandbox_consent import consent_in_sandbox


@dataclass(frozen=True, slots=True)
class Answer:
    """What REST answered."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def data(self) -> Any:  # noqa: ANN401  (JSON)
        """The answer's `data`. Raises: AssertionError when it was refused."""
        assert self.body.get("success") is True, self.body
        return self.body["data"]


@dataclass(slots=True)
class Server:
    """A server process that can be ended and started again at the same address."""

    child: Child
    folder: Path
    sandbox: Child
    settings: dict[str, str]

    @property
    def url(self) -> str:
        """Where it listens; the same after `start_again`."""
        return self.child.url

    @property
    def key(self) -> str:
        """The operator key."""
        return operator_key(self.folder)

    @property
    def log(self) -> str:
        """What it printed and logged so far, over all its starts."""
        return self.child.output.read_text(encoding="utf-8")

    def start_again(self) -> None:
        """Start once more, after `child.stop()` or `child.kill()`: same port, same data."""
        port = {"port": str(URL(self.url).port)}
        self.child = start_server(self.folder, self.sandbox, **(self.settings | port))

    async def call(
        self, path: str, body: object = None, *, session: str | None = None, method: str = ""
    ) -> Answer:
        """One REST request: GET, or POST with a body; as the operator unless a session is given."""
        method = method or ("GET" if body is None else "POST")
        headers = {"Authorization": f"Bearer {session or self.key}"}
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            return Answer(answer.status, await answer.json(), dict(answer.headers))

    async def connections(self, session: str) -> int:
        """How many consumers of a session are attached, as REST tells."""
        listed = (await self.call("/api/streams", session=session)).data
        return int(listed["websocket_statistics"]["active_connections"])

    async def start_stream(self, session: str, **configuration: object) -> str:
        """Start a stream (`gmail_messages` unless said otherwise) and return its id."""
        body = {"session_id": session, "stream_type": "gmail_messages", **configuration}
        started = await self.call("/api/stream/start", body, session=session)
        return str(started.data["stream_id"])

    async def pending_session(
        self, *stream_types: str, agent_id: str | None = None
    ) -> tuple[str, str]:
        """Open a session that waits for its consent: its id and its `authorization_url`."""
        asked: dict[str, object] = {
            "provider": "google",
            "stream_types": list(stream_types or ("gmail_messages", "calendar_events")),
        }
        if agent_id is not None:
            asked["agent_id"] = agent_id
        opened = (await self.call("/api/sessions", asked)).data
        return opened["session_id"], opened["authorization_url"]

    async def open_session(
        self, *stream_types: str, user: str | None = None, agent_id: str | None = None
    ) -> str:
        """A session that `user` (the sandbox's first one by default) has consented to."""
        session, login = await self.pending_session(*stream_types, agent_id=agent_id)
        await consent_in_sandbox(self.url, begin_at=login, user=user)
        return session


class StartServer(Protocol):
    """Starts a server; see the fixture `start`."""

    def __call__(self, google: Child | None = None, **settings: str) -> Server: ...


StartSandbox = Callable[..., Child]


def people(sandbox: Child) -> list[str]:
    """Addresses of the sandbox's users."""
    return [user["email"] for user in fetch(f"{sandbox.url}/sandbox/state")["users"]]


def message_ids(sandbox: Child, user: str | None = None) -> list[str]:
    """Ids in a mailbox (the first user's by default), in the order in which Gmail lists them."""
    listed = fetch(f"{sandbox.url}/sandbox/users/{user or people(sandbox)[0]}/messages")
    return [message["id"] for message in listed["messages"]]


def assert_quiet(server: Server) -> None:
    """The server's log tells of no crash."""
    assert "Traceback" not in server.log
    for line in server.log.splitlines():
        assert '"level": "error"' not in line, line
        assert '"level": "critical"' not in line, line
