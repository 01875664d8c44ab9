"""Puts the sandboxed Microsoft together, for the composition root."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scp_sandbox.call import Call, Reply
from scp_sandbox.clock import Clock
from scp_sandbox.faults import FaultBook
from scp_sandbox.microsoft.calendar.desk import calendar_methods
from scp_sandbox.microsoft.contacts.desk import contacts_methods
from scp_sandbox.microsoft.drive.desk import drive_methods
from scp_sandbox.microsoft.estate import Estate, Sizes
from scp_sandbox.microsoft.graph.profile import profile_methods
from scp_sandbox.microsoft.graph.throttle import MODES, Throttle
from scp_sandbox.microsoft.identity.consent import ConsentPage
from scp_sandbox.microsoft.identity.desk import IdentityDesk
from scp_sandbox.microsoft.identity.exchange import Exchange
from scp_sandbox.microsoft.identity.office import Office, open_office
from scp_sandbox.microsoft.mail.methods import mail_methods
from scp_sandbox.microsoft.push.board import push_methods
from scp_sandbox.microsoft.reception.batch import GraphBatch
from scp_sandbox.microsoft.reception.frontdesk import GraphDesk
from scp_sandbox.oauth.clients import Client
from scp_sandbox.settings import SandboxSettings
from scp_sandbox.world.people import User

Answer = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The rooms that have a door to the street, and what the control API reaches into."""

    identity: Answer
    graph: Answer
    batch: Answer
    estate: Estate
    office: Office
    throttle: Throttle
    exchange: Exchange

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody who has an account here."""
        return tuple(account.user for account in self.office.accounts)


def build_house(
    settings: SandboxSettings, *, clock: Clock, key: bytes, client: Client, faults: FaultBook
) -> House:
    """A Microsoft whose accounts hold as much as the settings say."""
    office = open_office(client=client, key=key, clock=clock, lifetime=settings.token_lifetime)
    sizes = Sizes(
        seed=settings.seed,
        messages=settings.messages,
        events=settings.events,
        contacts=settings.contacts,
        files=settings.files,
    )
    estate = Estate(sizes, clock)
    throttle = Throttle(clock, MODES[settings.quotas])
    exchange = Exchange(office)
    desk = GraphDesk(
        estate=estate,
        office=office,
        throttle=throttle,
        faults=faults,
        methods=(
            *profile_methods(),
            *mail_methods(lambda account: estate.of(account).box),
            *calendar_methods(lambda account: estate.of(account).calendar),
            *contacts_methods(lambda account: estate.of(account).contacts),
            *drive_methods(lambda account: estate.of(account).files),
            *push_methods(clock),
        ),
    )
    identity = IdentityDesk(
        office, consent=ConsentPage(office, key), exchange=exchange, faults=faults
    )
    return House(
        identity=identity.answer,
        graph=desk.answer,
        batch=GraphBatch(desk).answer,
        estate=estate,
        office=office,
        throttle=throttle,
        exchange=exchange,
    )
