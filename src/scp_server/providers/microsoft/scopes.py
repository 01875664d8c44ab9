"""The delegated permissions that reading asks for at Microsoft: data only.

What sign-in itself needs is the authority's (oauth).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_wire.stream_types import StreamType

READING: Final[Mapping[StreamType, str]] = MappingProxyType(
    {
        StreamType.OUTLOOK_MESSAGES: "Mail.Read",
        StreamType.OUTLOOK_EVENTS: "Calendars.Read",
        StreamType.CONTACTS: "Contacts.Read",
        StreamType.FILES: "Files.Read",
    }
)
"""The least that each stream type cannot do without."""

BROADER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Mail.Read": ("Mail.ReadWrite",),
        "Calendars.Read": ("Calendars.ReadWrite",),
        "Contacts.Read": ("Contacts.ReadWrite",),
        "Files.Read": ("Files.Read.All", "Files.ReadWrite", "Files.ReadWrite.All"),
    }
)
"""Permissions that allow what a smaller one allows; an imported grant may have them instead."""
