"""The HTTP API under uvicorn on loopback, over stores in memory, and a client to talk to it."""

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import anyio
import uvicorn
from multidict import CIMultiDict, CIMultiDictProxy
from support.agents import HeardCuts, MemoryAgents
from support.engine import PART_ONE, MemoryStreams, ScopedTypes, SilentMeter
from support.listening_room import Heard
from support.neighbours import HeardNotices
from support.scripted_authority import ScriptedAuthority
from support.sql_stores import new_keyring
from support.stores import MemoryAudit, MemorySessions
from support.time_and_chance import RecordedChance, TurnedClock
from yarl import URL

from scp_server.access.agents import Agents
from scp_server.access.gate import Gate
from scp_server.access.limits import Limits, LimitValues
from scp_server.access.refusals import Refusals
from scp_server.access.tickets import Tickets
from scp_server.api.app import build_app
from scp_server.api.services import ApiValues, Services
from scp_server.bus.memory import MemoryRateLimits
from scp_server.consent.connect import Connect
from scp_server.consent.revoke import Revoke
from scp_server.crypto.seals import KeyringSeals
from scp_server.delivery.http_readers import HttpReaders
from scp_server.delivery.pump import Outlet
from scp_server.domain.secrets import Secret
from scp_server.domain.suspicion import AlarmValues
from scp_server.listening.door import Bounds, Door
from scp_server.listening.http import HttpBounds, bounded
from scp_server.ports.links import Links
from scp_server.telemetry.access_log import AccessLog
from scp_wire.stream_types import Provider

