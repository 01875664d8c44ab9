"""A sandbox behind a door at which answers are changed on their way, and real links to it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from anyio.from_thread import BlockingPortal, start_blocking_portal
from providers.google_world import PLENTY as GOOGLE_PLENTY
from providers.google_world import SCOPES
from providers.graph_world import PLENTY as MICROSOFT_PLENTY
from providers.graph_world import sign_in
from providers.hurried import HurriedClock
from providers.scripted_google import PretendTokens
from sandbox.browsing import Sandbox
from support.time_and_chance import RecordedChance

from scp_sandbox import SandboxSettings
from scp_sandbox.app import build_app
from scp_server.domain.secrets import Secret
from scp_server.providers.exchange import Exchange
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.microsoft.dialect import microsoft_dialect
from scp_server.providers.quota import Governor

Json = dict[str, Any]
Meddle = Callable[[Any], Any]
"""Changes the JSON of an answer."""
Instead = Callable[[web.Request, web.Response], web.StreamResponse | None]
"""Another answer than the true one; None: the true one."""
First = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Answers before the sandbox is asked; None: it is asked."""
ENDPOINTS = ("gmail_url", "calendar_url", "people_url", "drive_url", "graph_url")


@dataclass
class Signed(PretendTokens):
    """One token that is never refused."""

    token: Secret = field(default_factory=lambda: Secret(""))

    async def access_token(self, session_pk: int) -> Secret:
        self.asked.append(session_pk)
        return self.token


@dataclass
class Stall:
    """The provider as a link meets it."""

    portal: BlockingPortal
    app: Any
    url: str = ""
    http: aiohttp.ClientSession | None = None
    tokens: dict[str, Secret] = field(default_factory=dict)
    meddle: Meddle | None = None
    instead: Instead | None = None
    first: First | None = None
    seen: list[str] = field(default_factory=list)
    """Paths asked for."""

    def link(self, provider: str, *, batch_size: int = 1, body_limit: int = 2**25) -> HttpLink:
        """A new link to a provider; it never really waits."""
        assert self.http is not None
        clock = HurriedClock()
        google = provider == "google"
        tariff = GOOGLE_PLENTY if google else MICROSOFT_PLENTY
        line = Line(
            dialect=google_dialect(tariff) if google else microsoft_dialect(tariff),
            exchange=Exchange(self.http, body_limit=body_limit),
            tokens=Signed(token=self.tokens[provider]),
            governor=Governor(tariff, clock, wait=clock.wait),
            clock=clock,
            chance=RecordedChance(0.0),
            batch_size=batch_size,
            sleep=clock.sleep,
        )
        endpoints = dict.fromkeys(ENDPOINTS, self.url)
        return HttpLink(line, session_pk=1, account="ada", endpoints=endpoints)

    def order(self, path: str, **body: Any) -> Any:  # noqa: ANN401  (JSON)
        """One call of the sandbox's control API."""
        return self.portal.call(self._order, path, body)

    async def _order(self, path: str, body: Json) -> Any:  # noqa: ANN401  (JSON)
        assert self.http is not None
        return await Sandbox(base=self.url, http=self.http).control(path, "POST", **body)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The sandbox's answer, changed."""
        self.seen.append(request.path)
        if self.first is not None and (poured := await self.first(request)) is not None:
            return poured
        true = await _forwarded(self.app, request)
        if self.meddle is not None and "json" in true.headers.get("content-type", ""):
            assert isinstance(true.body, bytes)
            changed = self.meddle(json.loads(true.body or b"null"))
            true = web.Response(
                status=true.status, headers=true.headers, body=json.dumps(changed).encode()
            )
        return (self.instead(request, true) if self.instead else None) or true


@contextmanager
def stalls(settings: SandboxSettings) -> Iterator[Stall]:
    """A stall in a thread of its own, so that one serves all the examples of a property."""
    with start_blocking_portal() as portal:
        stall = Stall(portal, build_app(settings))
        with portal.wrap_async_context_manager(_serving(stall)):
            yield stall


@asynccontextmanager
async def _serving(stall: Stall) -> AsyncIterator[None]:
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{tail:.*}", stall.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    stall.url = f"http://{host}:{port}"
    try:
        async with aiohttp.ClientSession() as http:
            stall.http = http
            sandbox = Sandbox(base=stall.url, http=http)
            stall.tokens["google"] = Secret(await sandbox.sign_in(scope=SCOPES))
            stall.tokens["microsoft"] = Secret(await sign_in(sandbox))
            yield
    finally:
        await runner.cleanup()


async def _forwarded(app: Any, request: web.Request) -> web.Response:  # noqa: ANN401  (ASGI)
    path, _, query = request.raw_path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in request.headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Json] = []
    body = await request.read()

    async def receive() -> Json:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Json) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = [(k.decode(), v.decode("latin-1")) for k, v in sent[0]["headers"]]
    return web.Response(
        status=sent[0]["status"],
        headers=[(k, v) for k, v in headers if k.lower() != "content-length"],
        body=b"".join(message.get("body", b"") for message in sent[1:]),
    )
