"""People resources. Pure.

https://developers.google.com/people/api/rest/v1/people
"""

import base64
from datetime import UTC, datetime
from typing import Any

from scp_sandbox.world.contact import Contact, Handle
from scp_sandbox.world.people import User

Json = dict[str, Any]

MOST_LINES = 100


def resource_name(number: int) -> str:
    """The name of a contact's resource."""
    return f"people/c{number}"


def person(contact: Contact, fields: frozenset[str], *, syncing: bool = False) -> Json:
    """A contact with the fields asked for.

    In a sync round (`syncing`) a deleted one is little more than its name, and one that had other
    names tells them, whatever was asked for.
    """
    body: Json = {
        "resourceName": resource_name(contact.number),
        "etag": "%Eg" + base64.b64encode(f"{contact.id}{contact.change}".encode()).decode(),
    }
    metadata = _metadata(contact, syncing=syncing)
    if contact.deleted:
        return {**body, "metadata": metadata}
    if "metadata" in fields or "previousResourceNames" in metadata:
        body["metadata"] = metadata
    for name, rows in _rows(contact).items():
        if name in fields and rows:
            body[name] = rows
    return body


def profile(user: User, fields: frozenset[str]) -> Json:
    """The user's own profile, `people/me`."""
    given, _, family = user.person.name.partition(" ")
    source = {"type": "PROFILE", "id": user.sub}
    first = {"primary": True, "source": source, "sourcePrimary": True}
    account = {"primary": True, "verified": True, "source": {"type": "ACCOUNT", "id": user.sub}}
    body: Json = {
        "resourceName": f"people/{user.sub}",
        "etag": "%Eg" + base64.b64encode(user.sub.encode()).decode(),
        "metadata": {
            "sources": [{**source, "profileMetadata": {"objectType": "PERSON"}}],
            "objectType": "PERSON",
        },
        "names": [{"metadata": first, **_name(given, family)}],
        "emailAddresses": [{"metadata": account, "value": user.email}],
    }
    kept = {"resourceName", "etag", *fields}
    return {name: value for name, value in body.items() if name in kept}


def moment(microseconds: int) -> str:
    """A moment with its fraction, in UTC."""
    at = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"


def _metadata(contact: Contact, *, syncing: bool) -> Json:
    source: Json = {
        "type": "CONTACT",
        "id": contact.id,
        "etag": "#" + base64.b64encode(contact.change.to_bytes(6)).decode(),
        "updateTime": moment(contact.updated_us),
    }
    body: Json = {"sources": [source], "objectType": "PERSON"}
    if contact.former:  # renamed, because it is linked with a profile
        linked = {"type": "PROFILE", "id": str(contact.number)}
        body["sources"].append({**linked, "profileMetadata": {"objectType": "PERSON"}})
        if syncing:
            body["previousResourceNames"] = [resource_name(n) for n in contact.former]
    if contact.deleted:
        body["deleted"] = True
    return body


def _rows(contact: Contact) -> dict[str, list[Json]]:
    source = {"type": "CONTACT", "id": contact.id}
    first = {"primary": True, "source": source}
    group = {"contactGroupId": "myContacts", "contactGroupResourceName": "contactGroups/myContacts"}
    work = {"name": contact.company, "title": contact.title}
    name = {"metadata": {**first, "sourcePrimary": True}, **_name(contact.given, contact.family)}
    return {
        "names": [name] if contact.display else [],
        "emailAddresses": _handles(contact.emails, source),
        "phoneNumbers": [
            {**row, "canonicalForm": "+" + "".join(c for c in row["value"] if c.isdecimal())}
            for row in _handles(contact.phones, source)
        ],
        "organizations": [{"metadata": first, **{k: v for k, v in work.items() if v}}]
        if contact.company or contact.title
        else [],
        "biographies": [
            {"metadata": first, "value": contact.notes, "contentType": "TEXT_PLAIN"},
        ]
        if contact.notes
        else [],
        "memberships": [{"metadata": {"source": source}, "contactGroupMembership": group}],
    }


def _name(given: str, family: str) -> Json:
    display = f"{given} {family}".strip()
    body = {
        "displayName": display,
        "familyName": family,
        "givenName": given,
        "displayNameLastFirst": f"{family}, {given}" if family and given else display,
        "unstructuredName": display,
    }
    return {name: value for name, value in body.items() if value}


def _handles(handles: tuple[Handle, ...], source: Json) -> list[Json]:
    return [
        {
            "metadata": {"primary": True, "source": source} if place == 0 else {"source": source},
            "value": handle.value,
            "type": handle.kind,
            "formattedType": handle.kind.capitalize(),
        }
        for place, handle in enumerate(handles[:MOST_LINES])
    ]
