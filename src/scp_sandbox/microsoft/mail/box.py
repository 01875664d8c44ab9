"""One Outlook mailbox: what is in it now, how it changes, and what changed since when.

Every change goes through a verb here and counts `change` up. Messages and folders are kept in the
order of their last change; what left a folder is kept as a `Tomb`.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.graph.errors import GraphError, sync_state_lost
from scp_sandbox.microsoft.mail.ids import Ids
from scp_sandbox.microsoft.mail.mail import Folder, Mail, Tomb
from scp_sandbox.microsoft.mail.plan import DELETED, ROOT, plan_folders, plan_mails
from scp_sandbox.world.anchor import ANCHOR_MS
from scp_sandbox.world.message import ID_TAIL_BITS
from scp_sandbox.world.people import User
from scp_sandbox.world.recipe import Recipe

_Kept = TypeVar("_Kept", Mail, Folder)


class Box:
    """A mailbox."""

    def __init__(self, user: User, *, seed: int, visible: int, clock: Clock) -> None:
        self.user = user
        self.ids = Ids(user.email)
        self.generation = 1
        self.loss = sync_state_lost()
        self._clock = clock
        self._rng = random.Random(f"{seed}/{user.sub}/outlook/life")  # noqa: S311
        planned = plan_mails(user, seed, visible, self.ids)
        self._mails = {m.core: m for m in planned}
        self._folders = {f.id: f for f in plan_folders(self.ids)}
        self._known = {f.known: f.id for f in self._folders.values() if f.known}
        self._inside: dict[str, dict[int, None]] = {identity: {} for identity in self._folders}
        self._threads: dict[int, dict[int, None]] = {}
        for mail in planned:
            self._inside[mail.folder][mail.core] = None
            self._threads.setdefault(mail.conversation, {})[mail.core] = None
        self._tombs: list[Tomb] = []
        self.change = max(len(planned), len(self._folders)) + 1

    # -- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._mails)

    def get(self, core: int) -> Mail | None:
        """The message as it is now."""
        return self._mails.get(core)

    def found(self, identity: str) -> Mail | None:
        """The message with an id of either space; an ordinary id dies when the message moves."""
        wanted = self.ids.read(identity)
        mail = self._mails.get(wanted.core) if wanted else None
        if mail is None or wanted is None or wanted.moves not in (None, mail.moves):
            return None
        return mail

    def now(self) -> datetime:
        """The moment it is in this mailbox."""
        return self._clock.moment()

    def newest_first(self, folder: str | None = None) -> list[Mail]:
        """Messages by falling moment of arrival, those of one folder if it is given."""
        cores: Iterable[int] = self._mails if folder is None else self._inside.get(folder, ())
        return [self._mails[core] for core in sorted(cores, reverse=True)]

    def thread(self, conversation: int) -> list[Mail]:
        """A conversation's messages, oldest first."""
        return [self._mails[core] for core in sorted(self._threads.get(conversation, ()))]

    def changed_since(self, change: int) -> list[Mail]:
        """The latest state of all messages that changed after `change`, oldest change first."""
        return _recent(reversed(self._mails.values()), change)

    def tombs_since(self, change: int) -> list[Tomb]:
        """What left folders after `change`, and folders that are gone."""
        return self._tombs[bisect_right(self._tombs, change, key=lambda t: t.change) :]

    def folder(self, name: str) -> Folder | None:
        """The folder with this id or well-known name."""
        return self._folders.get(self._known.get(name.lower(), name))

    def folders(self, parent: str | None = None) -> list[Folder]:
        """All folders but those outside the root, or what lies directly in one; oldest first."""
        root = self._known[ROOT]
        found = [
            f
            for f in self._folders.values()
            if f.id != root and (parent is None or f.parent == parent) and not self._outside(f)
        ]
        return sorted(found, key=lambda f: f.created)

    def folders_since(self, change: int) -> list[Folder]:
        """The latest state of all folders that changed after `change`, oldest change first."""
        found = _recent(reversed(self._folders.values()), change)
        return [f for f in found if f.id != self._known[ROOT] and not self._outside(f)]

    def totals(self, folder: str) -> tuple[int, int]:
        """How many messages lie in a folder, and how many of them are unread."""
        inside = self._inside.get(folder, {})
        return len(inside), sum(not self._mails[core].read for core in inside)

    # -- changing --------------------------------------------------------------------------------

    def add(
        self,
        recipe: Recipe,
        folder: str,
        *,
        conversation: int | None = None,
        read: bool = False,
        draft: bool = False,
    ) -> Mail:
        """Puts a new message in, now."""
        core = self._new_core()
        self.change += 1
        mail = Mail(
            core=core,
            folder=folder,
            conversation=core if conversation is None else conversation,
            recipe=recipe,
            change=self.change,
            arrived=self.change,
            modified_ms=self._clock.now_ms(),
            read=read,
            draft=draft,
        )
        self._mails[core] = mail
        self._inside[folder][core] = None
        self._threads.setdefault(mail.conversation, {})[core] = None
        self._stir(folder)
        return mail

    def update(self, core: int, **fields: object) -> Mail:
        """Changes properties of a message: `read`, `flagged`, `categories`, `importance`, …

        Raises:
            KeyError: when there is no such message.
        """
        self.change += 1
        old = self._mails.pop(core)
        touched = {**old.touched, **dict.fromkeys(fields, self.change)}
        changed = replace(
            old,
            change=self.change,
            modified_ms=self._clock.now_ms(),
            touched=touched,
            **fields,  # type: ignore[arg-type]
        )
        self._mails[core] = changed
        if "read" in fields:
            self._stir(old.folder)
        return changed

    def move(self, core: int, folder: str) -> Mail:
        """Puts a message into another folder: gone from the old one, new in the other.

        Raises:
            KeyError: when there is no such message or folder.
        """
        _ = self._folders[folder]
        old = self._mails[core]
        if old.folder == folder:
            return old
        self._bury(old)
        moved = replace(
            self._mails.pop(core),
            folder=folder,
            change=self.change,
            arrived=self.change,
            moves=old.moves + 1,
            modified_ms=self._clock.now_ms(),
            touched={},
        )
        self._mails[core] = moved
        self._inside[folder][core] = None
        self._stir(old.folder, folder)
        return moved

    def bin(self, core: int) -> Mail:
        """Moves a message to Deleted Items.

        Raises:
            KeyError: when there is no such message.
        """
        return self.move(core, self._known[DELETED])

    def delete(self, core: int) -> None:
        """Deletes a message for good.

        Raises:
            KeyError: when there is no such message.
        """
        mail = self._mails[core]
        self._bury(mail)
        del self._mails[core]
        del self._threads[mail.conversation][core]
        self._stir(mail.folder)

    def add_folder(self, name: str, parent: str) -> Folder:
        """Makes a folder in another one."""
        self.change += 1
        key = f"{name}/{self._rng.getrandbits(60):x}"
        folder = Folder(
            id=self.ids.folder(key),
            name=name,
            parent=parent,
            change=self.change,
            created=self.change,
        )
        self._folders[folder.id] = folder
        self._inside[folder.id] = {}
        self._stir(parent)
        return folder

    def rename_folder(self, identity: str, name: str) -> Folder:
        """Gives a folder another name.

        Raises:
            KeyError: when there is no such folder.
        """
        self.change += 1
        old = self._folders.pop(identity)
        self._folders[identity] = replace(old, name=name, change=self.change, named=self.change)
        return self._folders[identity]

    def delete_folder(self, identity: str) -> None:
        """Deletes a folder for good, with all that lies in it.

        Raises:
            KeyError: when there is no such folder.
        """
        for child in self.folders(identity):
            self.delete_folder(child.id)
        for core in list(self._inside[identity]):
            self.delete(core)
        folder = self._folders.pop(identity)
        del self._inside[identity]
        self.change += 1
        self._tombs.append(Tomb(change=self.change, folder=identity))
        self._stir(folder.parent)

    def forget_changes(self, loss: GraphError | None = None) -> None:
        """Lets every delta token given out so far die, to be refused with `loss`."""
        self.generation += 1
        self.loss = loss or sync_state_lost()

    # -- within ----------------------------------------------------------------------------------

    def _bury(self, mail: Mail) -> None:
        self.change += 1
        self._tombs.append(
            Tomb(change=self.change, folder=mail.folder, core=mail.core, moves=mail.moves)
        )
        del self._inside[mail.folder][mail.core]

    def _stir(self, *folders: str) -> None:
        """Counts of folders changed: `mailFolders/delta` tells them anew."""
        for identity in folders:
            if identity in self._folders:
                self.change += 1  # of its own: a page may end between any two rows
                old = self._folders.pop(identity)
                self._folders[identity] = replace(old, change=self.change)

    def _outside(self, folder: Folder) -> bool:
        return folder.parent not in self._folders

    def _new_core(self) -> int:
        # Never before the planned mail, so that what arrives is the newest.
        moment = max(self._clock.now_ms(), ANCHOR_MS)
        while True:
            core = (moment << ID_TAIL_BITS) | self._rng.getrandbits(ID_TAIL_BITS)
            if core not in self._mails:
                return core


def _recent(newest_first: Iterable[_Kept], change: int) -> list[_Kept]:
    recent = []
    for each in newest_first:
        if each.change <= change:
            break
        recent.append(each)
    recent.reverse()
    return recent
