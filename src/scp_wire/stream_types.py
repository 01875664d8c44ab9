"""The seven kinds of stream, and who can serve them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Provider(StrEnum):
    """Who holds the user's data."""

    GOOGLE = "google"
    MICROSOFT = "microsoft"


class StreamType(StrEnum):
    """What a stream reads; the names are the guide's."""

    GMAIL_MESSAGES = "gmail_messages"
    GMAIL_THREADS = "gmail_threads"
    CALENDAR_EVENTS = "calendar_events"
    OUTLOOK_MESSAGES = "outlook_messages"
    OUTLOOK_EVENTS = "outlook_events"
    CONTACTS = "contacts"
    FILES = "files"


_BOTH: Final = frozenset(Provider)
_GOOGLE: Final = frozenset({Provider.GOOGLE})
_MICROSOFT: Final = frozenset({Provider.MICROSOFT})

PROVIDERS_OF: Final[Mapping[StreamType, frozenset[Provider]]] = MappingProxyType(
    {
        StreamType.GMAIL_MESSAGES: _GOOGLE,
        StreamType.GMAIL_THREADS: _GOOGLE,
        StreamType.CALENDAR_EVENTS: _GOOGLE,
        StreamType.OUTLOOK_MESSAGES: _MICROSOFT,
        StreamType.OUTLOOK_EVENTS: _MICROSOFT,
        StreamType.CONTACTS: _BOTH,
        StreamType.FILES: _BOTH,
    }
)
"""Which providers can serve a type; a session of another one is refused."""

DATA_TYPES: Final[Mapping[StreamType, str]] = MappingProxyType(
    {
        StreamType.GMAIL_MESSAGES: "gmail_messages_message",
        StreamType.GMAIL_THREADS: "gmail_threads_thread",
        StreamType.CALENDAR_EVENTS: "calendar_events_event",
        StreamType.OUTLOOK_MESSAGES: "outlook_messages_message",
        StreamType.OUTLOOK_EVENTS: "outlook_events_event",
        StreamType.CONTACTS: "contacts_contact",
        StreamType.FILES: "files_file",
    }
)
"""`data.data_type` of a `data_update` of each type."""
