"""Control of address books: who is in them, and making contacts come, change and go."""

from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, NewContact, OtherContact, read
from scp_sandbox.google.people.shapes import resource_name
from scp_sandbox.world.addressbook import Entry
from scp_sandbox.world.contact import Contact, Handle
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World


class ContactControl:
    """The verbs under `/sandbox/users/{email}/contacts`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, user: User) -> dict[str, Any]:
        """Every contact, the least recently changed first."""
        found = [_entry(contact) for contact in self._world.addressbook(user)]
        return {"count": len(found), "contacts": found}

    def create(self, user: User, call: Call) -> dict[str, Any]:
        """Puts a contact in."""
        asked = read(call, NewContact)
        if not (asked.given or asked.family):
            raise ControlError(400, "`given` or `family` is needed: a contact has a name")
        entry = Entry(
            given=asked.given or "",
            family=asked.family or "",
            emails=_handles(asked.emails),
            phones=_handles(asked.phones),
            company=asked.company,
            title=asked.title,
            notes=asked.notes,
        )
        return _entry(self._world.addressbook(user).create(entry))

    def update(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Changes what is given of a contact."""
        asked = read(call, NewContact)
        contact = self._found(user, identity)
        fields: dict[str, Any] = {
            name: value
            for name in ("given", "family", "company", "title", "notes")
            if (value := getattr(asked, name)) is not None
        }
        fields |= {
            name: _handles(value)
            for name, value in (("emails", asked.emails), ("phones", asked.phones))
            if value is not None
        }
        return _entry(self._world.addressbook(user).update(contact.id, **fields))

    def delete(self, user: User, identity: str) -> dict[str, Any]:
        """Deletes a contact."""
        contact = self._found(user, identity)
        self._world.addressbook(user).delete(contact.id)
        return {"deleted": contact.id}

    def merge(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Makes one of two contacts; the `other` is deleted."""
        contact = self._found(user, identity)
        other = self._found(user, read(call, OtherContact).other)
        if other.id == contact.id:
            raise ControlError(400, "`other` is the same contact")
        return _entry(self._world.addressbook(user).merge(contact.id, other.id))

    def rename(self, user: User, identity: str) -> dict[str, Any]:
        """Gives a contact another `resourceName` at Google, as when a profile is linked to it."""
        contact = self._found(user, identity)
        return _entry(self._world.addressbook(user).renumber(contact.id))

    def _found(self, user: User, identity: str) -> Contact:
        """By the contact's own id, or by its number at Google, `c` before it or not."""
        book = self._world.addressbook(user)
        number = identity.removeprefix("people/").removeprefix("c")
        contact = book.get(identity)
        if contact is None and number.isascii() and number.isdecimal() and len(number) <= 20:
            contact = book.by_number(int(number))
        if contact is None:
            raise ControlError(404, f"no contact {identity}")
        return contact


def _handles(values: tuple[str, ...] | None) -> tuple[Handle, ...]:
    return tuple(Handle(value) for value in values or ())


def _entry(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "resourceName": resource_name(contact.number),
        "name": contact.display,
        "emails": [handle.value for handle in contact.emails],
        "phones": [handle.value for handle in contact.phones],
        "company": contact.company,
        "title": contact.title,
        "notes": contact.notes,
    }
