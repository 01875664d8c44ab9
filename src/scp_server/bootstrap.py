"""The composition root: settings in, a running server out. It alone knows every adapter."""

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp
import anyio
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from scp_server.access.agents import Agents
from scp_server.access.gate import Gate
from scp_server.access.housekeeping import Chore, Run, housekeeping
from scp_server.access.limits import Limits
from scp_server.access.refusals import Refusals
from scp_server.access.tickets import Tickets
from scp_server.api.app import build_app
from scp_server.api.origins import own_origins
from scp_server.api.services import ApiValues, Endings, Services
from scp_server.bus.memory import MemoryRateLimits
from scp_server.config import registrations
from scp_server.config.key_source import first_keys, key_source
from scp_server.config.operator_key import operator_key
from scp_server.config.settings import Settings
from scp_server.config.tariffs import tariffs
from scp_server.config.values import (
    alarm_values,
    door_bounds,
    engine_values,
    limit_values,
    secure_only,
    tls_files,
)
from scp_server.consent.connect import Connect
from scp_server.consent.freshness import Freshness
from scp_server.consent.revoke import Revoke
from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.keeper import KeyKeeper
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import read_keyring
from scp_server.delivery.http_readers import HttpReaders
from scp_server.delivery.pump import Outlet
from scp_server.delivery.socketio import Doors, SocketIO
from scp_server.domain.secrets import Secret
from scp_server.engine.courses import Machinery
from scp_server.engine.relay import NoticeRelay
from scp_server.engine.supervisor import Supervisor
from scp_server.listening.descriptors import sockets_allowed
from scp_server.listening.door import Door
from scp_server.listening.http import HttpBounds, bounded, seated
from scp_server.listening.last_resort import LastResort
from scp_server.listening.serving import Listener
from scp_server.ports.authority import Authority
from scp_server.ports.renewals import Renewals
from scp_server.providers.dialect import Dialect
from scp_server.providers.exchange import Exchange
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.oauth import GoogleAuthority
from scp_server.providers.link import Line
from scp_server.providers.microsoft.dialect import microsoft_dialect
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_server.providers.quota import Governor
from scp_server.providers.registry import Registry
from scp_server.providers.watch import ReportedQuota
from scp_server.storage.sql.database import Stores, open_database
from scp_server.telemetry.access_log import AccessLog
from scp_server.telemetry.clock import SystemChance, SystemClock
from scp_server.telemetry.lag import watching
from scp_server.telemetry.metrics import Metrics
from scp_socketio.server.lane import lane
from scp_wire.stream_types import Provider

_LOG: Final = structlog.get_logger("scp.server")

