"""A sandbox on loopback, the real link to it, and what a consumer of a connector would hold."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import anyio
from providers.hurried import HurriedClock
from sandbox.browsing import Sandbox
from support.time_and_chance import RecordedChance

from scp_sandbox import SandboxSettings, serve
from scp_server.domain.changes import Change, Skipped, Step
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.secrets import Secret
from scp_server.domain.streams import Position
from scp_server.ports.connector import Connector
from scp_server.providers.exchange import Exchange
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.quota import google_tariff
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.quota import Governor
from scp_wire.events import ChangeKind
from scp_wire.items import CalendarEvent

PLENTY = google_tariff(
    gmail_units_per_minute=10**9,
    calendar_requests_per_minute=10**9,
    people_reads_per_minute=10**9,
    drive_units_per_minute=10**9,
)
SCOPES = "openid email " + " ".join(
    f"https://www.googleapis.com/auth/{name}"
    for name in (
        "gmail.readonly",
        "calendar.readonly",
        "contacts.readonly",
        "drive.metadata.readonly",
    )
)


@dataclass
class Renewing:
    """Tokens that are asked for anew when one is refused."""

    sandbox: Sandbox
    token: Secret
    renewed: int = 0
    hopeless: bool = False

    async def access_token(self, _session_pk: int) -> Secret:
        return self.token

    async def refused(self, _session_pk: int, token: Secret, *, claims: str | None = None) -> None:
        if token == self.token:
            self.renewed += 1
        if not self.hopeless:
            self.token = Secret(await self.sandbox.sign_in(scope=SCOPES))


@dataclass
class World:
    """A sandbox, a link to it, and what became of the calls."""

    sandbox: Sandbox
    link: HttpLink
    tokens: Renewing
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    async def read(self, connector: Connector) -> list[Change]:
        """A whole backfill."""
        return (await self.read_on(connector))[0]

    async def read_on(self, connector: Connector) -> tuple[list[Change], list[Skipped]]:
        """A whole backfill, and what could not be read."""
        changes: list[Change] = []
        skipped: list[Skipped] = []
        resume: Position | None = None
        while True:
            step = await self._step(connector, resume)
            changes += step.changes
            skipped += step.skipped
            resume = step.resume
            if resume is None:
                return changes, skipped

    async def _step(self, connector: Connector, resume: Position | None) -> Step:
        try:
            return await self.link.perform(connector.backfill(resume))
        except ProviderProtocolError:
            # What only the reading can see to be odd is the engine's to try again.
            return await self.link.perform(connector.backfill(resume))

    async def follow(self, connector: Connector, since: Position, held: set[str]) -> Position:
        """Apply all that changed to what a consumer holds."""
        while True:
            learned = await self.link.perform(connector.follow(since))
            for change in learned.changes:
                if exists(change):
                    held.add(change.item.id)
                else:
                    held.discard(change.item.id)
            since = learned.since
            if not learned.more:
                return since

    async def messages(self, **params: str) -> set[str]:
        """Ids that Gmail itself lists."""
        return await self._all("/gmail/v1/users/me/messages", "messages", params)

    async def threads(self, **params: str) -> set[str]:
        """Ids of threads that Gmail itself lists."""
        return await self._all("/gmail/v1/users/me/threads", "threads", params)

    async def people(self) -> set[str]:
        """Resource names of all contacts."""
        path, params = "/v1/people/me/connections", {"personFields": "names", "pageSize": "1000"}
        return await self._all(path, "connections", params, name="resourceName")

    async def files(self, q: str | None) -> set[str]:
        """Ids of the files that Drive itself finds."""
        params = {"pageSize": "1000", **({"q": q} if q else {})}
        return await self._all("/drive/v3/files", "files", params)

    async def events(self, **params: str) -> set[str]:
        """Ids that Calendar itself lists, of all calendars."""
        path, found = "/calendar/v3/users/me/calendarList", set[str]()
        for calendar in await self._all(path, "items", {}):
            listing = f"/calendar/v3/calendars/{calendar}/events"
            found |= await self._all(listing, "items", {"maxResults": "2500", **params})
        return found

    async def _all(
        self, path: str, key: str, params: dict[str, str], *, name: str = "id"
    ) -> set[str]:
        found: set[str] = set()
        place: dict[str, str] = {}
        while True:
            token = self.tokens.token.reveal()
            answer = await self.sandbox.call(path, params={**params, **place}, token=token)
            entries = answer.json.get(key, [])
            found |= {e[name] for e in entries if e.get("status") != "cancelled"}
            if "nextPageToken" not in answer.json:
                return found
            place = {"pageToken": answer.json["nextPageToken"]}


@asynccontextmanager
async def opened(
    batch_size: int = 20, messages: int = 140, *, contacts: int = 60, files: int = 90
) -> AsyncIterator[World]:
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = SandboxSettings(messages=messages, events=120, contacts=contacts, files=files)
    async with anyio.create_task_group() as group, aiohttp.ClientSession() as http:
        group.start_soon(_serve, settings, listening)
        sandbox = Sandbox(base=base, http=http)
        tokens = Renewing(sandbox, Secret(await sandbox.sign_in(scope=SCOPES)))
        outcomes: list[tuple[str, str]] = []
        clock = HurriedClock(time.time())
        line = Line(
            dialect=google_dialect(PLENTY),
            exchange=Exchange(http),
            tokens=tokens,
            governor=Governor(PLENTY, clock, wait=clock.wait),
            clock=clock,
            chance=RecordedChance(0.0),
            batch_size=batch_size,
            sleep=clock.sleep,
            on_call=lambda method, outcome: outcomes.append((method, outcome)),
        )
        endpoints = dict.fromkeys(("gmail_url", "calendar_url", "people_url", "drive_url"), base)
        link = HttpLink(line, session_pk=1, account="ada", endpoints=endpoints)
        yield World(sandbox=sandbox, link=link, tokens=tokens, outcomes=outcomes)
        group.cancel_scope.cancel()


async def _serve(settings: SandboxSettings, listening: socket.socket) -> None:
    await serve(settings, host="127.0.0.1", port=0, sockets=[listening])


def exists(change: Change) -> bool:
    """Whether there is something to hold: a cancelled exception is a change, but no event."""
    cancelled = isinstance(change.item, CalendarEvent) and change.item.status == "cancelled"
    return change.kind is not ChangeKind.DELETED and not cancelled


def ids(changes: list[Change]) -> list[str]:
    return [change.item.id for change in changes if exists(change)]
