"""The nine connectors, read as the engine reads them: what fails is tried again, not for ever."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from bad_input.types import CANARY, Types, google_types, graph_types
from hypothesis import settings

from scp_server.domain.changes import Change, Skipped
from scp_server.domain.errors import ProviderError, Remedy
from scp_server.domain.streams import Position, StreamConfig
from scp_server.engine.spelling import update_body
from scp_server.engine.transitions import MAX_FAULTS
from scp_server.ports.connector import Connector, Reading
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.google.contacts import GoogleContacts
from scp_server.providers.google.files import DriveFiles
from scp_server.providers.google.gmail import GmailMessages
from scp_server.providers.google.gmail_threads import GmailThreads
from scp_server.providers.link import HttpLink
from scp_server.providers.microsoft.calendar import OutlookEvents
from scp_server.providers.microsoft.contacts import OutlookContacts
from scp_server.providers.microsoft.drive import OneDriveFiles
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_wire.events import Origin
from scp_wire.filters import (
    ContactFilters,
    EventFilters,
    FileFilters,
    MailFilters,
    OutlookMailFilters,
)
from scp_wire.stream_types import Provider, StreamType

T = TypeVar("T")
SOAK: Final = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
EXAMPLES: Final = settings(
    max_examples=400 if SOAK else 15, derandomize=not SOAK, deadline=None, database=None
)
"""A few, always the same; `make soak` has many and ever new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One stream type at one provider."""

    name: str
    provider: str
    stream_type: StreamType
    connector: Callable[[], Connector]
    types: Callable[[], Types]
    type: str
    """That of its items."""
    bustle: str
    """The sandbox's name of their random changes."""
    listing: str
    """Ends the path of what lists them."""
    kept: frozenset[str] = frozenset({"id"})
    """Fields that say which item it is, and whether it is one of the stream's."""


_GRAPH_KEPT: Final = frozenset({"id", "parentFolderId"})
KINDS: Final = (
    Kind(
        name="gmail_messages",
        provider="google",
        stream_type=StreamType.GMAIL_MESSAGES,
        connector=lambda: GmailMessages(MailFilters()),
        types=lambda: google_types("gmail"),
        type="Message",
        bustle="mail",
        listing="/users/me/messages",
        kept=frozenset({"id", "threadId", "labelIds"}),
    ),
    Kind(
        name="gmail_threads",
        provider="google",
        stream_type=StreamType.GMAIL_THREADS,
        connector=lambda: GmailThreads(MailFilters()),
        types=lambda: google_types("gmail"),
        type="Thread",
        bustle="mail",
        listing="/users/me/threads",
        kept=frozenset({"id", "messages"}),
    ),
    Kind(
        name="calendar_events",
        provider="google",
        stream_type=StreamType.CALENDAR_EVENTS,
        connector=lambda: CalendarEvents(EventFilters()),
        types=lambda: google_types("calendar"),
        type="Event",
        bustle="events",
        listing="/events",
        kept=frozenset({"id", "status"}),
    ),
    Kind(
        name="contacts-google",
        provider="google",
        stream_type=StreamType.CONTACTS,
        connector=lambda: GoogleContacts(ContactFilters()),
        types=lambda: google_types("people"),
        type="Person",
        bustle="contacts",
        listing="/connections",
        kept=frozenset({"resourceName", "metadata"}),
    ),
    Kind(
        name="files-google",
        provider="google",
        stream_type=StreamType.FILES,
        connector=lambda: DriveFiles(FileFilters()),
        types=lambda: google_types("drive"),
        type="File",
        bustle="files",
        listing="/files",
        kept=frozenset({"id", "trashed"}),
    ),
    Kind(
        name="outlook_messages",
        provider="microsoft",
        stream_type=StreamType.OUTLOOK_MESSAGES,
        connector=lambda: OutlookMessages(OutlookMailFilters()),
        types=graph_types,
        type="message",
        bustle="mail",
        listing="/me/messages",
        kept=_GRAPH_KEPT,
    ),
    Kind(
        name="outlook_events",
        provider="microsoft",
        stream_type=StreamType.OUTLOOK_EVENTS,
        connector=lambda: OutlookEvents(EventFilters()),
        types=graph_types,
        type="event",
        bustle="events",
        listing="/calendarView/delta",
        kept=_GRAPH_KEPT | {"type", "start", "end", "seriesMasterId"},
    ),
    Kind(
        name="contacts-microsoft",
        provider="microsoft",
        stream_type=StreamType.CONTACTS,
        connector=lambda: OutlookContacts(ContactFilters()),
        types=graph_types,
        type="contact",
        bustle="contacts",
        listing="/contacts/delta",
        kept=_GRAPH_KEPT,
    ),
    Kind(
        name="files-microsoft",
        provider="microsoft",
        stream_type=StreamType.FILES,
        connector=lambda: OneDriveFiles(FileFilters()),
        types=graph_types,
        type="driveItem",
        bustle="files",
        listing="/root/delta",
        kept=frozenset({"id", "root", "deleted"}),
    ),
)
IDENTITY: Final = ("id", "resourceName", "fileId")
VANISHING: Final = frozenset(
    {"status", "metadata", "trashed", "removed", "file", "changeType", "root", "deleted", "type"}
    | {"parentFolderId", "seriesMasterId", "start", "end", "@removed", "labelIds", "threadId"}
)
"""What says whether an item is there, or one of the stream's: hurt, it may be read as gone."""


