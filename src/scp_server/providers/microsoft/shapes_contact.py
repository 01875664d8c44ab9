"""A Graph contact's JSON to a Contact. What is missing or odd becomes null."""

from collections.abc import Mapping
from typing import Any, Final

from scp_server.providers.foreign import items, text, texts, thing
from scp_server.providers.microsoft.values import identity_of, short
from scp_wire.items import Contact

SELECT: Final = (
    "id,changeKey,createdDateTime,lastModifiedDateTime,parentFolderId,displayName,givenName,"
    "surname,companyName,emailAddresses,businessPhones,homePhones,mobilePhone"
)
MOST: Final = 100
"""Addresses or numbers of one contact."""


def contact_of(body: Mapping[str, Any]) -> Contact:
    """The contact.

    Raises: ProviderProtocolError when it has no id.
    """
    emails = (text(thing(entry).get("address")) for entry in items(body.get("emailAddresses")))
    mobile = text(body.get("mobilePhone"))
    phones = [*texts(body.get("businessPhones")), *texts(body.get("homePhones"))]
    return Contact(
        id=identity_of(body, "a contact"),
        subject=short(body.get("displayName")) or _composed(body),
        emails=[email.strip() for email in emails if email and email.strip()][:MOST],
        phones=[phone for phone in (*phones, mobile) if phone][:MOST],
        organisation=short(body.get("companyName")) or None,
    )


def _composed(body: Mapping[str, Any]) -> str | None:
    names = (short(body.get(part)) for part in ("givenName", "surname"))
    return " ".join(name for name in names if name) or None
