"""Graph's values, read without believing them: ids, versions, times, addresses."""

from collections.abc import Mapping
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import identifier, items, text, thing
from scp_server.providers.lengths import capped
from scp_server.providers.moments import parsed, utc

LINE_LIMIT: Final = 4096
"""Bytes of a line such as a subject."""
ADDRESS_LIMIT: Final = 2000
_UNSET_YEAR: Final = 1
"""Graph writes 0001-01-01T00:00:00Z for a time that is not set."""


def identity_of(body: Mapping[str, Any], what: str) -> str:
    """The id of a thing.

    Raises: ProviderProtocolError when it has none.
    """
    identity = identifier(body.get("id"))
    if not identity:
        raise ProviderProtocolError(f"Microsoft sent {what} without an id.")
    return identity


def version_of(body: Mapping[str, Any]) -> str:
    """Its change key, or the entity tag that holds it."""
    for name in ("changeKey", "eTag", "@odata.etag"):
        version = text(body.get(name))
        if version:
            return version
    return ""


def moment_of(value: object) -> str | None:
    """A time as RFC 3339 in UTC; None when unset or none."""
    at = parsed(text(value) or "")
    if at is None or at.year == _UNSET_YEAR:
        return None
    return utc(at)


def short(value: object) -> str | None:
    """A line of text within its limit."""
    line = text(value)
    return None if line is None else capped(line, LINE_LIMIT)[0]


def address_of(recipient: object) -> str | None:
    """The bare address of a recipient. Exchange's inner addresses without an @ are none."""
    address = text(thing(thing(recipient).get("emailAddress")).get("address"))
    return address.strip() if address and "@" in address else None


def name_of(recipient: object) -> str | None:
    """The name of a recipient; none where it only repeats the address."""
    mailbox = thing(thing(recipient).get("emailAddress"))
    name = short(mailbox.get("name"))
    return name if name and name != mailbox.get("address") else None


def addresses_of(recipients: object) -> list[str]:
    """The bare addresses of recipients."""
    found = (address_of(recipient) for recipient in items(recipients)[:ADDRESS_LIMIT])
    return [address for address in found if address]
