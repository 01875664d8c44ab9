"""Items: one message, thread, event, contact or file, in the same shape from every provider.

Unknown is null, never absent. Times are RFC 3339 in UTC ("2026-11-23T07:45:00Z"); an all-day
event's start and end are dates ("2026-11-23", the end exclusive). Addresses are bare.
"""

from typing import Final

import msgspec

BODY_TEXT_LIMIT: Final = 64 * 1024
"""Bytes of UTF-8 that `body_text` may hold; what is cut is named in `truncated`."""
BODY_HTML_LIMIT: Final = 256 * 1024
"""Bytes of UTF-8 that `body_html` may hold."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message that is not its text: metadata only. `size` is in bytes."""

    id: str
    name: str | None
    mime_type: str | None
    size: int | None


class ThreadMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A mail message without its bodies, as its thread lists it."""

    id: str
    thread_id: str | None
    subject: str | None
    sender: str | None = msgspec.field(name="from")
    from_name: str | None
    to: list[str]
    cc: list[str]
    bcc: list[str]
    date: str | None
    date_original: str | None
    """The Date header as it was written."""
    labels: list[str]
    unread: bool | None
    snippet: str | None
    attachments: list[Attachment]


class Message(ThreadMessage, frozen=True, kw_only=True):
    """One mail message."""

    body_text: str | None
    body_html: str | None
    truncated: list[str]
    """Names of the fields that were cut to their limit, or could not be read whole."""


class Attendee(msgspec.Struct, frozen=True, kw_only=True):
    """Someone invited. `response` is accepted, declined, tentative, needs_action or null."""

    email: str | None
    name: str | None
    response: str | None


class CalendarEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event: a single one, a series' master, or an exception in a series."""

    id: str
    calendar_id: str | None
    series_id: str | None
    subject: str | None
    organiser: str | None = msgspec.field(name="from")
    start: str | None
    end: str | None
    timezone: str | None
    all_day: bool | None
    status: str | None
    """confirmed, tentative or cancelled."""
    location: str | None
    attendees: list[Attendee]
    recurrence: list[str] | None
    """RFC 5545 lines (RRULE, EXDATE, ...) of a series' master."""
    body_text: str | None


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation. `from` is who began it; `labels` are those any of its messages has."""

    id: str
    subject: str | None
    sender: str | None = msgspec.field(name="from")
    participants: list[str]
    """Every address that wrote or was written to, each once, in order of appearance."""
    message_count: int | None
    last_date: str | None
    labels: list[str]
    messages: list[ThreadMessage]


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person or an organisation in the user's address book."""

    id: str
    subject: str | None
    """The display name."""
    emails: list[str]
    phones: list[str]
    organisation: str | None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder: its metadata, never its content."""

    id: str
    subject: str | None
    """The name."""
    owner: str | None = msgspec.field(name="from")
    mime_type: str | None
    size: int | None
    """Bytes; null for folders and for documents that have none."""
    parent_ids: list[str]
    trashed: bool | None
    created: str | None
    modified: str | None
    url: str | None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of a deleted item."""

    id: str


Item = Message | Thread | CalendarEvent | Contact | File | Gone
