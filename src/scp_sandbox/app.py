"""The composition root: settings to an ASGI application."""

import os

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from scp_sandbox.clock import Clock
from scp_sandbox.control.desk import ControlDesk
from scp_sandbox.control.machinery import Machinery
from scp_sandbox.edge import Answer, Edge
from scp_sandbox.faults import FaultBook
from scp_sandbox.google.batch import BatchDesk
from scp_sandbox.google.calendar.methods import calendar_methods
from scp_sandbox.google.frontdesk import FrontDesk
from scp_sandbox.google.gmail.methods import gmail_methods
from scp_sandbox.landing import Landing
from scp_sandbox.oauth.clients import Client
from scp_sandbox.oauth.consent import ConsentPage
from scp_sandbox.oauth.desk import PATHS, OAuthDesk
from scp_sandbox.oauth.exchange import Exchange
from scp_sandbox.oauth.grants import Grants
from scp_sandbox.oauth.identity import Identity
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
    clock = clock or Clock()
    key = settings.token_key or os.urandom(32)
    world = World(
        seed=settings.seed, messages=settings.messages, events=settings.events, clock=clock
    )
    mint = TokenMint(key=key, clock=clock, lifetime=settings.token_lifetime)
    ledger = Ledger(clock, MODES[settings.quotas])
    faults = FaultBook()
    grants = Grants(clock)
    client = Client(id=settings.client_id, secret=settings.client_secret)
    identity = Identity(world=world, mint=mint)
    oauth = OAuthDesk(
        consent=ConsentPage(client=client, users=world.users, grants=grants, key=key),
        exchange=Exchange(
            client=client, mint=mint, grants=grants, identity=identity, ledger=ledger
        ),
        identity=identity,
        faults=faults,
    )
    front = FrontDesk(
        world=world,
        mint=mint,
        ledger=ledger,
        faults=faults,
        methods=(*gmail_methods(world), *calendar_methods(world)),
    )

    machinery = Machinery(
        world=world, mint=mint, grants=grants, client=client, ledger=ledger, faults=faults
    )
    control = ControlDesk(world=world, machinery=machinery, post=PostOffice(settings.seed))

    def edge(answer: Answer) -> Edge:
        return Edge(answer, settings.base_url)

    return Starlette(
        routes=[
            Mount("/gmail", app=edge(front.answer)),
            Mount("/calendar", app=edge(front.answer)),
            Route("/batch/gmail/v1", edge(BatchDesk(front, "/gmail/v1/").answer)),
            Route("/batch/calendar/v3", edge(BatchDesk(front, "/calendar/v3/").answer)),
            Route("/batch", edge(BatchDesk(front, "/").answer)),
            Mount("/sandbox", app=edge(control.answer)),
            Route("/", edge(Landing(world.users).answer)),
            *(Route(path, edge(oauth.answer)) for path in PATHS),
        ]
    )
