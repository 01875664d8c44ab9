"""One user's address book: who is in it now, and what changed since when.

Knows nothing of any provider: Google People and Microsoft Graph both read it, each spelling ids,
names and deletions its own way. `AddressBook.change` is a counter that every change raises;
`changed_since(n)` gives the latest state of each contact that changed after `n`, deleted ones too.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scp_sandbox.clock import Clock
from scp_sandbox.world.addressplan import plan_addressbook
from scp_sandbox.world.contact import Contact, Handle
from scp_sandbox.world.people import User

_MOST_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a new contact says; see `Contact`."""

    given: str
    family: str = ""
    emails: tuple[Handle, ...] = ()
    phones: tuple[Handle, ...] = ()
    company: str | None = None
    title: str | None = None
    notes: str | None = None


class AddressBook:
    """An address book. Every change goes through a verb here and counts `change` up.

    `floor` is the oldest counter from which changes can still be asked for; `forget_changes`
    raises it, so that both providers' positions given out so far are dead.
    """

    def __init__(self, user: User, *, seed: int, count: int, clock: Clock) -> None:
        self.user = user
        self.floor = 0
        self._clock = clock
        self._rng = random.Random(f"{seed}/{user.sub}/contacts/life")  # noqa: S311
        # In order of `change`, the latest last: a change takes its contact out and puts it back.
        self._kept = {c.id: c for c in plan_addressbook(user, seed, count)}
        self._ids = {c.number: c.id for c in self._kept.values()}
        self.change = len(self._kept)
        self.updated_us = max((c.updated_us for c in self._kept.values()), default=0)

    # -- reading ---------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Contact]:
        """The living contacts, the least recently changed first."""
        return (c for c in self._kept.values() if not c.deleted)

    def __len__(self) -> int:
        return sum(not c.deleted for c in self._kept.values())

    def get(self, identity: str) -> Contact | None:
        """The contact as it is now; None for a deleted one too."""
        found = self._kept.get(identity)
        return None if found is None or found.deleted else found

    def by_number(self, number: int) -> Contact | None:
        """The living contact that has, or once had, this public number."""
        identity = self._ids.get(number)
        return self.get(identity) if identity else None

    def changed_since(self, change: int) -> Iterator[Contact]:
        """The latest state of all that changed after `change`, oldest change first."""
        recent = []
        for contact in reversed(self._kept.values()):
            if contact.change <= change:
                break
            recent.append(contact)
        return reversed(recent)

    # -- changing --------------------------------------------------------------------------------

    def create(self, entry: Entry) -> Contact:
        """Puts a new contact in."""
        contact = Contact(
            id=self._new_id(),
            number=self._new_number(),
            change=0,
            created_us=self._clock.now_us(),
            updated_us=0,
            given=entry.given,
            family=entry.family,
            emails=entry.emails[:_MOST_LINES],
            phones=entry.phones[:_MOST_LINES],
            company=entry.company,
            title=entry.title,
            notes=entry.notes,
        )
        return self._keep(contact)

    def update(self, identity: str, **fields: object) -> Contact:
        """Changes fields of a living contact.

        Raises:
            KeyError: when there is no such contact.
        """
        return self._keep(replace(self._living(identity), **fields))  # type: ignore[arg-type]

    def delete(self, identity: str) -> Contact:
        """Deletes a contact; what is left of it says so in `changed_since`.

        Raises:
            KeyError: when there is no such contact.
        """
        return self._keep(replace(self._living(identity), deleted=True))

    def merge(self, kept: str, other: str) -> Contact:
        """Makes one of two: `kept` gains what the other had, the other is deleted.

        Raises:
            KeyError: when one of them is not here, or both are the same.
        """
        if kept == other:
            raise KeyError(other)
        ours, theirs = self._living(kept), self._living(other)
        self.delete(other)
        return self.update(
            kept,
            emails=tuple(dict.fromkeys(ours.emails + theirs.emails))[:_MOST_LINES],
            phones=tuple(dict.fromkeys(ours.phones + theirs.phones))[:_MOST_LINES],
            company=ours.company or theirs.company,
            title=ours.title or theirs.title,
            notes=ours.notes or theirs.notes,
        )

    def renumber(self, identity: str) -> Contact:
        """Gives a contact another public number, as when a profile is linked to it at Google.

        Raises:
            KeyError: when there is no such contact.
        """
        contact = self._living(identity)
        former = (*contact.former, contact.number)
        return self._keep(replace(contact, number=self._new_number(), former=former))

    def forget_changes(self) -> None:
        """Lets every position given out so far die."""
        self.change += 1
        self.floor = self.change

    # -- within ----------------------------------------------------------------------------------

    def _living(self, identity: str) -> Contact:
        contact = self._kept[identity]
        if contact.deleted:
            raise KeyError(identity)
        return contact

    def _keep(self, contact: Contact) -> Contact:
        self.change += 1
        # Never the same twice, so that an etag tells two states apart within one microsecond.
        self.updated_us = max(self._clock.now_us(), self.updated_us + 1)
        kept = replace(contact, change=self.change, updated_us=self.updated_us)
        self._kept.pop(kept.id, None)
        self._kept[kept.id] = kept
        self._ids[kept.number] = kept.id
        return kept

    def _new_id(self) -> str:
        while True:
            identity = f"{self._rng.getrandbits(64):016x}"
            if identity not in self._kept:
                return identity

    def _new_number(self) -> int:
        return self._rng.getrandbits(62) | 1 << 61
