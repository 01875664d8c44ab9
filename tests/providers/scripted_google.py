"""A server on loopback that answers as it is told, and a link to it that never really waits."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from providers.hurried import HurriedClock
from support.time_and_chance import RecordedChance

from scp_server.domain.secrets import Secret
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.exchange import Exchange, TimeLimits
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.quota import google_tariff
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.quota import Governor

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Part = tuple[int, Any]
"""Status and JSON of one part of a batch."""


def refusal(code: int, reason: str = "", message: str = "No.", /, **more: object) -> Part:
    """A refusal in Google's older envelope."""
    errors = [{"reason": reason, "message": message}] if reason else []
    return code, {"error": {"code": code, "message": message, "errors": errors, **more}}


def answer(part: Part, **headers: str) -> web.Response:
    """A JSON answer."""
    return web.json_response(part[1], status=part[0], headers=headers)


def batch_answer(parts: dict[str, Part]) -> web.Response:
    """A batch's answer; parts by the number in their Content-ID, in this order."""
    body = "".join(
        f"--b_x\r\nContent-Type: application/http\r\nContent-ID: <response-part+{number}>\r\n\r\n"
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        f"{json.dumps(found, indent=1)}\r\n"
        for number, (status, found) in parts.items()
    )
    return web.Response(
        body=f"{body}--b_x--\r\n".encode(),
        headers={"Content-Type": "multipart/mixed; boundary=b_x"},
    )


def get(identity: str = "a", *, absent_ok: bool = True, live: bool = False) -> Ask:
    """An ask for one message."""
    return Ask(
        method="gmail.messages.get",
        base="gmail_url",
        path=f"/gmail/v1/users/me/messages/{identity}",
        params=(("format", "full"), ("q", "CANARY search")),
        absent_ok=absent_ok,
        live=live,
    )


def asking(*asks: Ask) -> Reading[tuple[Reply, ...]]:
    """A reading that asks once and returns the replies."""
    return (yield asks)


@dataclass
class PretendTokens:
    """Tokens "t0", "t1", ...: the next one whenever one is refused."""

    refusals: int = 0
    asked: list[int] = field(default_factory=list)
    demanded: list[str | None] = field(default_factory=list)

    async def access_token(self, session_pk: int) -> Secret:
        self.asked.append(session_pk)
        return Secret(f"t{self.refusals}")

    async def refused(self, _session_pk: int, token: Secret, *, claims: str | None = None) -> None:
        self.demanded.append(claims)
        if token.reveal() == f"t{self.refusals}":
            self.refusals += 1


@dataclass
class Google:
    """The pretend provider: what it was asked, and the link to it."""

    link: HttpLink
    tokens: PretendTokens
    clock: HurriedClock
    outcomes: list[str]
    seen: list[web.Request]


def link_to(
    url: str,
    http: aiohttp.ClientSession,
    limits: TimeLimits | None,
    **line: Any,  # noqa: ANN401
) -> Google:
    """A link to whatever is at `url`; `line` replaces usual values."""
    tokens, clock, outcomes = PretendTokens(), HurriedClock(), list[str]()
    body_limit = line.pop("body_limit", 100_000)
    tariff = google_tariff()
    shared = Line(
        dialect=line.pop("dialect", google_dialect(tariff)),
        exchange=Exchange(http, limits=limits, body_limit=body_limit),
        tokens=tokens,
        governor=Governor(tariff, clock, wait=clock.wait),
        clock=clock,
        chance=RecordedChance(0.5),
        on_call=lambda _method, outcome: outcomes.append(outcome),
        sleep=clock.sleep,
        **line,
    )
    link = HttpLink(
        shared,
        session_pk=7,
        account="someone",
        endpoints={"gmail_url": url, "calendar_url": url},
    )
    return Google(link=link, tokens=tokens, clock=clock, outcomes=outcomes, seen=[])


@asynccontextmanager
async def google(
    handler: Handler,
    limits: TimeLimits | None = None,
    **line: Any,  # noqa: ANN401
) -> AsyncIterator[Google]:
    """A provider that answers every request with `handler`."""
    seen: list[web.Request] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", noted)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession() as http:
            provider = link_to(f"http://{host}:{port}", http, limits, **line)
            provider.seen = seen
            yield provider
    finally:
        await runner.cleanup()


def scripted(*answers: web.Response | Handler) -> Handler:
    """One answer after the other; the last one for ever."""
    left = list(answers)

    async def next_answer(request: web.Request) -> web.StreamResponse:
        found = left.pop(0) if len(left) > 1 else left[0]
        if not isinstance(found, web.Response):
            return await found(request)
        # A response object serves one request only.
        return web.Response(body=found.body, status=found.status, headers=found.headers)

    return next_answer
