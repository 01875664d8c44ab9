"""contacts at Microsoft: the default folder of contacts and all others, each by delta queries."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading, Reply
from scp_server.providers.foreign import items, text, texts, thing
from scp_server.providers.microsoft.folders import DEFAULT, InFolders, Naming
from scp_server.providers.microsoft.following import FolderFollowing
from scp_server.providers.microsoft.listing import DeltaListing
from scp_server.providers.microsoft.shapes_contact import SELECT, contact_of
from scp_server.providers.microsoft.values import version_of
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.words import begins_phrase, phrase
from scp_wire.events import ChangeKind
from scp_wire.filters import ContactFilters

TOUCHED: Final = "id,createdDateTime,lastModifiedDateTime,changeKey,parentFolderId,displayName"
_NAMING: Final = Naming(items="contacts", folders="contactFolders", select=SELECT, touched=TOUCHED)


class OutlookContacts:
    """A connector (ports.connector) of one address book under one stream's filters."""

    def __init__(self, filters: ContactFilters, *, max_results: int | None = None) -> None:
        unreadable = Unreadable()
        self._contacts = contacts = _Contacts(filters, unreadable)
        self._listing = DeltaListing(contacts, unreadable, max_results=max_results)
        self._following = FolderFollowing(contacts, unreadable)

    def bookmark(self) -> Reading[Position]:
        """A delta link for each folder."""
        return (yield from self._following.bookmark())

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next contacts, folder by folder."""
        self._following.doubt.listed()
        return self._contacts.told((yield from self._listing.backfill(resume)))

    def follow(self, since: Position) -> Reading[Followed]:
        """What changed in any folder."""
        return self._contacts.told((yield from self._following.follow(since)))


class _Contacts(InFolders):
    """Collections (following) and Listed (listing) of one address book."""

    what = "a contact"
    own: tuple[str, ...] = (DEFAULT,)

    def __init__(self, filters: ContactFilters, unreadable: Unreadable) -> None:
        super().__init__(_NAMING, unreadable)
        self._phrase = phrase(filters.query or "")

    def sources(self) -> Reading[list[str]]:
        """The folders there are, the default one first."""
        listed = yield from self.folders("", live=False)
        return [*self.own, *listed.there]

    def prepare(self) -> Reading[None]:
        """A contact needs nothing else."""
        yield from ()

    def fill(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[None]:
        """A contact comes with all it has."""
        del bodies
        yield from ()

    def complete(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[dict[str, Reply]]:
        """In a first round, entries are whole contacts."""
        yield from ()
        return {identity: Reply(body=body) for identity, body in bodies.items()}

    def created(self, body: dict[str, Any]) -> Change | None:
        """A contact of the backfill; None when it is not in the stream's filters."""
        return self.change(body, ChangeKind.CREATED)

    def change(self, body: dict[str, Any], kind: ChangeKind) -> Change | None:
        """The change; None when the contact is not in the stream's filters."""
        if self._phrase and not begins_phrase(self._phrase, _texts(body)):
            return None
        return Change(kind=kind, item=contact_of(body), version=version_of(body), raw=body)


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    """What a query is held against: what Google's search of contacts has, as far as it is here."""
    for name in ("displayName", "givenName", "surname", "companyName", "mobilePhone"):
        yield text(body.get(name)) or ""
    for entry in items(body.get("emailAddresses")):
        yield text(thing(entry).get("address")) or ""
        yield text(thing(entry).get("name")) or ""
    for name in ("businessPhones", "homePhones"):
        yield from texts(body.get(name))
