"""Control of contacts and files: what is there, and making it change."""

from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, read
from scp_sandbox.microsoft.contacts.book import Contacts
from scp_sandbox.microsoft.control.asked import Card, Paper
from scp_sandbox.microsoft.drive.files import Files
from scp_sandbox.microsoft.drive.shapes import name_of, size_of, stamp
from scp_sandbox.microsoft.estate import Holding
from scp_sandbox.world.addressbook import Entry
from scp_sandbox.world.contact import Contact, Handle
from scp_sandbox.world.node import FOLDER, Node


class ContactControl:
    """The verbs under `{email}/contacts`."""

    def list(self, holding: Holding, _: Call) -> dict[str, Any]:
        """All contacts of all folders."""
        found = [_contact_entry(holding.contacts, c) for c in holding.contacts.book]
        return {"count": len(found), "contacts": found}

    def create(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Puts a contact in; `given` is needed."""
        fields = _card(read(call, Card))
        if not fields.get("given"):
            raise ControlError(400, "`given` is needed")
        contact = holding.contacts.book.create(Entry(**fields))
        return _contact_entry(holding.contacts, contact)

    def act(self, holding: Holding, call: Call, identity: str, verb: str) -> dict[str, Any]:
        """`update` and `delete`."""
        contacts = holding.contacts
        found = contacts.found(identity)
        if found is None:
            raise ControlError(404, "no contact of that id")
        if verb == "delete":
            contacts.book.delete(found.id)
            return {"deleted": identity}
        changed = contacts.book.update(found.id, **_card(read(call, Card)))
        return _contact_entry(contacts, changed)


class FileControl:
    """The verbs under `{email}/files`."""

    def list(self, holding: Holding, _: Call) -> dict[str, Any]:
        """All of the account's own items but the root and what is in the bin."""
        files = holding.files
        found = [_file_entry(files, n) for n in files.drive if files.stands(n) and files.own(n)]
        return {"count": len(found), "files": found}

    def create(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Puts a file or a folder in; `name` is needed."""
        asked, files = read(call, Paper), holding.files
        if not asked.name:
            raise ControlError(400, "`name` is needed")
        parent = _node(files, asked.parent) if asked.parent else files.drive.root
        kind = FOLDER if asked.folder else asked.mime_type
        try:
            made = files.drive.create(asked.name, kind, parent=parent.id, words=asked.words or "")
        except KeyError as error:
            raise ControlError(400, "`parent` is no folder") from error
        return _file_entry(files, made)

    def act(self, holding: Holding, call: Call, identity: str, verb: str) -> dict[str, Any]:
        """`update` (name, words), `move` (parent), `trash` and `delete`."""
        files = holding.files
        node = _node(files, identity)
        if node.parent is None:
            raise ControlError(400, "the root stays as it is")
        try:
            return self._acted(files, node, read(call, Paper), verb)
        except KeyError as error:
            raise ControlError(400, "that cannot be done with this item") from error

    def _acted(self, files: Files, node: Node, asked: Paper, verb: str) -> dict[str, Any]:
        drive = files.drive
        match verb:
            case "update":
                if asked.words is not None:
                    node = drive.edit(node.id, asked.words)
                if asked.name is not None:
                    node = drive.update(node.id, name=asked.name)
            case "move":
                target = _node(files, asked.parent) if asked.parent else drive.root
                node = drive.move(node.id, target.id)
            case "trash":
                drive.trash(node.id)
                return {"trashed": files.id_of(node.id)}
            case _:
                return {"deleted": [files.id_of(gone) for gone in drive.delete(node.id)]}
        return _file_entry(files, node)


def _card(card: Card) -> dict[str, Any]:
    names = ("given", "family", "company", "title", "notes")
    fields = {n: v for n in names if (v := getattr(card, n)) is not None}
    for name in ("emails", "phones"):
        values = getattr(card, name)
        if values is not None:
            fields[name] = tuple(Handle(value) for value in values)
    return fields


def _node(files: Files, identity: str) -> Node:
    found = files.found(identity)
    if found is None:
        raise ControlError(404, "no item of that id")
    return found


def _contact_entry(contacts: Contacts, contact: Contact) -> dict[str, Any]:
    return {
        "id": contacts.id_of(contact, immutable=False),
        "immutableId": contacts.id_of(contact, immutable=True),
        "folder": contacts.folder_of(contact).name,
        "displayName": contact.display,
        "emails": [handle.value for handle in contact.emails],
        "phones": [[handle.kind, handle.value] for handle in contact.phones],
        "company": contact.company,
    }


def _file_entry(files: Files, node: Node) -> dict[str, Any]:
    return {
        "id": files.id_of(node.id),
        "name": name_of(node),
        "folder": node.is_folder,
        "parent": files.id_of(node.parent) if node.parent else None,
        "size": None if node.is_folder else size_of(node),
        "modified": stamp(node.modified_us),
    }
