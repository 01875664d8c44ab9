"""The methods of contacts: paths, scopes, answers."""

from collections.abc import Callable
from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.contacts.book import Contacts, Folder
from scp_sandbox.microsoft.contacts.shapes import FOLDER, contact_kind
from scp_sandbox.microsoft.graph.asked import Asked, Method, path
from scp_sandbox.microsoft.graph.delta import delta_page, removed
from scp_sandbox.microsoft.graph.entities import DEFAULT_TOP, Kind, listing, owned, single
from scp_sandbox.microsoft.graph.errors import (
    bad_filter,
    bad_request,
    malformed_id,
    not_found,
    sync_state_invalid,
)
from scp_sandbox.microsoft.graph.links import opened
from scp_sandbox.world.contact import Contact

_SCOPES = frozenset(("Contacts.Read", "Contacts.ReadWrite"))


class Round(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Where a round stands.

    `since` is the change known before the round (None in a first one), `start` the counter when it
    began, `after` the change of the last row given.
    """

    place: str
    start: int
    select: tuple[str, ...] | None = None
    since: int | None = None
    after: int | None = None


class ContactsDesk:
    """Answers calls about contacts and their folders."""

    def __init__(self, contacts_of: Callable[[Account], Contacts]) -> None:
        self._contacts_of = contacts_of

    def contacts(self, asked: Asked) -> Reply:
        """`GET /me/contacts` and `…/contactFolders/{folder}/contacts`: one folder's contacts."""
        if asked.option("$search") is not None:
            raise bad_request("The query parameter '$search' is not supported for contacts.")
        if "emailaddresses" in (asked.option("$filter") or "").lower().partition("/any(")[0]:
            _check_filter(asked.option("$filter") or "")
        contacts, folder = self._contacts(asked), self._folder(asked)
        found = [c for c in contacts.book if contacts.folder_of(c) == folder]
        found.sort(key=lambda c: (c.created_us, c.id))
        kind = contact_kind(contacts)
        place, context = _place(contacts, folder), owned(asked, "contacts")
        return listing(kind, found, asked, place=place, context=context)

    def contact(self, asked: Asked) -> Reply:
        """`GET /me/contacts/{id}`."""
        contacts, text = self._contacts(asked), asked.at["contact"]
        found = contacts.found(text)
        if found is None:
            raise not_found() if text.startswith("AA") else malformed_id()
        return single(contact_kind(contacts), found, asked, context=owned(asked, "contacts"))

    def folders(self, asked: Asked) -> Reply:
        """`GET /me/contactFolders`: what lies beside the default folder, which is not told."""
        found = [self._contacts(asked).suppliers]
        context = owned(asked, "contactFolders")
        return listing(FOLDER, found, asked, place="me/contactFolders", context=context)

    def folder(self, asked: Asked) -> Reply:
        """`GET /me/contactFolders/{folder}`."""
        return single(FOLDER, self._folder(asked), asked, context=owned(asked, "contactFolders"))

    def folder_delta(self, asked: Asked) -> Reply:
        """`GET /me/contactFolders/delta`: folders never change here."""
        contacts = self._contacts(asked)
        at = self._round(asked, contacts, "folders", FOLDER)
        items = []
        if at.since is None:
            items = [FOLDER.show(contacts.suppliers, asked, at.select, typed=True)]
        ahead = msgspec.structs.replace(at, since=contacts.book.change)
        place = "me/contactFolders/delta"
        return delta_page(asked, "contactFolder", place, items, ahead, more=False)

    def delta(self, asked: Asked) -> Reply:
        """`…/contacts/delta`: one folder's changes."""
        contacts, folder = self._contacts(asked), self._folder(asked)
        kind = contact_kind(contacts)
        at = self._round(asked, contacts, folder.id, kind)
        after = at.after if at.after is not None else at.since or 0
        rows = [
            contact
            for contact in contacts.book.changed_since(after)
            if contacts.folder_of(contact) == folder and _tells(at, contact)
        ]
        size = asked.prefer.page or DEFAULT_TOP
        more = len(rows) > size
        shown = rows[:size]
        if more:
            ahead = msgspec.structs.replace(at, after=shown[-1].change)
        else:
            ahead = msgspec.structs.replace(at, since=contacts.book.change, after=None)
        place = f"{_place(contacts, folder)}/delta"
        items = [_told(asked, contacts, kind, at, contact) for contact in shown]
        return delta_page(asked, "contact", place, items, ahead, more=more)

    def _round(self, asked: Asked, contacts: Contacts, place: str, kind: Kind[Any]) -> Round:
        token = asked.option("$deltatoken") or asked.option("$skiptoken")
        if token is None:
            for name in ("$filter", "$orderby", "$search", "$expand"):
                if asked.option(name) is not None:
                    raise bad_request(f"The query parameter '{name}' is not supported with delta.")
            select = kind.selected(asked)
            return Round(place=place, start=contacts.book.change, select=select)
        at = opened(token, Round)
        if at.place != place:
            raise sync_state_invalid()
        if (at.start if at.since is None else at.since) < contacts.book.floor:
            raise contacts.loss
        return at

    def _contacts(self, asked: Asked) -> Contacts:
        return self._contacts_of(asked.account)

    def _folder(self, asked: Asked) -> Folder:
        contacts = self._contacts(asked)
        name = asked.at.get("folder")
        found = contacts.default if name is None else contacts.folder(name)
        if found is None:
            raise not_found()
        return found


def _tells(at: Round, contact: Contact) -> bool:
    """Deleted ones are told if they may be known: in a first round those deleted during it."""
    return not contact.deleted or at.since is not None or contact.change > at.start


def _told(
    asked: Asked, contacts: Contacts, kind: Kind[Contact], at: Round, contact: Contact
) -> dict[str, Any]:
    if contact.deleted:
        return removed("contact", contacts.id_of(contact, immutable=asked.prefer.immutable))
    return kind.show(contact, asked, at.select, typed=True)


def _place(contacts: Contacts, folder: Folder) -> str:
    if folder == contacts.default:
        return "me/contacts"
    return f"me/contactFolders('{folder.id}')/contacts"


def _check_filter(text: str) -> None:
    """On addresses Outlook takes `any(a:a/address eq '…')` and nothing else."""
    if "/any(" not in text or " eq " not in text:
        raise bad_filter("Only any() with eq is supported on emailAddresses.")


def contacts_methods(contacts_of: Callable[[Account], Contacts]) -> tuple[Method, ...]:
    """The methods, the more particular paths first."""
    desk = ContactsDesk(contacts_of)
    folder = "/me/contactFolders/{folder}"
    rows: tuple[tuple[str, str, Callable[[Asked], Reply]], ...] = (
        ("contactFolders.delta", "/me/contactFolders/delta", desk.folder_delta),
        ("contactFolders.list", "/me/contactFolders", desk.folders),
        ("contactFolders.get", folder, desk.folder),
        ("contacts.delta", "/me/contacts/delta", desk.delta),
        ("contacts.delta", f"{folder}/contacts/delta", desk.delta),
        ("contacts.list", f"{folder}/contacts", desk.contacts),
        ("contacts.list", "/me/contacts", desk.contacts),
        ("contacts.get", "/me/contacts/{contact}", desk.contact),
        ("contacts.get", folder + "/contacts/{contact}", desk.contact),
    )
    return tuple(
        Method(service="contacts", name=name, path=path(where), scopes=_SCOPES, answer=answer)
        for name, where, answer in rows
    )
