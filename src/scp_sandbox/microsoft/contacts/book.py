"""An account's contacts in their folders, over the address book that both providers share.

The address book knows no folders. Here every eighth contact or so lies in a folder of its own
beside the default one, always the same for the same contact.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.graph.errors import GraphError, sync_state_lost
from scp_sandbox.world.addressbook import AddressBook
from scp_sandbox.world.contact import Contact
from scp_sandbox.world.people import User

DEFAULT = "contacts"
_TAG_BYTES = 6
_TAIL = "AAA="
_CONTACT, _IMMUTABLE, _FOLDER = "AAMkF", "AAkAF", "AAMkG"
_SHARE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of contacts."""

    id: str
    name: str
    parent: str


class Contacts:
    """The contacts of one account."""

    def __init__(self, user: User, *, seed: int, count: int, clock: Clock) -> None:
        self.user = user
        self.book = AddressBook(user, seed=seed, count=count, clock=clock)
        self.loss = sync_state_lost()
        self._tag = hashlib.sha256(f"contacts/{user.email}".encode()).digest()[:_TAG_BYTES]
        root = self._spelled(_FOLDER, b"root")
        self.default = Folder(id=self._spelled(_FOLDER, b"default"), name="Contacts", parent=root)
        self.suppliers = Folder(
            id=self._spelled(_FOLDER, b"suppliers"), name="Suppliers", parent=self.default.id
        )

    def folder(self, name: str) -> Folder | None:
        """The folder of this id, or the default one by its well-known name."""
        if name.lower() == DEFAULT:
            return self.default
        return next((f for f in (self.default, self.suppliers) if f.id == name), None)

    def folder_of(self, contact: Contact) -> Folder:
        """Where a contact lies."""
        return self.suppliers if int(contact.id, 16) % _SHARE == 0 else self.default

    def id_of(self, contact: Contact, *, immutable: bool) -> str:
        """A contact's id in one of the two id spaces."""
        return self._spelled(_IMMUTABLE if immutable else _CONTACT, bytes.fromhex(contact.id))

    def found(self, text: str) -> Contact | None:
        """The living contact of an id; None when there is none."""
        if not (text.startswith((_CONTACT, _IMMUTABLE)) and text.endswith(_TAIL)):
            return None
        blob = text[len(_CONTACT) : -len(_TAIL)]
        try:
            octets = base64.urlsafe_b64decode(blob.encode("ascii") + b"=" * (-len(blob) % 4))
        except (binascii.Error, ValueError):
            return None
        return self.book.get(octets[_TAG_BYTES:].hex()) if octets.startswith(self._tag) else None

    def forget_changes(self, loss: GraphError | None = None) -> None:
        """Lets every delta token given out so far die, to be refused with `loss`."""
        self.book.forget_changes()
        self.loss = loss or sync_state_lost()

    def _spelled(self, prefix: str, octets: bytes) -> str:
        return prefix + base64.urlsafe_b64encode(self._tag + octets).decode().rstrip("=") + _TAIL
