"""Contacts and their folders as Graph's JSON."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scp_sandbox.microsoft.contacts.book import Contacts, Folder
from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.entities import Kind
from scp_sandbox.world.contact import Contact

# Outlook has room for so many addresses.
MOST_ADDRESSES = 3
_NULL = (
    "assistantName", "birthday", "businessHomePage", "department", "generation", "initials",
    "manager", "middleName", "nickName", "officeLocation", "profession", "spouseName", "title",
    "yomiCompanyName", "yomiGivenName", "yomiSurname",
)  # fmt: skip

FOLDER: Kind[Folder] = Kind(
    name="contactFolder",
    properties={
        "id": lambda f, _: f.id,
        "parentFolderId": lambda f, _: f.parent,
        "displayName": lambda f, _: f.name,
    },
)


def contact_kind(contacts: Contacts) -> Kind[Contact]:
    """The kind of an account's contacts."""
    return Kind(name="contact", properties=_contact(contacts), etag=etag)


def etag(contact: Contact) -> str:
    """The entity tag: the change key within."""
    return f'W/"{change_key(contact)}"'


def change_key(contact: Contact) -> str:
    """Names one state of a contact."""
    digest = hashlib.sha256(f"{contact.id}/{contact.updated_us}".encode()).digest()[:14]
    return "EQAAABYAAAC" + base64.b64encode(digest).decode()


def _contact(contacts: Contacts) -> dict[str, Callable[[Contact, Asked], Any]]:
    return {
        "id": lambda c, a: contacts.id_of(c, immutable=a.prefer.immutable),
        "createdDateTime": lambda c, _: _stamp(c.created_us),
        "lastModifiedDateTime": lambda c, _: _stamp(c.updated_us),
        "changeKey": lambda c, _: change_key(c),
        "categories": lambda _, __: [],
        "parentFolderId": lambda c, _: contacts.folder_of(c).id,
        "fileAs": lambda c, _: f"{c.family}, {c.given}" if c.family else c.given,
        "displayName": lambda c, _: c.display,
        "givenName": lambda c, _: c.given,
        "surname": lambda c, _: c.family or None,
        "companyName": lambda c, _: c.company,
        "jobTitle": lambda c, _: c.title,
        "imAddresses": lambda _, __: [],
        "children": lambda _, __: [],
        "personalNotes": lambda c, _: c.notes or "",
        "businessPhones": lambda c, _: _phones(c, "work", "other"),
        "homePhones": lambda c, _: _phones(c, "home"),
        "mobilePhone": lambda c, _: next(iter(_phones(c, "mobile")), None),
        "emailAddresses": lambda c, _: _addresses(c),
        "homeAddress": lambda _, __: {},
        "businessAddress": lambda _, __: {},
        "otherAddress": lambda _, __: {},
        **dict.fromkeys(_NULL, _nothing),
    }


def _nothing(_: Contact, __: Asked) -> None:
    return None


def _phones(contact: Contact, *kinds: str) -> list[str]:
    return [phone.value for phone in contact.phones if phone.kind in kinds]


def _addresses(contact: Contact) -> list[dict[str, str]]:
    shown = contact.emails[:MOST_ADDRESSES]
    return [{"name": contact.display, "address": email.value} for email in shown]


def _stamp(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
