"""The delegated permissions that are asked for at Microsoft (providers.md 11): data only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_wire.stream_types import StreamType

SIGN_IN: Final = ("openid", "profile", "email", "offline_access", "User.Read")
"""Asked for in every consent: who it is, and a refresh token."""

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
