"""A sandbox with quotas, a governor in front of it, and one clock for both that costs no time.

The sandbox is called in this process: on a socket an answer may be under way when time jumps.
"""

# ruff: noqa: ANN401 - JSON and options of the HTTP client

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import anyio
import msgspec
from multidict import CIMultiDict, CIMultiDictProxy
from sandbox.browsing import ADA, Sandbox
from sandbox.browsing import Answer as Seen
from starlette.types import ASGIApp, Message
from support.time_and_chance import RecordedChance
from support.virtual_time import LoopClock

from scp_sandbox import SandboxSettings, build_app
from scp_sandbox.clock import Clock
from scp_server.domain.backoff import delay
from scp_server.domain.errors import ProviderRateLimited
from scp_server.domain.secrets import Secret
from scp_server.domain.streams import Position
from scp_server.providers.answers import Answer
from scp_server.providers.exchange import Exchange
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.gmail import GmailMessages
from scp_server.providers.google.quota import PRICES, google_tariff
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.quota import Governor
from scp_wire.events import RateLimitData
from scp_wire.filters import MailFilters

LATENCY = 0.3
"""Seconds that Gmail takes for each call, and for a batch."""


BASE = "http://sandbox.example"


async def ask(
    app: ASGIApp, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """One request to an application in this process."""
    target = urlsplit(url)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": target.scheme,
        "path": target.path,
        "raw_path": target.path.encode(),
        "root_path": "",
        "query_string": target.query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("sandbox.example", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = {k.decode().lower(): v.decode("latin-1") for k, v in sent[0]["headers"]}
    whole = b"".join(m.get("body", b"") for m in sent[1:])
    return Answer(status=sent[0]["status"], headers=found, body=whole)


class InProcess(Exchange):
    """An exchange with an application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        return await ask(self._app, method, url, headers, body or b"")


@dataclass(frozen=True, slots=True)
class SandboxHere(Sandbox):
    """A sandbox in this process, for all that browsing does."""

    app: ASGIApp

    async def call(self, path: str, method: str = "GET", **options: Any) -> Seen:
        """One call, its JSON read if it is any."""
        headers = {"Host": "sandbox.example"}
        if "params" in options:
            path = f"{path}?{urlencode(options['params'])}"
        body = b""
        if options.get("json") is not None:
            body = msgspec.json.encode(options["json"])
        elif "data" in options:
            body = _form(options["data"])
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = await ask(self.app, method, BASE + path, headers, body)
        is_json = "json" in answer.headers.get("content-type", "")
        return Seen(
            status=answer.status,
            headers=CIMultiDictProxy(CIMultiDict(answer.headers)),
            text=answer.body.decode(),
            json=msgspec.json.decode(answer.body) if is_json and answer.body else None,
        )


def _form(data: Any) -> bytes:
    if isinstance(data, aiohttp.FormData):
        return str(data().decode()).encode()
    return urlencode(data).encode()


@dataclass
class KeptToken:
    """ports.tokens.Tokens of one token that lives long."""

    token: Secret

    async def access_token(self, session_pk: int) -> Secret:
        return self.token

    async def refused(self, session_pk: int, token: Secret, *, claims: str | None = None) -> None:
        raise AssertionError("the token is good")


@dataclass
class Told:
    """quota.Watch that remembers."""

    near_at: list[tuple[float, int, RateLimitData]] = field(default_factory=list)
    seconds: float = 0.0

    def waited(self, _service: str, seconds: float) -> None:
        self.seconds += seconds

    def near(self, session_pk: int, data: RateLimitData) -> None:
        self.near_at.append((anyio.current_time(), session_pk, data))


@dataclass
class Call:
    """A call that was made."""

    at: float
    method: str
    outcome: str

    @property
    def units(self) -> int:
        return PRICES[self.method].units if self.outcome in {"ok", "absent"} else 0


@dataclass
class QuotaRoom:
    """The sandbox and what was called."""

    sandbox: Sandbox
    line: Line
    told: Told
    calls: list[Call]
    began: float = field(default_factory=anyio.current_time)

    @property
    def governor(self) -> Governor:
        return self.line.governor

    async def link(self, *, user: str = ADA, session_pk: int = 1) -> HttpLink:
        """A link of a user who has consented."""
        token = Secret(await self.sandbox.sign_in(user))
        line = Line(
            dialect=self.line.dialect,
            exchange=self.line.exchange,
            tokens=KeptToken(token),
            governor=self.line.governor,
            clock=self.line.clock,
            chance=self.line.chance,
            batch_size=self.line.batch_size,
            on_call=self.line.on_call,
        )
        base = self.sandbox.base
        return HttpLink(
            line,
            session_pk=session_pk,
            account=user,
            endpoints={"gmail_url": base, "calendar_url": base},
        )

    async def refused_by_sandbox(self, user: str = ADA) -> int:
        """Calls the sandbox says it refused."""
        report = await self.sandbox.control("/ledger")
        return sum(report["users"].get(user, {"refused": {}})["refused"].values())

    def after(self, seconds: float) -> list[Call]:
        """Calls since so many seconds after the beginning."""
        return [call for call in self.calls if call.at >= self.began + seconds]

    def units(self, start: float, end: float) -> int:
        """Units granted between two times after the beginning."""
        return sum(c.units for c in self.calls if start <= c.at - self.began < end)


def refused(calls: list[Call]) -> int:
    """How many of them were refused for rate."""
    return sum(call.outcome == "rate_limited" for call in calls)


def fullest(calls: list[Call], window: float) -> int:
    """The most units granted in any window."""
    totals = [0, *accumulate(call.units for call in calls)]
    most = start = 0
    for place, call in enumerate(calls):
        while calls[start].at <= call.at - window:
            start += 1
        most = max(most, totals[place + 1] - totals[start])
    return most


@asynccontextmanager
async def quota_room(
    *, messages: int, batch_size: int = 20, latency: float = LATENCY, **figures: int | str
) -> AsyncIterator[QuotaRoom]:
    """Open one; `figures` are the sandbox's, on top of the published ones."""
    clock = LoopClock()
    settings = SandboxSettings(
        messages=messages, events=60, quotas="published", token_lifetime=10**7
    )
    app = build_app(settings, Clock(clock.now))
    async with aiohttp.ClientSession() as unused:
        sandbox = SandboxHere(BASE, unused, app)
        if figures:
            await sandbox.control("/quotas", "POST", **figures)
        if latency:
            await sandbox.control(
                "/faults", "POST", kind="latency", path="/gmail/", count=None, seconds=latency
            )
        yield _room(sandbox, clock, batch_size)


def _room(sandbox: SandboxHere, clock: LoopClock, batch_size: int) -> QuotaRoom:
    tariff, told, calls = google_tariff(), Told(), list[Call]()
    line = Line(
        dialect=google_dialect(tariff),
        exchange=InProcess(sandbox.app),
        tokens=KeptToken(Secret("")),
        governor=Governor(tariff, clock, name="Google", watch=told),
        clock=clock,
        chance=RecordedChance(0.5),
        batch_size=batch_size,
        on_call=lambda method, outcome: calls.append(Call(anyio.current_time(), method, outcome)),
    )
    return QuotaRoom(sandbox=sandbox, line=line, told=told, calls=calls)


async def backfill(link: HttpLink) -> list[str]:
    """Read a mailbox as the engine does; its ids."""
    connector, found, resume, attempt = GmailMessages(MailFilters()), list[str](), None, 0
    while True:
        try:
            step = await link.perform(connector.backfill(resume))
        except ProviderRateLimited as error:
            attempt += 1
            await anyio.sleep(delay(error, attempt, 0.5))
            continue
        attempt = 0
        found += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            return found


async def follow(link: HttpLink, since: Position, connector: GmailMessages) -> Position:
    """One look at what changed."""
    return (await link.perform(connector.follow(since))).since
