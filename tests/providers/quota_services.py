"""Every service that has a quota: one call of it, made over and over until told to stop.

The sandbox's figures are its own; those of the governor are the tariffs' defaults.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import anyio
from providers.google_world import SCOPES
from providers.graph_world import ADA as OUTLOOK_ADA
from providers.graph_world import sign_in
from providers.quota_room import BASE, InProcess, KeptToken, SandboxHere, Told
from sandbox.browsing import ADA
from support.time_and_chance import RecordedChance
from support.virtual_time import LoopClock

from scp_sandbox import SandboxSettings, build_app
from scp_sandbox.clock import Clock
from scp_server.domain.backoff import delay
from scp_server.domain.errors import ProviderRateLimited
from scp_server.domain.secrets import Secret
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.answers import Answer
from scp_server.providers.dialect import Dialect
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.quota import google_tariff
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.microsoft.dialect import microsoft_dialect
from scp_server.providers.microsoft.quota import microsoft_tariff
from scp_server.providers.quota import Governor
from scp_server.providers.tariff import Tariff

LATENCY = 0.1
"""Seconds for each request."""
AT_A_TIME = 20
"""Calls that a step of a backfill asks for."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One provider's service, its published figures as printed by the provider, and a call."""

    name: str
    published: int
    window: float
    price: int
    """What the sandbox takes for one call."""
    setting: str
    """The tariff's name of the figure."""
    figure: str
    """The sandbox's name of it."""
    ask: Ask
    microsoft: bool = False

    @property
    def control(self) -> str:
        """Where the sandbox takes orders for it."""
        return "/outlook" if self.microsoft else ""

    def tariff(self, units: int) -> Tariff:
        """What the governor believes at first."""
        figures = {self.setting: units}
        return microsoft_tariff(**figures) if self.microsoft else google_tariff(**figures)

    def dialect(self, tariff: Tariff) -> Dialect:
        """How it is talked to."""
        return microsoft_dialect(tariff) if self.microsoft else google_dialect(tariff)


CALENDAR = Service(
    name="calendar",
    published=600,
    window=60.0,
    price=1,
    setting="calendar_requests_per_minute",
    figure="calendar_requests_per_minute",
    ask=Ask(
        method="calendar.events.list",
        base="calendar_url",
        path="/calendar/v3/calendars/primary/events",
        params=(("maxResults", "1"),),
    ),
)
PEOPLE = Service(
    name="people",
    published=90,
    window=60.0,
    price=1,
    setting="people_reads_per_minute",
    figure="people_reads_per_minute",
    ask=Ask(
        method="people.connections.list",
        base="people_url",
        path="/v1/people/me/connections",
        params=(("personFields", "names"), ("pageSize", "1")),
    ),
)
DRIVE = Service(
    name="drive",
    published=325_000,
    window=60.0,
    price=100,
    setting="drive_units_per_minute",
    figure="drive_units_per_minute",
    ask=Ask(
        method="drive.files.list",
        base="drive_url",
        path="/drive/v3/files",
        params=(("pageSize", "1"), ("fields", "files(id)")),
    ),
)
OUTLOOK = Service(
    name="outlook",
    published=10_000,
    window=600.0,
    price=1,
    setting="outlook_requests",
    figure="requests_per_ten_minutes",
    ask=Ask(
        method="graph.messages.list",
        base="graph_url",
        path="/v1.0/me/messages",
        params=(("$top", "1"), ("$select", "id")),
    ),
    microsoft=True,
)
ONEDRIVE = Service(
    name="onedrive",
    published=1_200,
    window=60.0,
    price=2,
    setting="drive_units_per_minute",
    figure="drive_units_per_minute",
    ask=Ask(
        method="graph.drive.delta",
        base="graph_url",
        path="/v1.0/me/drive/root/delta",
        params=(("$top", "1"), ("$select", "id")),
    ),
    microsoft=True,
)


