"""Registry: which connector reads which stream type, as a literal table; links for sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

from scp_server.domain.errors import StreamConfigError
from scp_server.domain.sessions import Session
from scp_server.domain.streams import StreamConfig
from scp_server.ports.connector import Connector
from scp_server.ports.meter import Meter
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.google.calendar_filters import check_events
from scp_server.providers.google.contacts import GoogleContacts
from scp_server.providers.google.drive_filters import check_files as check_drive_files
from scp_server.providers.google.files import DriveFiles
from scp_server.providers.google.gmail import GmailMessages
from scp_server.providers.google.gmail_threads import GmailThreads
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.microsoft.calendar import OutlookEvents
from scp_server.providers.microsoft.calendar_filters import Days
from scp_server.providers.microsoft.calendar_filters import check_events as check_outlook_events
from scp_server.providers.microsoft.contacts import OutlookContacts
from scp_server.providers.microsoft.drive import OneDriveFiles, check_files
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_server.providers.microsoft.mail_filters import check_mail
from scp_server.providers.microsoft.scopes import BROADER, READING
from scp_server.providers.watch import ReportedReading
from scp_server.providers.words import check_words
from scp_wire.filters import (
    ContactFilters,
    EventFilters,
    FileFilters,
    MailFilters,
    OutlookMailFilters,
)
from scp_wire.stream_types import PROVIDERS_OF, Provider, StreamType

_GOOGLE_SCOPES: Final = "https://www.googleapis.com/auth/"
_BROADER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        f"{_GOOGLE_SCOPES}gmail.readonly": (
            f"{_GOOGLE_SCOPES}gmail.modify",
            "https://mail.google.com/",
        ),
        f"{_GOOGLE_SCOPES}calendar.events.readonly": (
            f"{_GOOGLE_SCOPES}calendar.readonly",
            f"{_GOOGLE_SCOPES}calendar.events",
            f"{_GOOGLE_SCOPES}calendar",
        ),
        f"{_GOOGLE_SCOPES}calendar.calendarlist.readonly": (
            f"{_GOOGLE_SCOPES}calendar.readonly",
            f"{_GOOGLE_SCOPES}calendar.calendarlist",
            f"{_GOOGLE_SCOPES}calendar",
        ),
        f"{_GOOGLE_SCOPES}contacts.readonly": (f"{_GOOGLE_SCOPES}contacts",),
        f"{_GOOGLE_SCOPES}drive.metadata.readonly": (
            f"{_GOOGLE_SCOPES}drive.metadata",
            f"{_GOOGLE_SCOPES}drive.readonly",
            f"{_GOOGLE_SCOPES}drive",
        ),
        **BROADER,
    }
)
"""Scopes that allow what a smaller one allows; an imported grant may have them instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How one stream type is read at one provider."""

    connector: Callable[[StreamConfig], Connector]
    check: Callable[[StreamConfig], None]
    """Raises StreamConfigError for what the provider would refuse."""
    scopes: frozenset[str]
    """The least it cannot do without."""


def _gmail_messages(config: StreamConfig) -> Connector:
    return GmailMessages(_mail(config), max_results=config.max_results)


def _gmail_threads(config: StreamConfig) -> Connector:
    return GmailThreads(_mail(config), max_results=config.max_results)


def _calendar_events(config: StreamConfig) -> Connector:
    return CalendarEvents(_events(config), max_results=config.max_results)


def _google_contacts(config: StreamConfig) -> Connector:
    return GoogleContacts(_contacts(config), max_results=config.max_results)


def _google_files(config: StreamConfig) -> Connector:
    return DriveFiles(_files(config), max_results=config.max_results)


def _outlook_messages(config: StreamConfig) -> Connector:
    return OutlookMessages(_outlook_mail(config), max_results=config.max_results)


def _outlook_events(config: StreamConfig, days: Days | None = None) -> Connector:
    sight = days or Days()
    return OutlookEvents(
        _events(config),
        max_results=config.max_results,
        days_back=sight.back,
        days_ahead=sight.ahead,
    )


def _outlook_contacts(config: StreamConfig) -> Connector:
    return OutlookContacts(_contacts(config), max_results=config.max_results)


def _onedrive_files(config: StreamConfig) -> Connector:
    return OneDriveFiles(_files(config), max_results=config.max_results)


def _mail(config: StreamConfig) -> MailFilters:
    if not isinstance(config.filters, MailFilters):
        raise StreamConfigError(
            f"{config.stream_type} takes query, label_ids and include_spam_trash as filters.",
            field="filters",
        )
    return config.filters


def _outlook_mail(config: StreamConfig) -> OutlookMailFilters:
    if not isinstance(config.filters, OutlookMailFilters):
        raise StreamConfigError(
            f"{config.stream_type} takes filter and search as filters.", field="filters"
        )
    return config.filters


def _events(config: StreamConfig) -> EventFilters:
    if not isinstance(config.filters, EventFilters):
        raise StreamConfigError(
            f"{config.stream_type} takes time_min, time_max and query as filters.",
            field="filters",
        )
    return config.filters


def _contacts(config: StreamConfig) -> ContactFilters:
    if not isinstance(config.filters, ContactFilters):
        raise StreamConfigError(f"{config.stream_type} takes query as a filter.", field="filters")
    return config.filters


def _files(config: StreamConfig) -> FileFilters:
    if not isinstance(config.filters, FileFilters):
        raise StreamConfigError(
            f"{config.stream_type} takes query, mime_types and include_trashed as filters.",
            field="filters",
        )
    return config.filters


def _check_mail(config: StreamConfig) -> None:
    _mail(config)


def _check_events(config: StreamConfig) -> None:
    check_events(_events(config))


def _check_contacts(config: StreamConfig) -> None:
    check_words(_contacts(config).query)


def _check_files(config: StreamConfig) -> None:
    check_drive_files(_files(config))


def _check_outlook_mail(config: StreamConfig) -> None:
    check_mail(_outlook_mail(config), real_time=config.real_time)


def _check_outlook_events(config: StreamConfig) -> None:
    check_outlook_events(_events(config))


def _check_onedrive_files(config: StreamConfig) -> None:
    check_files(_files(config))


READERS: Final[Mapping[tuple[Provider, StreamType], Reader]] = MappingProxyType(
    {
        (Provider.GOOGLE, StreamType.GMAIL_MESSAGES): Reader(
            connector=_gmail_messages,
            check=_check_mail,
            scopes=frozenset({_GOOGLE_SCOPES + "gmail.readonly"}),
        ),
        (Provider.GOOGLE, StreamType.GMAIL_THREADS): Reader(
            connector=_gmail_threads,
            check=_check_mail,
            scopes=frozenset({_GOOGLE_SCOPES + "gmail.readonly"}),
        ),
        (Provider.GOOGLE, StreamType.CONTACTS): Reader(
            connector=_google_contacts,
            check=_check_contacts,
            scopes=frozenset({_GOOGLE_SCOPES + "contacts.readonly"}),
        ),
        (Provider.GOOGLE, StreamType.FILES): Reader(
            connector=_google_files,
            check=_check_files,
            scopes=frozenset({_GOOGLE_SCOPES + "drive.metadata.readonly"}),
        ),
        (Provider.GOOGLE, StreamType.CALENDAR_EVENTS): Reader(
            connector=_calendar_events,
            check=_check_events,
            scopes=frozenset(
                {
                    _GOOGLE_SCOPES + "calendar.events.readonly",
                    _GOOGLE_SCOPES + "calendar.calendarlist.readonly",
                }
            ),
        ),
        (Provider.MICROSOFT, StreamType.OUTLOOK_MESSAGES): Reader(
            connector=_outlook_messages,
            check=_check_outlook_mail,
            scopes=frozenset({READING[StreamType.OUTLOOK_MESSAGES]}),
        ),
        (Provider.MICROSOFT, StreamType.OUTLOOK_EVENTS): Reader(
            connector=_outlook_events,
            check=_check_outlook_events,
            scopes=frozenset({READING[StreamType.OUTLOOK_EVENTS]}),
        ),
        (Provider.MICROSOFT, StreamType.CONTACTS): Reader(
            connector=_outlook_contacts,
            check=_check_contacts,
            scopes=frozenset({READING[StreamType.CONTACTS]}),
        ),
        (Provider.MICROSOFT, StreamType.FILES): Reader(
            connector=_onedrive_files,
            check=_check_onedrive_files,
            scopes=frozenset({READING[StreamType.FILES]}),
        ),
    }
)


class Registry:
    """Links (ports.links) over HTTP; `lines` holds what all links to a provider share.

    `meter`: where items that are set aside are counted, if anywhere. `outlook_days`: what
    outlook_events have in sight where their filters do not say.
    """

    def __init__(
        self,
        lines: Mapping[Provider, Line],
        *,
        meter: Meter | None = None,
        outlook_days: Days | None = None,
    ) -> None:
        self._lines = lines
        self._meter = meter
        events = (Provider.MICROSOFT, StreamType.OUTLOOK_EVENTS)
        sighted = partial(_outlook_events, days=outlook_days)
        self._readers = {**READERS, events: replace(READERS[events], connector=sighted)}

    def available(self, stream_type: StreamType, provider: Provider | None = None) -> bool:
        """Whether this server can read that type: at this provider, or at any."""
        return any((one, stream_type) in READERS for one in self._lines if provider in {None, one})

    def scopes(self, stream_type: StreamType, session: Session) -> frozenset[str]:
        """The provider's scopes this type cannot do without; none for a type it cannot serve.

        Where the session was granted a broader scope, that one stands for the smaller.
        """
        reader = READERS.get((session.provider, stream_type))
        needed = reader.scopes if reader else frozenset()
        return frozenset(_as_granted(scope, session.scopes) for scope in needed)

    def check(self, config: StreamConfig) -> None:
        """Refuse a combination the provider refuses.

        Raises: StreamConfigError naming the field.
        """
        self._reader(config).check(config)

    def connector(self, config: StreamConfig) -> Connector:
        """A fresh conversation for one stream.

        Raises: StreamConfigError for a type this provider does not serve.
        """
        connector = self._reader(config).connector(config)
        return ReportedReading(connector, config, self._meter) if self._meter else connector

    def link(self, session: Session) -> HttpLink:
        """The link of a session; all streams of an account share its quota."""
        account = session.account
        whose = f"{account.issuer} {account.subject}" if account else f"session {session.pk}"
        return HttpLink(
            self._lines[session.provider],
            session_pk=session.pk,
            account=whose,
            endpoints=session.endpoints,
        )

    def measure(self, meter: Meter) -> None:
        """Tell a meter what is believed of the providers' quotas right now."""
        for provider, line in self._lines.items():
            for service, units in line.governor.believed().items():
                meter.quota_believed(provider, service, units)

    def _reader(self, config: StreamConfig) -> Reader:
        reader = self._readers.get((config.provider, config.stream_type))
        if reader is None or config.provider not in self._lines:
            can = sorted(kind for provider, kind in READERS if provider in self._lines)
            raise StreamConfigError(
                f"{config.stream_type} cannot be read from {config.provider} here: it needs a "
                f"session at {' or '.join(sorted(PROVIDERS_OF[config.stream_type]))}, and this "
                f"server reads {', '.join(can)}.",
                field="stream_type",
                value=config.stream_type.value,
                available=[kind.value for kind in can],
            )
        return reader


def _as_granted(needed: str, granted: frozenset[str]) -> str:
    able = (scope for scope in (needed, *_BROADER.get(needed, ())) if scope in granted)
    return next(able, needed)
