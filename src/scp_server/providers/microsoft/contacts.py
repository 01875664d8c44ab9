"""contacts at Microsoft: the default folder of contacts and all others, each by delta queries."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.foreign import identifier, items, text, texts, thing
from scp_server.providers.microsoft.delta import OUTLOOK, OUTLOOK_DELTA, is_removed, walk
from scp_server.providers.microsoft.following import FolderFollowing
from scp_server.providers.microsoft.listing import DeltaListing
from scp_server.providers.microsoft.shapes_contact import SELECT, contact_of
from scp_server.providers.microsoft.values import version_of
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.words import begins_phrase, phrase
from scp_wire.events import ChangeKind
from scp_wire.filters import ContactFilters

_ME: Final = "/v1.0/me"
DEFAULT: Final = ""
"""The default folder, which Graph does not list among the folders."""
TOUCHED: Final = "id,createdDateTime,lastModifiedDateTime,changeKey,parentFolderId,displayName"


class OutlookContacts:
    """A connector (ports.connector) of one address book under one stream's filters."""

    def __init__(self, filters: ContactFilters, *, max_results: int | None = None) -> None:
        contacts, unreadable = _Contacts(filters), Unreadable()
        self._listing = DeltaListing(contacts, unreadable, max_results=max_results)
        self._following = FolderFollowing(contacts, unreadable)

    def bookmark(self) -> Reading[Position]:
        """A delta link for each folder."""
        return (yield from self._following.bookmark())

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next contacts, folder by folder."""
        self._following.doubt.listed()
        return (yield from self._listing.backfill(resume))

    def follow(self, since: Position) -> Reading[Followed]:
        """What changed in any folder."""
        return (yield from self._following.follow(since))


class _Contacts:
    """Collections (following) and Listed (listing) of one address book."""

    what = "a contact"
    own: tuple[str, ...] = (DEFAULT,)

    def __init__(self, filters: ContactFilters) -> None:
        self._phrase = phrase(filters.query or "")
        self.folders: Ask | None = Ask(
            method="graph.contactFolders.delta",
            base="graph_url",
            path=f"{_ME}/contactFolders/delta",
            headers=OUTLOOK_DELTA,
        )

    def sources(self) -> Reading[list[str]]:
        """The folders there are, the default one first."""
        found: list[str] = []
        if self.folders is not None:
            listed, _ = yield from walk(self.folders, "", "a folder")
            found = [f for e in listed if not is_removed(e) and (f := self.folder(e))]
        return [DEFAULT, *found]

    def folder(self, entry: Mapping[str, Any]) -> str | None:
        """The folder an entry of the listing names."""
        return identifier(entry.get("id"))

    def round(self, folder: str) -> Ask:
        """The start of a folder's delta query, with what tells that a contact changed."""
        return self._delta(folder, TOUCHED)

    def listing(self, source: str) -> Ask:
        """The start of a folder's delta query, with whole contacts."""
        return self._delta(source, SELECT)

    def touched(self, entry: Mapping[str, Any]) -> str | None:
        """Whose state an entry of a round says something of."""
        return identifier(entry.get("id"))

    def get(self, item: str) -> Ask:
        """A contact as it is now."""
        return Ask(
            method="graph.contacts.get",
            base="graph_url",
            path=f"{_ME}/contacts/{quote(item, safe='')}",
            params=(("$select", SELECT),),
            headers=OUTLOOK,
            absent_ok=True,
            one_of_many=True,
        )

    def is_item(self, body: Mapping[str, Any]) -> bool:
        """Whatever is found by a contact's id is one."""
        return bool(body)

    def left(self, body: Mapping[str, Any], folder: str) -> bool:
        """What is removed from a folder and is there has moved."""
        del body, folder
        return False

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

    def _delta(self, folder: str, select: str) -> Ask:
        inner = "" if folder == DEFAULT else f"/contactFolders/{quote(folder, safe='')}"
        return Ask(
            method="graph.contacts.delta",
            base="graph_url",
            path=f"{_ME}{inner}/contacts/delta",
            params=(("$select", select),),
            headers=OUTLOOK_DELTA,
            absent_ok=folder != DEFAULT,
        )


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    """What a query is held against: what Google's search of contacts has, as far as it is here."""
    for name in ("displayName", "givenName", "surname", "companyName", "mobilePhone"):
        yield text(body.get(name)) or ""
    for entry in items(body.get("emailAddresses")):
        yield text(thing(entry).get("address")) or ""
        yield text(thing(entry).get("name")) or ""
    for name in ("businessPhones", "homePhones"):
        yield from texts(body.get(name))
