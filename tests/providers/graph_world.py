"""The sandbox's Microsoft, a link to it, and what a consumer holds of it."""

import html
import random
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import anyio
from providers.hurried import HurriedClock
from sandbox.browsing import Sandbox
from support.time_and_chance import RecordedChance

from scp_sandbox import SandboxSettings, serve
from scp_server.domain.changes import Change
from scp_server.domain.secrets import Secret
from scp_server.domain.streams import Position
from scp_server.ports.connector import Connector
from scp_server.providers.exchange import Exchange
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.microsoft.dialect import microsoft_dialect
from scp_server.providers.microsoft.quota import microsoft_tariff
from scp_server.providers.quota import Governor
from scp_wire.events import ChangeKind

ADA = "ada.brightwell@outlook.sandbox.example"
READ = "Mail.Read Calendars.Read Contacts.Read Files.Read"
REDIRECT = "http://localhost:9/callback"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
PLENTY = microsoft_tariff(outlook_requests=10**9, drive_units_per_minute=10**9)
IMMUTABLE = {"Prefer": 'IdType="ImmutableId", outlook.timezone="UTC"'}
Json = dict[str, Any]


async def sign_in(sandbox: Sandbox, user: str = ADA) -> str:
    """An access token of a user who consented to everything."""
    asked = {
        "client_id": CLIENT["client_id"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": f"openid profile offline_access User.Read {READ}",
        "state": "s",
    }
    page = await sandbox.call("/common/oauth2/v2.0/authorize", params=asked)
    ticket = re.search(r'name="ticket" value="([^"]*)"', page.text)
    assert ticket is not None, page.text
    form = [("ticket", html.unescape(ticket[1])), ("user", user), ("decision", "allow")]
    form += [("scope", scope) for scope in asked["scope"].split()]
    sent = await sandbox.call("/common/oauth2/v2.0/authorize", "POST", data=aiohttp.FormData(form))
    assert sent.status == 302, sent.text
    code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    answer = await sandbox.call("/common/oauth2/v2.0/token", "POST", data={**CLIENT, **grant})
    return str(answer.json["access_token"])


@dataclass
class SignedIn:
    """Tokens that are asked for anew when one is refused."""

    sandbox: Sandbox
    token: Secret
    renewed: int = 0

    async def access_token(self, _session_pk: int) -> Secret:
        return self.token

    async def refused(self, _session_pk: int, _token: Secret, *, claims: str | None = None) -> None:
        del claims
        self.renewed += 1
        self.token = Secret(await sign_in(self.sandbox))


@dataclass
class GraphWorld:
    """A sandbox, a link to it, and what became of the calls."""

    sandbox: Sandbox
    link: HttpLink
    tokens: SignedIn
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    async def read(self, connector: Connector) -> list[Change]:
        """A whole backfill."""
        changes: list[Change] = []
        resume: Position | None = None
        while True:
            step = await self.link.perform(connector.backfill(resume))
            assert not step.skipped
            changes += step.changes
            resume = step.resume
            if resume is None:
                return changes

    async def follow(
        self, connector: Connector, since: Position, held: dict[str, str]
    ) -> tuple[Position, list[Change]]:
        """Apply all that changed to what a consumer holds: versions by id."""
        seen: list[Change] = []
        while True:
            learned = await self.link.perform(connector.follow(since))
            assert not learned.skipped
            seen += learned.changes
            apply(learned.changes, held)
            since = learned.since
            if not learned.more:
                return since, seen

    async def graph(self, path: str, **params: str) -> Any:  # noqa: ANN401  (JSON)
        """What Graph itself says."""
        token = self.tokens.token.reveal()
        answer = await self.sandbox.call(
            f"/v1.0{path}", params=params, token=token, headers=IMMUTABLE
        )
        assert answer.status == 200, answer.text
        return answer.json

    async def listed(self, path: str, **params: str) -> list[Json]:
        """All entries of a listing."""
        found: list[Json] = []
        page = await self.graph(path, **params)
        while True:
            found += page["value"]
            following = page.get("@odata.nextLink")
            if following is None:
                return found
            target = following.removeprefix(f"{self.sandbox.base}/v1.0")
            page = await self.graph(target)

    async def mailbox(self, **params: str) -> dict[str, str]:
        """Change keys by id of all messages, or of those Graph filters out."""
        found = await self.listed("/me/messages", **{"$top": "500", **params})
        return {entry["id"]: entry["changeKey"] for entry in found}

    async def order(self, path: str, **body: Any) -> Any:  # noqa: ANN401  (JSON)
        """One order to the sandbox about the user's things."""
        return await self.sandbox.control(f"/outlook/{ADA}{path}", "POST", **body)

    async def stir(self, chance: random.Random, times: int) -> None:
        """Random changes of mail: arrivals, moves, marks, categories, deletions."""
        folders = await self.sandbox.control(f"/outlook/{ADA}/folders")
        names = [folder["id"] for folder in folders["folders"]]
        listed = await self.sandbox.control(f"/outlook/{ADA}/messages")
        ids = [message["immutableId"] for message in listed["messages"]]
        for _ in range(times):
            one = chance.choice(ids)
            match chance.randrange(7):
                case 0 | 1:
                    sent = await self.order("/mail", count=chance.randint(1, 3))
                    ids += [message["immutableId"] for message in sent["messages"]]
                case 2:
                    await self.order(f"/messages/{one}/move", folder=chance.choice(names))
                case 3:
                    await self.order(f"/messages/{one}/mark", read=chance.random() < 0.5)
                case 4:
                    await self.order(f"/messages/{one}/categorise", categories=["Red"])
                case 5:
                    await self.order(f"/messages/{one}/bin")
                case _:
                    ids.remove(one)
                    await self.order(f"/messages/{one}/delete")


def apply(changes: tuple[Change, ...], held: dict[str, str]) -> None:
    """What a consumer does with changes."""
    for change in changes:
        if change.kind is ChangeKind.DELETED:
            held.pop(change.item.id, None)
        else:
            held[change.item.id] = change.version


def versions(changes: list[Change]) -> dict[str, str]:
    """Of a backfill."""
    held: dict[str, str] = {}
    apply(tuple(changes), held)
    return held


@asynccontextmanager
async def opened(batch_size: int = 20, messages: int = 140) -> AsyncIterator[GraphWorld]:
    """A sandbox of its own, and a user of it who consented."""
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = SandboxSettings(messages=messages, events=120)
    async with anyio.create_task_group() as group, aiohttp.ClientSession() as http:
        group.start_soon(_serve, settings, listening)
        sandbox = Sandbox(base=base, http=http)
        tokens = SignedIn(sandbox, Secret(await sign_in(sandbox)))
        outcomes: list[tuple[str, str]] = []
        clock = HurriedClock(time.time())
        line = Line(
            dialect=microsoft_dialect(PLENTY),
            exchange=Exchange(http),
            tokens=tokens,
            governor=Governor(PLENTY, clock, wait=clock.wait),
            clock=clock,
            chance=RecordedChance(0.0),
            batch_size=batch_size,
            sleep=clock.sleep,
            on_call=lambda method, outcome: outcomes.append((method, outcome)),
        )
        link = HttpLink(line, session_pk=1, account="ada", endpoints={"graph_url": base})
        yield GraphWorld(sandbox=sandbox, link=link, tokens=tokens, outcomes=outcomes)
        group.cancel_scope.cancel()


async def _serve(settings: SandboxSettings, listening: socket.socket) -> None:
    await serve(settings, host="127.0.0.1", port=0, sockets=[listening])