TIDY_SECONDS: Final = 30.0
PURGE_SECONDS: Final = 86_400.0
CONNECTIONS_PER_PROVIDER: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What everything else is built on."""

    settings: Settings
    clock: SystemClock
    chance: SystemChance
    seals: KeyringSeals
    operator: Secret
    stores: Stores
    http: aiohttp.ClientSession
    metrics: Metrics
    relay: NoticeRelay
    refusals: Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server whose parts all run."""

    app: ASGIApp
    supervisor: Supervisor
    socketio: SocketIO
    metrics: Metrics
    clock: SystemClock


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Build the server and run its parts until the context is left.

    Raises: StartRefused for keys, database or settings it must not start with.
    """
    async with AsyncExitStack() as stack:
        ground = await _ground(settings, stack)
        authorities = _authorities(ground)
        lines = _lines(ground, _tokens(ground, authorities), authorities)
        outlook_days = registrations.outlook_days(settings.microsoft)
        links = Registry(lines, meter=ground.metrics, outlook_days=outlook_days)
        connect = _connect(ground, links, authorities)
        supervisor = Supervisor(_machinery(ground, links, connect), engine_values(settings))
        ground.relay.engine = supervisor.tidings
        limits = Limits(MemoryRateLimits(ground.clock), limit_values(settings), ground.clock)
        gate = Gate(
            ground.stores.sessions,
            ground.stores.agents,
            operator_key=ground.operator,
            clock=ground.clock,
            session_days=settings.session_days,
        )
        socketio = _socketio(ground, gate, limits, supervisor)
        revoke = Revoke(
            ground.stores.sessions, authorities, ground.relay, ground.stores.audit, ground.clock
        )
        agents = _agents(ground, supervisor)
        services = _services(ground, gate, limits, supervisor, links, (connect, revoke, agents))
        api = build_app(services)
        await stack.enter_async_context(socketio.running())
        await stack.enter_async_context(supervisor.running())
        chores = _chores(ground, supervisor, revoke, agents)
        await stack.enter_async_context(housekeeping(*chores))
        await stack.enter_async_context(watching(ground.clock, ground.metrics))
        https = settings.public_url.startswith("https:")
        guarded = LastResort(_split(api, socketio), ground.chance, https=https)
        app = AccessLog(guarded, ground.clock)
        yield Running(
            app=app,
            supervisor=supervisor,
            socketio=socketio,
            metrics=ground.metrics,
            clock=ground.clock,
        )


async def serve(
    settings: Settings, sockets: Sequence[socket.socket], *, ready: Callable[[], None]
) -> None:
    """Serve on these listening sockets until SIGTERM or SIGINT. `ready` is called once it runs.

    Raises: StartRefused, also where fewer files may be open than the sockets that are allowed.
    """
    most = sockets_allowed(settings.limits.sockets)
    async with running(settings) as server:
        door = Door(door_bounds(settings, most), server.metrics, server.clock.monotonic)
        farewells = (server.supervisor.drain, server.socketio.emptied)
        listener = Listener(tls=tls_files(settings), proxies=settings.trusted_proxies, ready=ready)
        http, websockets = bounded(HttpBounds(), door), seated(lane(server.socketio.server))
        await listener.serve(server.app, http, websockets, list(sockets), farewells)


async def _ground(settings: Settings, stack: AsyncExitStack) -> Ground:
    clock, chance = SystemClock(), SystemChance()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = key_source(settings)
    first_keys(settings, source)
    keyring = await anyio.to_thread.run_sync(read_keyring, source)
    seals, envelopes = KeyringSeals(keyring), KeyringEnvelopes(keyring)
    rows = settings.window.ledger_rows
    stores = await stack.enter_async_context(
        open_database(
            settings.database_url, seals=seals, envelopes=envelopes, clock=clock, ledger_rows=rows
        )
    )
    await stack.enter_async_context(KeyKeeper(keyring, source, stores.keys).running())
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS_PER_PROVIDER)
    http = await stack.enter_async_context(
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    )
    metrics = Metrics()
    return Ground(
        settings=settings,
        clock=clock,
        chance=chance,
        seals=seals,
        operator=operator_key(settings, chance),
        stores=stores,
        http=http,
        metrics=metrics,
        relay=NoticeRelay(),
        refusals=Refusals(stores.audit, clock, metrics, seals, alarm_values(settings)),
    )


def _authorities(ground: Ground) -> dict[Provider, Authority]:
    http, clock = ground.http, ground.clock
    google = registrations.google_registration(ground.settings.google)
    microsoft = registrations.microsoft_registration(ground.settings.microsoft)
    authorities: dict[Provider, Authority] = {}
    if google is not None:
        authorities[Provider.GOOGLE] = GoogleAuthority(google, http, clock)
    if microsoft is not None:
        authorities[Provider.MICROSOFT] = MicrosoftAuthority(microsoft, http, clock)
    return authorities


def _tokens(ground: Ground, authorities: dict[Provider, Authority]) -> Freshness:
    return Freshness(
        ground.stores.sessions,
        authorities,
        ground.relay,
        ground.stores.audit,
        ground.clock,
        ground.chance,
        meter=ground.metrics,
    )


def _lines(
    ground: Ground, tokens: Freshness, authorities: Mapping[Provider, Authority]
) -> dict[Provider, Line]:
    prices, settings = tariffs(ground.settings), ground.settings
    ways = {
        Provider.GOOGLE: (google_dialect(prices[Provider.GOOGLE]), settings.google.batch_size),
        Provider.MICROSOFT: (
            microsoft_dialect(prices[Provider.MICROSOFT]),
            settings.microsoft.batch_size,
        ),
    }
    return {
        provider: Line(
            dialect=dialect,
            exchange=Exchange(ground.http),
            tokens=tokens,
            governor=_governor(ground, provider, dialect),
            clock=ground.clock,
            chance=ground.chance,
            batch_size=batch_size,
            on_call=partial(ground.metrics.provider_call, provider),
        )
        for provider, (dialect, batch_size) in ways.items()
        if provider in authorities
    }


def _governor(ground: Ground, provider: Provider, dialect: Dialect) -> Governor:
    watch = ReportedQuota(provider=provider, meter=ground.metrics, notices=ground.relay)
    return Governor(dialect.tariff, ground.clock, name=dialect.name, watch=watch)


def _connect(ground: Ground, links: Registry, authorities: dict[Provider, Authority]) -> Connect:
    return Connect(
        ground.stores.sessions,
        authorities,
        links,
        ground.relay,
        ground.stores.audit,
        ground.clock,
        ground.chance,
        public_url=ground.settings.public_url,
        return_to=frozenset(ground.settings.return_to),
        session_days=ground.settings.session_days,
    )


def _machinery(ground: Ground, links: Registry, renewals: Renewals) -> Machinery:
    return Machinery(
        streams=ground.stores.streams,
        sessions=ground.stores.sessions,
        links=links,
        renewals=renewals,
        audit=ground.stores.audit,
        seals=ground.seals,
        clock=ground.clock,
        chance=ground.chance,
    )


def _socketio(ground: Ground, gate: Gate, limits: Limits, supervisor: Supervisor) -> SocketIO:
    settings = ground.settings
    return SocketIO(
        Doors(
            gate=gate,
            limits=limits,
            supervisor=supervisor,
            outlet=_outlet(ground, limits),
            origins=(*own_origins(settings.public_url), *settings.allowed_origins),
            secure_only=secure_only(settings),
            allow_query_session=settings.allow_query_session,
            refusals=ground.refusals,
            stall_seconds=settings.window.stall_seconds,
            https=settings.public_url.startswith("https:"),
        )
    )


def _outlet(ground: Ground, limits: Limits) -> Outlet:
    return Outlet(
        limits=limits, audit=ground.stores.audit, clock=ground.clock, meter=ground.metrics
    )


def _agents(ground: Ground, supervisor: Supervisor) -> Agents:
    stores, cuts = ground.stores, supervisor.tidings
    return Agents(stores.agents, stores.sessions, cuts, stores.audit, ground.clock, ground.chance)


def _services(
    ground: Ground,
    gate: Gate,
    limits: Limits,
    supervisor: Supervisor,
    links: Registry,
    accesses: tuple[Connect, Revoke, Agents],
) -> Services:
    settings, stores, (connect, revoke, agents) = ground.settings, ground.stores, accesses
    return Services(
        gate=gate,
        agents=agents,
        connect=connect,
        revoke=revoke,
        limits=limits,
        supervisor=supervisor,
        readers=HttpReaders(
            supervisor.audience, _outlet(ground, limits), settings.window.stall_seconds
        ),
        tickets=Tickets(stores.sessions, gate, ground.clock, ground.chance),
        sessions=stores.sessions,
        audit=stores.audit,
        refusals=ground.refusals,
        links=links,
        clock=ground.clock,
        chance=ground.chance,
        meter=ground.metrics,
        values=_api_values(settings),
        metrics_text=partial(_metrics_text, ground.metrics, supervisor, links),
        ready=stores.answers,
        draining=lambda: supervisor.draining,
    )


def _metrics_text(metrics: Metrics, supervisor: Supervisor, links: Registry) -> bytes:
    supervisor.measure(metrics)
    links.measure(metrics)
    return metrics.text()


def _api_values(settings: Settings) -> ApiValues:
    return ApiValues(
        public_url=settings.public_url.rstrip("/"),
        allowed_origins=frozenset(settings.allowed_origins),
        require_session=settings.require_session,
        allow_query_session=settings.allow_query_session,
        trust_loopback=not settings.trusted_proxies,
        secure_only=secure_only(settings),
        missing_settings=registrations.missing(settings),
        max_rate_limit_per_minute=settings.limits.max_rate_limit_per_minute,
        sandbox=settings.sandbox,
    )


def _split(api: ASGIApp, socketio: SocketIO) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if path == "/socket.io" or path.startswith("/socket.io/"):
            await socketio(scope, receive, send)
        else:
            await api(scope, receive, send)

    return app


def _chores(
    ground: Ground, supervisor: Supervisor, revoke: Endings, agents: Agents
) -> Sequence[Run]:
    tidy = Chore(
        name="tidy",
        works=(supervisor.tidy, revoke.sweep, agents.sweep),
        every=TIDY_SECONDS,
        first=TIDY_SECONDS,
    )
    kept = partial(ground.stores.keeping.keep, ground.settings.audit_days)
    purge = Chore(name="purge", works=(kept,), every=PURGE_SECONDS, first=TIDY_SECONDS)
    return (tidy.run, purge.run, ground.refusals.run)