OPERATOR_KEY = "operator-CANARY-key"
AS_OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
RETURN_TO = "https://app.example/back"
UNLIMITED = LimitValues(data_requests_per_minute=0, starts_per_minute=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    json: Any
    """None when it is not JSON."""

    @property
    def data(self) -> dict[str, Any]:
        """Of a success."""
        assert self.json["success"] is True
        return dict(self.json["data"])

    @property
    def code(self) -> str:
        """Of a failure."""
        assert self.json["success"] is False, self.text
        return str(self.json["error"]["code"])

    @property
    def details(self) -> dict[str, Any]:
        """Of a failure."""
        return dict(self.json["error"]["details"])


@dataclass(slots=True, kw_only=True)
class House:
    """Everything behind the API, at hand."""

    clock: TurnedClock
    sessions: MemorySessions
    agents: MemoryAgents
    cuts: HeardCuts
    audit: MemoryAudit
    notices: HeardNotices
    authority: ScriptedAuthority
    streams: MemoryStreams
    meter: SilentMeter
    services: Services = field(init=False)
    refusals: Refusals = field(init=False)
    draining: bool = False
    ready: bool = True
    url: str = ""
    http: aiohttp.ClientSession = field(init=False)

    async def ask(
        self,
        method: str,
        path: str | URL,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: bytes | AsyncIterator[bytes] | None = None,
    ) -> Answer:
        """One request, its redirect not followed."""
        async with self.http.request(
            method,
            path,
            allow_redirects=False,
            headers=CIMultiDict(headers),
            params=params,
            json=json,
            data=data,
        ) as response:
            text = await response.text()
            is_json = response.content_type == "application/json" and bool(text)
            return Answer(
                status=response.status,
                headers=response.headers,
                text=text,
                json=await response.json() if is_json else None,
            )

    async def session(self, **changes: object) -> str:
        """The id of a new session whose user has consented to everything."""
        body = {
            "provider": "google",
            "stream_types": [kind.value for kind in PART_ONE],
            "tokens": {
                "access_token": "CANARY-brought",
                "refresh_token": "CANARY-brought-refresh",
                "expires_at": self.clock.now() + 3600,
                "scope": "openid email mail calendar",
            },
            **changes,
        }
        opened = await self.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
        assert opened.status == 201, opened.text
        return str(opened.data["session_id"])

    async def start(self, session_id: str, **changes: object) -> str:
        """The id of a new stream."""
        body = {"session_id": session_id, "stream_type": "gmail_messages", **changes}
        started = await self.ask("POST", "/api/stream/start", json=body)
        assert started.status == 200, started.text
        return str(started.data["stream_id"])


def furnished(
    values: Mapping[str, Any] | None = None, limits: LimitValues = UNLIMITED, port: int = 5000
) -> House:
    """A house whose server is not running yet. `values` are those of `ApiValues` that differ."""
    clock = TurnedClock()
    links, authority = ScopedTypes(*PART_ONE), ScriptedAuthority(clock)
    authority.granted = frozenset({"openid", "email", "mail", "calendar"})
    house = House(
        clock=clock,
        sessions=(sessions := MemorySessions(clock)),
        agents=MemoryAgents(clock, sessions),
        cuts=HeardCuts(),
        audit=MemoryAudit(),
        notices=HeardNotices(),
        authority=authority,
        streams=MemoryStreams(clock, RecordedChance(), links),
        meter=SilentMeter(),
    )
    settings = {
        "public_url": f"http://127.0.0.1:{port}",
        "missing_settings": {
            Provider.MICROSOFT: ("SCP_MICROSOFT__CLIENT_ID", "SCP_MICROSOFT__CLIENT_SECRET")
        },
        **(values or {}),
    }
    house.refusals = Refusals(
        house.audit, house.clock, house.meter, KeyringSeals(new_keyring()), AlarmValues()
    )
    house.services = _services(house, ApiValues(**settings), limits, links)
    return house


def _gate(house: House) -> Gate:
    return Gate(
        house.sessions,
        house.agents,
        operator_key=Secret(OPERATOR_KEY),
        clock=house.clock,
        session_days=30,
    )


def _connect(house: House, values: ApiValues, links: Links, chance: RecordedChance) -> Connect:
    return Connect(
        house.sessions,
        {Provider.GOOGLE: house.authority},
        links,
        house.notices,
        house.audit,
        house.clock,
        chance,
        public_url=values.public_url,
        return_to=frozenset({RETURN_TO}),
        session_days=30,
    )


def _services(house: House, values: ApiValues, limits: LimitValues, links: Links) -> Services:
    authorities = {Provider.GOOGLE: house.authority}
    chance = RecordedChance()

    async def ready() -> bool:
        return house.ready

    gate = _gate(house)
    counted = Limits(MemoryRateLimits(house.clock), limits, house.clock)
    outlet = Outlet(limits=counted, audit=house.audit, clock=house.clock, meter=house.meter)
    return Services(
        gate=gate,
        agents=Agents(house.agents, house.sessions, house.cuts, house.audit, house.clock, chance),
        connect=_connect(house, values, links, chance),
        revoke=Revoke(house.sessions, authorities, house.notices, house.audit, house.clock),
        limits=counted,
        supervisor=house.streams,
        readers=HttpReaders(house.streams, outlet, 30.0),
        tickets=Tickets(house.sessions, gate, house.clock, chance),
        sessions=house.sessions,
        audit=house.audit,
        refusals=house.refusals,
        links=links,
        clock=house.clock,
        chance=chance,
        meter=house.meter,
        values=values,
        metrics_text=lambda: b"scp_up 1\n",
        ready=ready,
        draining=lambda: house.draining,
    )


@asynccontextmanager
async def serving(
    values: Mapping[str, Any] | None = None, limits: LimitValues = UNLIMITED
) -> AsyncIterator[House]:
    """A furnished house with its server running and a client at its door."""
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer takes 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        port = listener.getsockname()[1]
        house = furnished(values, limits, port)
        house.url = f"http://127.0.0.1:{port}"
        server = uvicorn.Server(
            uvicorn.Config(
                AccessLog(build_app(house.services), house.clock),
                http=bounded(HttpBounds(), Door(Bounds(), Heard(), house.clock.monotonic)),
                lifespan="off",
                log_config=None,
                access_log=False,  # it would print session ids in URLs
                proxy_headers=False,  # it would believe anyone on loopback
            )
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            jar = aiohttp.CookieJar(unsafe=True)  # a loopback address may have cookies, too
            async with aiohttp.ClientSession(house.url, cookie_jar=jar) as http:
                house.http = http
                yield house
            server.should_exit = True