@dataclass(slots=True)
class Found:
    """What a stream would have told."""

    changes: list[Change] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Messages of failures after which the reading was tried again."""
    since: Position = field(default_factory=lambda: Position(b""))

    def told(self, kind: Kind) -> Mapping[str, list[bytes]]:
        """The items as they are sent to a consumer, by id."""
        spelled: dict[str, list[bytes]] = {}
        config = StreamConfig(
            provider=Provider(kind.provider),
            stream_type=kind.stream_type,
            agent_id="agent",
            filters=ContactFilters(),
            given_filters={},
            batch_size=100,
            max_results=None,
            real_time=True,
            rate_limit_per_minute=60,
            include_raw=True,
        )
        for change in self.changes:
            body = update_body(config, change, Origin.BACKFILL)
            spelled.setdefault(change.item.id, []).append(body)
        return spelled

    def quotes(self) -> bool:
        """Whether content of the user's is in what is told or logged of failures."""
        said = [*self.errors, *(skipped.reason for skipped in self.skipped)]
        return any(CANARY in words for words in said)


async def read(link: HttpLink, connector: Connector) -> Found:
    """A whole backfill. Raises what stops a stream."""
    found = Found()
    resume: Position | None = None
    while True:
        step = await _tried(link, partial(connector.backfill, resume), found)
        found.changes += step.changes
        found.skipped += step.skipped
        resume = step.resume
        if resume is None:
            return found


async def bookmarked(link: HttpLink, connector: Connector) -> Found:
    """Where following begins. Raises what stops a stream."""
    found = Found()
    found.since = await _tried(link, connector.bookmark, found)
    return found


async def follow(link: HttpLink, connector: Connector, since: Position) -> Found:
    """All changes up to now. Raises what stops a stream."""
    found = Found(since=since)
    while True:
        step = await _tried(link, partial(connector.follow, found.since), found)
        found.changes += step.changes
        found.skipped += step.skipped
        found.since = step.since
        if not step.more:
            return found


async def _tried(link: HttpLink, reading: Callable[[], Reading[T]], found: Found) -> T:
    for _ in range(MAX_FAULTS - 1):
        try:
            return await link.perform(reading())
        except ProviderError as error:
            if error.remedy is not Remedy.BACK_OFF:
                raise
            found.errors.append(f"{error.message} {error.__cause__ or ''}")
    return await link.perform(reading())
