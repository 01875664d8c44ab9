"""A Google person's JSON to a Contact. What is missing or odd becomes null; nothing raises but a
person without a resource name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import identifier, items, text, texts, thing
from scp_server.providers.lengths import capped
from scp_wire.items import Contact

LINE_LIMIT: Final = 4096
VALUE_LIMIT: Final = 200
"""Google lists at most 100 addresses and numbers of a person (People connections.list)."""

_SEARCHED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "names": ("displayName", "unstructuredName"),
        "nicknames": ("value",),
        "emailAddresses": ("value",),
        "phoneNumbers": ("value", "canonicalForm"),
        "organizations": ("name", "title"),
    }
)


def contact(body: Mapping[str, Any]) -> Contact:
    """The contact.

    Raises: ProviderProtocolError when it has no resource name.
    """
    name = _primary(body, "names")
    return Contact(
        id=_named(body),
        subject=_line(name.get("displayName")) or _line(name.get("unstructuredName")),
        emails=_values(body, "emailAddresses"),
        phones=_values(body, "phoneNumbers"),
        organisation=_line(_primary(body, "organizations").get("name")),
    )


def contact_id(body: Mapping[str, Any]) -> str | None:
    """Its resource name ("people/c1"); None when it has none."""
    return identifier(body.get("resourceName"))


def contact_version(body: Mapping[str, Any]) -> str:
    """Its etag."""
    return text(body.get("etag")) or ""


def is_deleted(body: Mapping[str, Any]) -> bool:
    """Whether a sync says that it is gone."""
    return thing(body.get("metadata")).get("deleted") is True


def former_ids(body: Mapping[str, Any]) -> list[str]:
    """Resource names it had before, as a sync tells them."""
    named = texts(thing(body.get("metadata")).get("previousResourceNames"))
    return [name for name in dict.fromkeys(named) if name and name != contact_id(body)]


def searchable(body: Mapping[str, Any]) -> list[str]:
    """What Google's own search of contacts looks at (People API, people.searchContacts)."""
    return [
        found
        for field, names in _SEARCHED.items()
        for entry in items(body.get(field))
        for name in names
        if (found := text(thing(entry).get(name)))
    ]


def _named(body: Mapping[str, Any]) -> str:
    identity = contact_id(body)
    if identity is None:
        raise ProviderProtocolError("Google sent a person without a resource name.")
    return identity


def _primary(body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    entries = [thing(entry) for entry in items(body.get(field))]
    primary = (e for e in entries if thing(e.get("metadata")).get("primary") is True)
    return next(primary, entries[0] if entries else {})


def _values(body: Mapping[str, Any], field: str) -> list[str]:
    found = (_line(thing(entry).get("value")) for entry in items(body.get(field)))
    return list(dict.fromkeys(value for value in found if value))[:VALUE_LIMIT]


def _line(value: object) -> str | None:
    line = text(value)
    return None if line is None else capped(line, LINE_LIMIT)[0]
