"""One user's drive: the files and folders in it now, and what changed since when.

Knows nothing of any provider: Google Drive and Microsoft OneDrive both read it, each spelling ids,
MIME types and deletions its own way (`Node.mime_type` is Google's; OneDrive has no Docs: see
`node.NATIVE`). `Drive.change` is a counter that every change raises; `changed_since(n)` gives the
latest state of each node that changed after `n`, removed ones too.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace

from scp_sandbox.clock import Clock
from scp_sandbox.world.driveplan import new_id, plan_drive
from scp_sandbox.world.node import FOLDER, NATIVE, Node
from scp_sandbox.world.people import Person, User


class Drive:
    """A drive. Every change goes through a verb here and counts `change` up.

    `root` is the folder that everything of the user's own lies in; it cannot be changed. `floor` is
    the oldest counter from which OneDrive's changes can still be asked for (Google's never die).
    """

    def __init__(self, user: User, *, seed: int, count: int, clock: Clock) -> None:
        self.user = user
        self.floor = 0
        self._clock = clock
        self._rng = random.Random(f"{seed}/{user.sub}/files/life")  # noqa: S311
        self.root, planned = plan_drive(user, seed, count)
        # In order of `change`, the latest last: a change takes its node out and puts it back.
        self._kept = {n.id: n for n in planned}
        self._inside: dict[str, dict[str, None]] = {}
        for node in planned:
            if node.parent:
                self._inside.setdefault(node.parent, {})[node.id] = None
        self.change = max((n.change for n in planned), default=1)
        self._latest_us = max((n.changed_us for n in planned), default=0)

    # -- reading ---------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Node]:
        """Every node but the root, trashed ones too, the least recently changed first."""
        return (n for n in self._kept.values() if not n.removed)

    def __len__(self) -> int:
        return sum(not n.removed for n in self._kept.values())

    def get(self, identity: str) -> Node | None:
        """The node as it is now, the root too; None for a removed one."""
        if identity == self.root.id:
            return self.root
        found = self._kept.get(identity)
        return None if found is None or found.removed else found

    def children(self, identity: str) -> list[Node]:
        """What lies directly in a folder, trashed things too."""
        return [self._kept[i] for i in self._inside.get(identity, ())]

    def below(self, identity: str) -> list[Node]:
        """What lies in a folder at any depth, upper ones first."""
        found = self.children(identity)
        for node in found:
            found += self.children(node.id)
        return found

    def changed_since(self, change: int) -> Iterator[Node]:
        """The latest state of all that changed after `change`, oldest change first."""
        recent = []
        for node in reversed(self._kept.values()):
            if node.change <= change:
                break
            recent.append(node)
        return reversed(recent)

    # -- changing --------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        mime_type: str,
        *,
        parent: str | None = None,
        words: str = "",
        size: int | None = None,
        shared_by: Person | None = None,
    ) -> Node:
        """Puts a new node in: into `parent` (the root when None), or shared by somebody else.

        Raises:
            KeyError: when `parent` is no folder that is here.
        """
        where = None if shared_by else self._folder(parent or self.root.id)
        now = self._clock.now_us()
        sized = not mime_type.startswith(NATIVE)
        node = Node(
            id=new_id(self._rng),
            name=name,
            mime_type=mime_type,
            parent=where.id if where else None,
            owner=shared_by or self.user.person,
            change=0,
            created_us=now,
            modified_us=now,
            changed_us=now,
            size=(len(words.encode()) if size is None else size) if sized else None,
            md5=_md5(words) if sized else None,
            words=words,
            shared=shared_by is not None,
            shared_us=now if shared_by else None,
            trashed=where.trashed if where else False,
            version=0,
        )
        if where:
            self._inside.setdefault(where.id, {})[node.id] = None
        return self._keep(node)

    def edit(self, identity: str, words: str) -> Node:
        """Changes what is in a file: its words, and so its size and checksum.

        Raises:
            KeyError: when there is no such file, or it is a folder.
        """
        node = self._living(identity)
        if node.is_folder:
            raise KeyError(identity)
        return self._touch(
            node,
            words=words,
            size=None if node.size is None else len(words.encode()),
            md5=None if node.md5 is None else _md5(words),
        )

    def update(self, identity: str, **fields: object) -> Node:
        """Changes a node's `name`, `description`, `starred` or `shared`.

        Raises:
            KeyError: when there is no such node.
        """
        return self._touch(self._living(identity), **fields)

    def move(self, identity: str, parent: str) -> Node:
        """Puts a node into another folder; what lies in it comes along unmentioned.

        Raises:
            KeyError: when one of them is not here, or the folder lies within the node.
        """
        node, folder = self._living(identity), self._folder(parent)
        if folder.id == node.id or folder.id in {n.id for n in self.below(node.id)}:
            raise KeyError(parent)
        if node.parent:
            self._inside[node.parent].pop(node.id)
        self._inside.setdefault(folder.id, {})[node.id] = None
        moved = self._keep(replace(node, parent=folder.id))
        self._settle(moved)
        return self._kept[moved.id]

    def trash(self, identity: str) -> Node:
        """Puts a node in the bin; what lies in it is trashed with it, and changes, too.

        Raises:
            KeyError: when there is no such node.
        """
        return self._bin(identity, binned=True)

    def untrash(self, identity: str) -> Node:
        """Takes a node out of the bin, and what lies in it and was not put there itself.

        Raises:
            KeyError: when there is no such node.
        """
        return self._bin(identity, binned=False)

    def delete(self, identity: str) -> list[str]:
        """Deletes a node for good, with all that lies in it (of a shared one: access is lost).

        Returns:
            The ids of all that is gone.

        Raises:
            KeyError: when there is no such node.
        """
        node = self._living(identity)
        doomed = [*reversed(self.below(node.id)), node]
        for each in doomed:
            if each.parent:
                self._inside[each.parent].pop(each.id)
            self._inside.pop(each.id, None)
            self._keep(replace(each, removed=True))
        return [n.id for n in doomed]

    def forget_changes(self) -> None:
        """Lets every OneDrive position given out so far die."""
        self.change += 1
        self.floor = self.change

    # -- within ----------------------------------------------------------------------------------

    def _living(self, identity: str) -> Node:
        node = self._kept[identity]
        if node.removed:
            raise KeyError(identity)
        return node

    def _folder(self, identity: str) -> Node:
        node = self.get(identity)
        if node is None or node.mime_type != FOLDER:
            raise KeyError(identity)
        return node

    def _touch(self, node: Node, **fields: object) -> Node:
        kept = self._keep(replace(node, **fields))  # type: ignore[arg-type]
        touched = replace(kept, modified_us=kept.changed_us)
        self._kept[kept.id] = touched
        return touched

    def _bin(self, identity: str, *, binned: bool) -> Node:
        node = self._keep(replace(self._living(identity), binned=binned))
        self._settle(node)
        return self._kept[identity]

    def _settle(self, node: Node) -> None:
        """Works out anew what is trashed from a node downwards; what is now otherwise, changes."""
        folder = self.get(node.parent) if node.parent else None
        above = {node.parent: folder.trashed if folder else False}
        for each in (node, *self.below(node.id)):
            trashed = each.binned or above[each.parent]
            above[each.id] = trashed
            if each.id == node.id:
                self._kept[each.id] = replace(self._kept[each.id], trashed=trashed)
            elif trashed != each.trashed:
                self._keep(replace(each, trashed=trashed))

    def _keep(self, node: Node) -> Node:
        self.change += 1
        # Never the same twice, so that two states have two times within one microsecond.
        self._latest_us = max(self._clock.now_us(), self._latest_us + 1)
        kept = replace(
            node, change=self.change, changed_us=self._latest_us, version=node.version + 1
        )
        self._kept.pop(kept.id, None)
        self._kept[kept.id] = kept
        return kept


def _md5(words: str) -> str:
    # Drive's own checksum; nothing is protected by it.
    return hashlib.md5(words.encode(), usedforsecurity=False).hexdigest()
