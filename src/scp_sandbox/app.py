"""The composition root: settings to an ASGI application."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from scp_sandbox.clock import Clock
from scp_sandbox.control.desk import ControlDesk
from scp_sandbox.control.machinery import Machinery
from scp_sandbox.edge import Answer, Edge
from scp_sandbox.faults import FaultBook
from scp_sandbox.google.batch import BatchDesk
from scp_sandbox.google.calendar.methods import calendar_methods
from scp_sandbox.google.drive.methods import drive_methods
from scp_sandbox.google.frontdesk import FrontDesk
from scp_sandbox.google.gmail.methods import gmail_methods
from scp_sandbox.google.people.methods import people_methods
from scp_sandbox.google.push.board import Board
from scp_sandbox.google.push.methods import push_methods
from scp_sandbox.google.push.pubsub import pubsub_methods
from scp_sandbox.landing import Landing
from scp_sandbox.microsoft.control.desk import OutlookControl
from scp_sandbox.microsoft.house import House, build_house
from scp_sandbox.microsoft.identity.desk import PATHS as MICROSOFT_PATHS
from scp_sandbox.oauth.clients import Client
from scp_sandbox.oauth.consent import ConsentPage
from scp_sandbox.oauth.desk import PATHS, OAuthDesk
from scp_sandbox.oauth.exchange import Exchange
from scp_sandbox.oauth.grants import Grants
from scp_sandbox.oauth.identity import Identity
from scp_sandbox.oauth.revocation import Revocation
from scp_sandbox.oauth.tokens import TokenMint
from scp_sandbox.quota import MODES, Ledger
from scp_sandbox.settings import SandboxSettings
from scp_sandbox.world.arrivals import PostOffice
from scp_sandbox.world.world import World


def build_app(settings: SandboxSettings, clock: Clock | None = None) -> Starlette:
    """The sandbox as an ASGI application, with a world of its own.

    Args:
        settings: what to build.
        clock: the time to live in; wall time when None.
    """
    house = _house(settings, clock or Clock())
    microsoft = build_house(
        settings,
        clock=house.world.clock,
        key=house.key,
        client=house.client,
        faults=house.faults,
    )
    outlook = OutlookControl(microsoft, settings.seed)
    front, oauth = _front(house), _oauth(house)
    control = _control(house, settings.seed, outlook)

    def edge(answer: Answer) -> Edge:
        return Edge(answer, settings.base_url)

    routes: list[BaseRoute] = [
        Mount("/gmail", app=edge(front.answer)),
        Mount("/calendar", app=edge(front.answer)),
        Mount("/drive", app=edge(front.answer)),
        Mount("/v1/people", app=edge(front.answer)),
        Route("/v1/people:batchGet", edge(front.answer)),
        Route("/v1/people:searchContacts", edge(front.answer)),
        Mount("/v1/projects", app=edge(front.answer)),
        Route("/batch/gmail/v1", edge(BatchDesk(front, "/gmail/v1/").answer)),
        Route("/batch/calendar/v3", edge(BatchDesk(front, "/calendar/v3/").answer)),
        Route("/batch/drive/v3", edge(BatchDesk(front, "/drive/v3/").answer)),
        Route("/batch", edge(BatchDesk(front, "/").answer)),
        Mount("/sandbox", app=edge(control.answer)),
        Route("/", edge(Landing((*house.world.users, *microsoft.users)).answer)),
    ]
    routes += [Route(path, edge(oauth.answer)) for path in PATHS]
    routes += _of_microsoft(microsoft, edge)
    return Starlette(routes=routes)


def _of_microsoft(house: House, edge: Callable[[Answer], Edge]) -> list[BaseRoute]:
    return [
        Route("/v1.0/$batch", edge(house.batch)),
        Mount("/v1.0", app=edge(house.graph)),
        Route("/oidc/userinfo", edge(house.graph)),
        *(Route(path, edge(house.identity)) for path in MICROSOFT_PATHS),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _House:
    """What the desks share."""

    world: World
    key: bytes
    client: Client
    mint: TokenMint
    grants: Grants
    revocation: Revocation
    ledger: Ledger
    faults: FaultBook
    board: Board


def _house(settings: SandboxSettings, clock: Clock) -> _House:
    key = settings.token_key or os.urandom(32)
    client = Client(id=settings.client_id, secret=settings.client_secret)
    mint = TokenMint(key=key, clock=clock, lifetime=settings.token_lifetime)
    grants = Grants(clock)
    return _House(
        world=World(
            seed=settings.seed,
            messages=settings.messages,
            events=settings.events,
            contacts=settings.contacts,
            files=settings.files,
            clock=clock,
        ),
        key=key,
        client=client,
        mint=mint,
        grants=grants,
        revocation=Revocation(mint=mint, grants=grants, client=client),
        ledger=Ledger(clock, MODES[settings.quotas]),
        faults=FaultBook(),
        board=Board(clock),
    )


def _front(house: _House) -> FrontDesk:
    return FrontDesk(
        world=house.world,
        mint=house.mint,
        revocation=house.revocation,
        ledger=house.ledger,
        faults=house.faults,
        methods=(
            *gmail_methods(house.world),
            *calendar_methods(house.world),
            *people_methods(house.world),
            *drive_methods(house.world),
            *push_methods(house.world, house.board),
            *pubsub_methods(house.world, house.board),
        ),
    )


def _oauth(house: _House) -> OAuthDesk:
    identity = Identity(world=house.world, mint=house.mint)
    consent = ConsentPage(
        client=house.client, users=house.world.users, grants=house.grants, key=house.key
    )
    exchange = Exchange(
        client=house.client,
        mint=house.mint,
        grants=house.grants,
        identity=identity,
        ledger=house.ledger,
    )
    return OAuthDesk(
        consent=consent,
        exchange=exchange,
        identity=identity,
        revocation=house.revocation,
        faults=house.faults,
    )


def _control(house: _House, seed: int, outlook: OutlookControl) -> ControlDesk:
    machinery = Machinery(
        world=house.world,
        revocation=house.revocation,
        ledger=house.ledger,
        faults=house.faults,
        board=house.board,
    )
    return ControlDesk(
        world=house.world, machinery=machinery, post=PostOffice(seed), more=outlook.rooms()
    )
