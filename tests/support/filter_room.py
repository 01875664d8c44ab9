"""A server and a sandbox for the tests of filters: what a stream gives, what the provider finds.

The provider is asked over HTTP, as its own clients ask it, past the server.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio
from sandbox.browsing import ADA as GOOGLE_ADA
from sandbox.browsing import EVERYTHING, Sandbox
from sandbox.microsoft.calling import ADA as OUTLOOK_ADA
from sandbox.microsoft.calling import IMMUTABLE, Graph, Microsoft
from support.mirror import Mirror
from support.processes import Child, operator_key, start_sandbox, start_server

from scp_sdk import AsyncSCPClient, StreamItem
from scp_sdk.sandbox_consent import consent_in_sandbox

Filters = dict[str, Any]
ACCOUNTS: Final = {"google": GOOGLE_ADA, "microsoft": OUTLOOK_ADA}
OPEN_LIMITS: Final = {
    f"limits__{name}": "0"
    for name in (
        "stream_events_per_minute",
        "connections_per_session",
        "data_requests_per_minute",
        "starts_per_minute",
        "subscriptions_per_minute",
    )
}
WORLD: Final = ("--messages=300", "--events=150", "--contacts=120", "--files=150")
CALENDARS: Final = "/calendar/v3/users/me/calendarList"


@dataclass(slots=True)
class Watcher(Mirror):
    """A mirror that also keeps the last change of each item."""

    last: dict[str, StreamItem] = field(default_factory=dict)

    def take(self, item: StreamItem) -> None:
        """Apply one change."""
        self.last[item.id] = item
        Mirror.take(self, item)

    async def told_of(self, identity: str, *changes: str) -> StreamItem:
        """Wait until the last that was told of an item is one of these changes."""
        while identity not in self.last or self.last[identity].change not in changes:
            await self.changed()
        return self.last[identity]


@dataclass(frozen=True, slots=True)
class Room:
    """One provider, played by a sandbox, and a server before it."""

    provider: str
    folder: Path
    sandbox: Child
    server: Child

    @property
    def control(self) -> str:
        """Where the sandbox takes orders about the account's world."""
        rooms = "users" if self.provider == "google" else "outlook"
        return f"{self.sandbox.url}/sandbox/{rooms}/{ACCOUNTS[self.provider]}"

    async def session(self, stream_type: str) -> str:
        """A new session that its user consented to."""
        key = operator_key(self.folder)
        async with AsyncSCPClient(self.server.url, operator_key=key) as client:
            opened = await client.open_session(self.provider, [stream_type])
        begin, user = opened.authorization_url, ACCOUNTS[self.provider]
        await consent_in_sandbox(self.server.url, provider=self.provider, user=user, begin_at=begin)
        return opened.session_id

    async def given(self, stream_type: str, filters: Filters) -> list[str]:
        """Ids of all that a stream's backfill gives."""
        session = await self.session(stream_type)
        with anyio.fail_after(60):
            async with (
                AsyncSCPClient(self.server.url) as client,
                client.stream(
                    session_id=session,
                    stream_type=stream_type,
                    filters=filters,
                    batch_size=1000,
                    rate_limit_per_minute=600,
                ) as stream,
            ):
                return [item.id async for item in stream]

    @asynccontextmanager
    async def followed(self, stream_type: str, filters: Filters) -> AsyncIterator[Watcher]:
        """A consumer that follows, until the context is left."""
        session = await self.session(stream_type)
        watcher = Watcher()
        with anyio.fail_after(120):
            async with (
                AsyncSCPClient(self.server.url) as client,
                anyio.create_task_group() as tasks,
            ):
                stream = client.stream(
                    session_id=session,
                    stream_type=stream_type,
                    filters=filters,
                    real_time=True,
                    rate_limit_per_minute=600,
                )
                tasks.start_soon(watcher.follow, stream)
                yield watcher
                tasks.cancel_scope.cancel()


