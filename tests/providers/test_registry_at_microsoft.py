"""What the registry offers and refuses at Microsoft."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from providers.hurried import HurriedClock
from providers.test_outlook_calendar import Calendar
from providers.test_registry import config
from support.time_and_chance import RecordedChance

from scp_server.domain.errors import StreamConfigError
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import StreamConfig
from scp_server.providers.exchange import Exchange
from scp_server.providers.link import Line
from scp_server.providers.microsoft.calendar import OutlookEvents
from scp_server.providers.microsoft.calendar_filters import Days
from scp_server.providers.microsoft.contacts import OutlookContacts
from scp_server.providers.microsoft.dialect import microsoft_dialect
from scp_server.providers.microsoft.drive import OneDriveFiles
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_server.providers.microsoft.quota import microsoft_tariff
from scp_server.providers.quota import Governor
from scp_server.providers.registry import Registry
from scp_wire.filters import (
    ContactFilters,
    EventFilters,
    FileFilters,
    Filters,
    MailFilters,
    OutlookMailFilters,
)
from scp_wire.stream_types import Provider, StreamType


class NoTokens:
    """Nothing is asked for here."""

    async def access_token(self, _session_pk: int) -> Secret:
        raise AssertionError

    async def refused(self, _session_pk: int, _token: Secret, *, claims: str | None = None) -> None:
        raise AssertionError(claims)


@pytest.fixture
async def lines() -> AsyncIterator[dict[Provider, Line]]:
    clock, tariff = HurriedClock(), microsoft_tariff()
    async with aiohttp.ClientSession() as http:
        line = Line(
            dialect=microsoft_dialect(tariff),
            exchange=Exchange(http),
            tokens=NoTokens(),
            governor=Governor(tariff, clock),
            clock=clock,
            chance=RecordedChance(),
        )
        yield {Provider.MICROSOFT: line}


@pytest.fixture
def links(lines: dict[Provider, Line]) -> Registry:
    return Registry(lines)


def at_microsoft(kind: StreamType, filters: Filters) -> StreamConfig:
    return config(kind, filters, Provider.MICROSOFT)


@pytest.mark.parametrize(
    ("kind", "filters", "connector", "scope"),
    [
        (StreamType.OUTLOOK_MESSAGES, OutlookMailFilters(), OutlookMessages, "Mail.Read"),
        (StreamType.OUTLOOK_EVENTS, EventFilters(), OutlookEvents, "Calendars.Read"),
        (StreamType.CONTACTS, ContactFilters(), OutlookContacts, "Contacts.Read"),
        (StreamType.FILES, FileFilters(), OneDriveFiles, "Files.Read"),
    ],
)
async def test_four_types_are_read_each_with_one_scope_or_a_broader_one(
    links: Registry, kind: StreamType, filters: Filters, connector: type, scope: str
) -> None:
    chosen = at_microsoft(kind, filters)
    links.check(chosen)
    assert isinstance(links.connector(chosen), connector)
    assert links.available(kind, Provider.MICROSOFT)
    assert links.scopes(kind, session()) == {scope}
    broader = f"{scope}.All" if kind is StreamType.FILES else f"{scope}Write"
    assert links.scopes(kind, session(broader)) == {broader}


def session(*scopes: str) -> Session:
    return Session(
        pk=1,
        last4="abcd",
        provider=Provider.MICROSOFT,
        state=SessionState.ACTIVE,
        account=None,
        scopes=frozenset(scopes),
        stream_types=(),
        agent_id=None,
        created_at=0.0,
        last_used_at=0.0,
        expires_at=1.0,
        endpoints={"graph_url": "https://graph.example"},
    )


@pytest.mark.parametrize(
    ("kind", "filters", "field"),
    [
        (StreamType.OUTLOOK_MESSAGES, OutlookMailFilters(filter="isRead"), "filters.filter"),
        (StreamType.OUTLOOK_MESSAGES, MailFilters(), "filters"),
        (StreamType.FILES, FileFilters(include_trashed=True), "filters.include_trashed"),
        (StreamType.GMAIL_MESSAGES, MailFilters(), "stream_type"),
    ],
)
async def test_what_microsoft_cannot_do_is_refused_by_field(
    links: Registry, kind: StreamType, filters: Filters, field: str
) -> None:
    with pytest.raises(StreamConfigError) as caught:
        links.check(at_microsoft(kind, filters))
    assert caught.value.details["field"] == field


async def test_outlook_s_window_is_as_wide_as_the_operator_says(
    lines: dict[Provider, Line],
) -> None:
    calendar = Calendar()
    links = Registry(lines, outlook_days=Days(back=1, ahead=2))
    chosen = at_microsoft(StreamType.OUTLOOK_EVENTS, EventFilters())
    calendar.hear(links.connector(chosen).bookmark())
    assert calendar.rounds == [("2026-11-22T00:00:00Z", "2026-11-25T00:00:00Z")]


async def test_a_search_is_refused_with_real_time_and_taken_without(links: Registry) -> None:
    chosen = at_microsoft(StreamType.OUTLOOK_MESSAGES, OutlookMailFilters(search="budget"))
    fields = {name: getattr(chosen, name) for name in StreamConfig.__dataclass_fields__}
    links.check(StreamConfig(**{**fields, "real_time": False}))
    with pytest.raises(StreamConfigError) as caught:
        links.check(StreamConfig(**{**fields, "real_time": True}))
    assert caught.value.details["field"] == "filters.search"
