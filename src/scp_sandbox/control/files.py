"""Control of drives: what is in them, and making files come, change, move and go."""

from collections.abc import Callable
from typing import Any

import msgspec

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, FileFields, NewFile, Parent, Words, read
from scp_sandbox.google.calendar.shapes import rfc3339
from scp_sandbox.world.arrivals import known
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import Node
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

Verb = Callable[[Drive, str], Node]
_SIMPLE: dict[str, Verb] = {"trash": Drive.trash, "untrash": Drive.untrash}


class FileControl:
    """The verbs under `/sandbox/users/{email}/files`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, user: User, call: Call) -> dict[str, Any]:
        """Files and folders, shared ones too; without what is trashed, unless `all=true`."""
        drive = self._world.drive(user)
        everything = call.flag("all")
        found = [_entry(node) for node in drive if everything or not node.trashed]
        return {"count": len(found), "root": drive.root.id, "files": found}

    def create(self, user: User, call: Call) -> dict[str, Any]:
        """Puts a file or folder in, or lets somebody share one."""
        asked = read(call, NewFile)
        drive = self._world.drive(user)
        if asked.size is not None and asked.size < 0:
            raise ControlError(400, "`size` is not negative")
        try:
            node = drive.create(
                asked.name,
                asked.mime_type,
                parent=_place(drive, asked.parent) if asked.parent else None,
                words=asked.words,
                size=asked.size,
                shared_by=known(asked.shared_by, None) if asked.shared_by else None,
            )
        except KeyError as error:
            raise ControlError(404, f"no folder {asked.parent}") from error
        return _entry(node)

    def update(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Changes the name, description, star or sharing of a file or folder."""
        asked = read(call, FileFields)
        drive, node = self._found(user, identity)
        fields = {
            name: value
            for name, value in msgspec.structs.asdict(asked).items()
            if value is not None
        }
        return _entry(drive.update(node.id, **fields))

    def edit(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Changes what is in a file."""
        drive, node = self._found(user, identity)
        if node.is_folder:
            raise ControlError(400, f"{identity} is a folder: there is nothing to edit in it")
        return _entry(drive.edit(node.id, read(call, Words).words))

    def move(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Puts a file or folder into another folder."""
        asked = read(call, Parent)
        drive, node = self._found(user, identity)
        if node.parent is None:
            raise ControlError(400, f"{identity} is shared by somebody else, and lies in no folder")
        try:
            return _entry(drive.move(node.id, _place(drive, asked.parent)))
        except KeyError as error:
            raise ControlError(404, f"no folder {asked.parent} outside of {identity}") from error

    def act(self, user: User, identity: str, verb: str) -> dict[str, Any]:
        """`trash`, `untrash` and `delete`; deleting what others share is losing access to it."""
        drive, node = self._found(user, identity)
        if verb == "delete":
            return {"deleted": drive.delete(node.id)}
        return _entry(_SIMPLE[verb](drive, node.id))

    def _found(self, user: User, identity: str) -> tuple[Drive, Node]:
        drive = self._world.drive(user)
        node = drive.get(identity)
        if node is None or node.id == drive.root.id:
            raise ControlError(404, f"no file {identity}")
        return drive, node


def _place(drive: Drive, folder: str) -> str:
    return drive.root.id if folder == "root" else folder


def _entry(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "name": node.name,
        "mimeType": node.mime_type,
        "parent": node.parent,
        "owner": node.owner.email,
        "size": node.size,
        "modified": rfc3339(node.modified_us),
        "trashed": node.trashed,
        "shared": node.shared,
        "mine": node.shared_us is None,
    }
