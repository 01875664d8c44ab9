"""JSON Schemas (draft 2020-12) of what a payload and a stream's filters may hold, by version.

A version is a promise: fields may be added to an item, none is renamed, retyped or taken away. What
breaks that promise is a new version beside the old one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from scp_wire.filters import (
    ContactFilters,
    EventFilters,
    FileFilters,
    MailFilters,
    OutlookMailFilters,
)
from scp_wire.items import CalendarEvent, Contact, File, Gone, Message, Thread

VERSION: Final = "v1"

_TYPES: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {
        "message": Message,
        "thread": Thread,
        "event": CalendarEvent,
        "contact": Contact,
        "file": File,
        "gone": Gone,
        "mail_filters": MailFilters,
        "event_filters": EventFilters,
        "outlook_mail_filters": OutlookMailFilters,
        "contact_filters": ContactFilters,
        "file_filters": FileFilters,
    }
)


def schemas() -> dict[str, dict[str, Any]]:
    """Each schema by its name; definitions it needs are within it, under `$defs`."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:scp:{VERSION}:{name}",
            **msgspec.json.schema(kind),
        }
        for name, kind in _TYPES.items()
    }
