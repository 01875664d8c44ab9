"""Filters of each stream type. Unknown names are refused, never ignored."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from scp_wire.stream_types import StreamType

Query = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class MailFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Gmail messages and threads. `query` is Gmail's search syntax; every label must be there."""

    query: Query | None = None
    label_ids: Annotated[tuple[Label, ...], msgspec.Meta(max_length=100)] | None = None
    include_spam_trash: bool = False


class EventFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Calendar events that end after `time_min`, start before `time_max` and contain `query`."""

    time_min: Moment | None = None
    time_max: Moment | None = None
    query: Query | None = None


class OutlookMailFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Outlook messages: OData `filter`, KQL `search`."""

    filter: Query | None = None
    search: Query | None = None


class ContactFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contacts in which a phrase of a name, address, number or organisation begins with `query`."""

    query: Query | None = None


class FileFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files by name (each word of `query` begins a word of it) and MIME type; the bin on demand."""

    query: Query | None = None
    mime_types: Annotated[tuple[Label, ...], msgspec.Meta(max_length=100)] | None = None
    include_trashed: bool = False


Filters = MailFilters | EventFilters | OutlookMailFilters | ContactFilters | FileFilters

FILTERS_OF: Final[Mapping[StreamType, type[Filters]]] = MappingProxyType(
    {
        StreamType.GMAIL_MESSAGES: MailFilters,
        StreamType.GMAIL_THREADS: MailFilters,
        StreamType.CALENDAR_EVENTS: EventFilters,
        StreamType.OUTLOOK_MESSAGES: OutlookMailFilters,
        StreamType.OUTLOOK_EVENTS: EventFilters,
        StreamType.CONTACTS: ContactFilters,
        StreamType.FILES: FileFilters,
    }
)