@contextmanager
def opened(folder: Path, provider: str, *options: str) -> Iterator[Room]:
    """A sandbox and a server until the context is left."""
    sandbox = start_sandbox(folder, *(options or WORLD))
    try:
        server = start_server(folder, sandbox, **OPEN_LIMITS)
        try:
            yield Room(provider, folder, sandbox, server)
        finally:
            server.close()
    finally:
        sandbox.close()


@dataclass(frozen=True, slots=True)
class Rooms:
    """A room of each provider, opened when first asked for."""

    folder: Path
    stack: ExitStack
    open: dict[str, Room] = field(default_factory=dict)

    def of(self, provider: str) -> Room:
        """The provider's room."""
        if provider not in self.open:
            folder = self.folder / provider
            folder.mkdir()
            sizes = ("--messages=60", "--events=60", "--contacts=40", "--files=60")
            self.open[provider] = self.stack.enter_context(opened(folder, provider, *sizes))
        return self.open[provider]


@dataclass(frozen=True, slots=True)
class Google:
    """Google's own searches, walked over all their pages."""

    sandbox: Sandbox
    token: str

    async def listed(self, path: str, key: str, **params: Any) -> list[Any]:  # noqa: ANN401
        """All entries of a listing; parameters that are None are left out."""
        given = {name: _spelled(value) for name, value in params.items() if value is not None}
        found: list[Any] = []
        while True:
            answer = await self.sandbox.call(path, params=given, token=self.token)
            assert answer.status == 200, answer.text
            found += answer.json.get(key, [])
            if "nextPageToken" not in answer.json:
                return found
            given["pageToken"] = answer.json["nextPageToken"]

    async def mail(self, key: str, filters: Filters) -> set[str]:
        """Ids of `messages` or `threads`."""
        found = await self.listed(
            f"/gmail/v1/users/me/{key}",
            key,
            maxResults=50,
            q=filters.get("query"),
            labelIds=filters.get("label_ids"),
            includeSpamTrash=filters.get("include_spam_trash"),
        )
        return {entry["id"] for entry in found}

    async def events(self, filters: Filters) -> set[str]:
        """Ids of the events of all calendars; a cancelled exception belongs to its series."""
        shown: set[str] = set()
        for calendar in await self.listed(CALENDARS, "items"):
            found = await self.listed(
                f"/calendar/v3/calendars/{calendar['id']}/events",
                "items",
                q=filters.get("query"),
                timeMin=filters.get("time_min"),
                timeMax=filters.get("time_max"),
            )
            shown |= {
                e["id"] for e in found if e["status"] != "cancelled" or "recurringEventId" in e
            }
        return shown

    async def contacts(self, query: str) -> set[str]:
        """Ids of the thirty at most that Google's search of contacts gives."""
        found = await self.listed(
            "/v1/people:searchContacts", "results", query=query, readMask="names", pageSize=30
        )
        return {entry["person"]["resourceName"] for entry in found}

    async def files(self, q: str) -> set[str]:
        """Ids of the files that a query of Drive finds."""
        found = await self.listed("/drive/v3/files", "files", q=q or None, pageSize=40)
        return {entry["id"] for entry in found}


@asynccontextmanager
async def google_of(room: Room) -> AsyncIterator[Google]:
    """Google, asked with a token of the room's account."""
    async with aiohttp.ClientSession() as http:
        sandbox = Sandbox(room.sandbox.url, http)
        yield Google(sandbox, await sandbox.sign_in(scope=EVERYTHING))


@asynccontextmanager
async def graph_of(room: Room) -> AsyncIterator[Graph]:
    """Graph, asked with a token of the room's account."""
    async with aiohttp.ClientSession() as http:
        yield await Microsoft(Sandbox(room.sandbox.url, http)).sign_in()


async def immutable_ids(graph: Graph, path: str, **query: str) -> set[str]:
    """Ids of all that a collection of Graph holds."""
    return {entry["id"] for entry in await graph.listed(path, prefer=IMMUTABLE, **query)}


def _spelled(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, bool):
        return str(value).lower()
    return list(value) if isinstance(value, list | tuple) else str(value)
