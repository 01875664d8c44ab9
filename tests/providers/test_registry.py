"""What the registry offers and refuses."""

from datetime import UTC, datetime, timedelta, timezone

import aiohttp
import pytest
from providers.scripted_google import link_to
from support.time_and_chance import RecordedChance

from scp_server.domain.errors import StreamConfigError
from scp_server.domain.sessions import Account, Session, SessionState
from scp_server.domain.streams import StreamConfig
from scp_server.ports.links import Links
from scp_server.providers.exchange import Exchange
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.google.contacts import GoogleContacts
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.files import DriveFiles
from scp_server.providers.google.gmail import GmailMessages
from scp_server.providers.google.gmail_threads import GmailThreads
from scp_server.providers.google.quota import google_tariff
from scp_server.providers.link import Line
from scp_server.providers.quota import Governor
from scp_server.providers.registry import Registry
from scp_wire.filters import ContactFilters, EventFilters, FileFilters, Filters, MailFilters
from scp_wire.stream_types import PROVIDERS_OF, Provider, StreamType

AUTH = "https://www.googleapis.com/auth/"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def registry(http: aiohttp.ClientSession) -> Registry:
    unused = link_to("http://127.0.0.1:1", http, None)
    tariff = google_tariff()
    line = Line(
        dialect=google_dialect(tariff),
        exchange=Exchange(http),
        tokens=unused.tokens,
        governor=Governor(tariff, unused.clock),
        clock=unused.clock,
        chance=RecordedChance(),
    )
    return Registry({Provider.GOOGLE: line})


@pytest.fixture
async def links() -> Links:
    async with aiohttp.ClientSession() as http:
        return registry(http)


def config(
    kind: StreamType, filters: Filters, provider: Provider = Provider.GOOGLE
) -> StreamConfig:
    return StreamConfig(
        stream_type=kind,
        provider=provider,
        filters=filters,
        given_filters={},
        batch_size=100,
        max_results=None,
        real_time=False,
        rate_limit_per_minute=60,
        include_raw=False,
        agent_id=None,
    )


def session(*scopes: str) -> Session:
    return Session(
        pk=3,
        last4="abcd",
        provider=Provider.GOOGLE,
        state=SessionState.ACTIVE,
        account=Account(issuer="https://accounts.example", subject="1", label=None),
        scopes=frozenset(scopes),
        stream_types=(),
        agent_id=None,
        created_at=0,
        last_used_at=0,
        expires_at=1,
        endpoints={},
    )


async def test_what_is_built_is_available(links: Links) -> None:
    available = {kind.value for kind in StreamType if links.available(kind)}
    assert available == {
        "gmail_messages",
        "gmail_threads",
        "calendar_events",
        "contacts",
        "files",
    }


async def test_each_stream_has_a_conversation_of_its_own(links: Links) -> None:
    mail = config(StreamType.GMAIL_MESSAGES, MailFilters())
    assert isinstance(links.connector(mail), GmailMessages)
    assert links.connector(mail) is not links.connector(mail)
    events = config(StreamType.CALENDAR_EVENTS, EventFilters())
    assert isinstance(links.connector(events), CalendarEvents)
    threads = config(StreamType.GMAIL_THREADS, MailFilters())
    assert isinstance(links.connector(threads), GmailThreads)
    people = config(StreamType.CONTACTS, ContactFilters())
    assert isinstance(links.connector(people), GoogleContacts)
    assert isinstance(links.connector(config(StreamType.FILES, FileFilters())), DriveFiles)


async def test_the_least_scopes_are_asked_for(links: Links) -> None:
    assert links.scopes(StreamType.GMAIL_MESSAGES, session()) == {f"{AUTH}gmail.readonly"}
    assert links.scopes(StreamType.CALENDAR_EVENTS, session()) == {
        f"{AUTH}calendar.events.readonly",
        f"{AUTH}calendar.calendarlist.readonly",
    }
    assert links.scopes(StreamType.GMAIL_THREADS, session()) == {f"{AUTH}gmail.readonly"}
    assert links.scopes(StreamType.CONTACTS, session()) == {f"{AUTH}contacts.readonly"}
    assert links.scopes(StreamType.FILES, session()) == {f"{AUTH}drive.metadata.readonly"}


async def test_a_broader_scope_that_was_granted_will_do(links: Links) -> None:
    granted = session(
        f"{AUTH}calendar.readonly",
        "https://mail.google.com/",
        f"{AUTH}contacts",
        f"{AUTH}drive.readonly",
    )
    for kind in PROVIDERS_OF:
        assert links.scopes(kind, granted) <= granted.scopes


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (
            config(StreamType.CALENDAR_EVENTS, EventFilters(time_min=NOON, time_max=NOON)),
            "filters.time_max",
        ),
        (
            config(
                StreamType.CALENDAR_EVENTS,
                EventFilters(time_min=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
            ),
            "filters.time_min",
        ),
        (config(StreamType.CALENDAR_EVENTS, MailFilters()), "filters"),
        (config(StreamType.GMAIL_MESSAGES, EventFilters()), "filters"),
        (config(StreamType.CONTACTS, MailFilters()), "filters"),
        (config(StreamType.FILES, ContactFilters()), "filters"),
        (config(StreamType.OUTLOOK_EVENTS, EventFilters()), "stream_type"),
        (
            config(StreamType.GMAIL_MESSAGES, MailFilters(), Provider.MICROSOFT),
            "stream_type",
        ),
    ],
)
async def test_what_google_would_refuse_is_refused_with_its_field(
    links: Links, wanted: StreamConfig, field: str
) -> None:
    with pytest.raises(StreamConfigError) as caught:
        links.check(wanted)
    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    "wanted",
    [
        config(StreamType.CALENDAR_EVENTS, EventFilters(time_min=NOON, query="x")),
        config(StreamType.GMAIL_MESSAGES, MailFilters(query="x", label_ids=("INBOX",))),
        config(StreamType.GMAIL_THREADS, MailFilters(query="x")),
        config(StreamType.CONTACTS, ContactFilters(query="x")),
        config(StreamType.FILES, FileFilters(mime_types=("text/plain",))),
    ],
)
async def test_what_google_takes_is_taken(links: Links, wanted: StreamConfig) -> None:
    links.check(wanted)