@dataclass
class Spot:
    """One service of a sandbox, and what was called there."""

    service: Service
    sandbox: SandboxHere
    link: HttpLink
    governor: Governor
    calls: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=anyio.current_time)

    async def backfill_for(self, seconds: float) -> None:
        """Call as fast as may be, as the engine does, for so long."""
        attempt = 0
        with anyio.move_on_after(seconds):
            while True:
                try:
                    await self.link.perform(asked(*[self.service.ask] * AT_A_TIME))
                    attempt = 0
                except ProviderRateLimited as error:
                    attempt += 1
                    await anyio.sleep(delay(error, attempt, 0.5))

    async def storm(self, seconds: float) -> None:
        """For so long every call is refused, whatever was spent."""
        path = self.service.ask.path
        await self.sandbox.control(
            "/faults", "POST", kind="status", status=429, path=path, count=None
        )
        await anyio.sleep(seconds)
        await self.sandbox.control("/faults", "DELETE")

    def units(self, start: float, end: float) -> int:
        """Units granted between two times after the beginning."""
        granted = [at for at, outcome in self.calls if outcome == "ok"]
        return self.service.price * sum(start <= at - self.began < end for at in granted)

    def refused(self, start: float, end: float) -> int:
        """Calls refused for rate between two times after the beginning."""
        return sum(
            start <= at - self.began < end
            for at, outcome in self.calls
            if outcome == "rate_limited"
        )

    async def tally(self) -> Mapping[str, object]:
        """What the sandbox says of this user."""
        report = await self.sandbox.control(self.service.control + "/ledger")
        users: Mapping[str, Mapping[str, object]] = report["users"]
        return users[OUTLOOK_ADA if self.service.microsoft else ADA]


def asked(*asks: Ask) -> Reading[None]:
    """A reading that asks once."""
    yield asks


async def look(spot: Spot) -> float:
    """One call that follows; the seconds it took."""
    ask, began = spot.service.ask, anyio.current_time()
    live = Ask(method=ask.method, base=ask.base, path=ask.path, params=ask.params, live=True)
    await spot.link.perform(asked(live))
    return anyio.current_time() - began


@asynccontextmanager
async def spot(
    service: Service, *, believed: int | None = None, **figures: object
) -> AsyncIterator[Spot]:
    """Open one. `believed`: what the governor believes; `figures`: what the sandbox allows."""
    clock = LoopClock()
    # Few of everything: thousands of calls list it.
    settings = SandboxSettings(
        messages=30, events=30, contacts=30, files=30, quotas="published", token_lifetime=10**7
    )
    app = build_app(settings, Clock(clock.now))
    async with aiohttp.ClientSession() as unused:
        sandbox = SandboxHere(BASE, unused, app)
        token = await (sign_in(sandbox) if service.microsoft else sandbox.sign_in(scope=SCOPES))
        if figures:
            await sandbox.control(service.control + "/quotas", "POST", **figures)
        found: list[Spot] = []
        opened = _link(service, sandbox, token, believed or service.published, found)
        found.append(Spot(service, sandbox, *opened))
        yield found[0]


def _link(
    service: Service, sandbox: SandboxHere, token: str, units: int, found: list[Spot]
) -> tuple[HttpLink, Governor]:
    clock, tariff = LoopClock(), service.tariff(units)
    governor = Governor(tariff, clock, name=service.name, watch=Told())
    line = Line(
        dialect=service.dialect(tariff),
        exchange=Slow(sandbox.app),
        tokens=KeptToken(Secret(token)),
        governor=governor,
        clock=clock,
        chance=RecordedChance(0.5),
        on_call=lambda _method, outcome: found[0].calls.append((anyio.current_time(), outcome)),
    )
    names = ("calendar_url", "people_url", "drive_url", "graph_url")
    endpoints = dict.fromkeys(names, sandbox.base)
    return HttpLink(line, session_pk=1, account=ADA, endpoints=endpoints), governor


class Slow(InProcess):
    """Every request takes a moment."""

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        await anyio.sleep(LATENCY)
        return await super()._send(method, url, headers, body)
