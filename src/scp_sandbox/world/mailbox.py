"""One user's mailbox: what is in it now, how it changes, and the history of its changes."""

import random
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace

from scp_sandbox.clock import Clock
from scp_sandbox.world.anchor import ANCHOR_MS, DAY_MS
from scp_sandbox.world.labels import LABELS, Label
from scp_sandbox.world.mailplan import plan_mailbox
from scp_sandbox.world.message import (
    ID_TAIL_BITS,
    HistoryKind,
    HistoryRecord,
    Message,
    Touched,
    message_id,
)
from scp_sandbox.world.people import User
from scp_sandbox.world.recipe import Recipe

# "Typically at least a week" (Gmail API, users.history.list).
HISTORY_DAYS = 7


class Mailbox:
    """A mailbox. Every change goes through a verb here, which also writes the history."""

    def __init__(self, user: User, *, seed: int, visible: int, clock: Clock) -> None:
        self.user = user
        self.labels: dict[str, Label] = {label.id: label for label in LABELS}
        self._clock = clock
        self._rng = random.Random(f"{seed}/{user.sub}/life")  # noqa: S311
        planned = plan_mailbox(user, seed, visible)
        self._messages = {m.id: m for m in planned}
        self._order = [m.order for m in planned]
        self._threads: dict[str, list[str]] = {}
        for message in planned:
            self._threads.setdefault(message.thread_id, []).append(message.id)
        recent = [m for m in planned if m.internal_ms > ANCHOR_MS - HISTORY_DAYS * DAY_MS]
        self._history = [_added(m) for m in recent]
        self.history_id = (planned[-1].history_id if planned else 1) + 17
        self._floor = recent[0].history_id - 1 if recent else self.history_id

    # -- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def thread_count(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    def get(self, identity: str) -> Message | None:
        """The message as it is now."""
        return self._messages.get(identity)

    def newest_first(self, before: int | None = None) -> Iterator[Message]:
        """Messages by falling `order`, those below `before` when it is given."""
        end = len(self._order) if before is None else bisect_left(self._order, before)
        for place in range(end - 1, -1, -1):
            yield self._messages[f"{self._order[place]:016x}"]

    def thread(self, identity: str) -> list[Message]:
        """A thread's messages, oldest first; empty when there is no such thread."""
        return [self._messages[m] for m in self._threads.get(identity, ())]

    def knows_history(self, start: int) -> bool:
        """Whether changes since `start` are still known."""
        return self._floor <= start <= self.history_id

    def history_since(self, start: int) -> Iterator[HistoryRecord]:
        """Records with ids above `start`, oldest first."""
        first = bisect_left(self._history, start + 1, key=lambda r: r.id)
        return iter(self._history[first:])

    # -- changing --------------------------------------------------------------------------------

    def add(
        self, recipe: Recipe, labels: tuple[str, ...], *, thread_id: str | None = None
    ) -> Message:
        """Puts a new message in, now."""
        identity = self._new_id()
        message = Message(
            id=identity,
            thread_id=thread_id or identity,
            labels=labels,
            history_id=self._next_history_id(),
            recipe=recipe,
        )
        self._messages[identity] = message
        insort(self._order, message.order)
        self._threads.setdefault(message.thread_id, []).append(identity)
        self._history.append(_added(message))
        return message

    def relabel(
        self, identities: Iterable[str], *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Adds and removes labels: one record for all that gained some, one for all that lost some.

        Raises:
            KeyError: when a message or label is not here; nothing is changed then.
        """
        wanted = [self._messages[i] for i in identities]
        adding, removing = tuple(add), tuple(remove)
        for label in (*adding, *removing):
            _ = self.labels[label]
        self._shift(wanted, "labelsAdded", adding)
        self._shift([self._messages[m.id] for m in wanted], "labelsRemoved", removing)

    def trash(self, identities: Iterable[str]) -> None:
        """Moves messages to the trash: TRASH added, then INBOX removed."""
        self.relabel(identities, add=("TRASH",), remove=("INBOX",))

    def untrash(self, identities: Iterable[str]) -> None:
        """Takes messages out of the trash, without putting them back into the inbox."""
        self.relabel(identities, remove=("TRASH",))

    def delete(self, identities: Iterable[str]) -> None:
        """Deletes messages for good.

        Raises:
            KeyError: when a message is not here; nothing is changed then.
        """
        doomed = [self._messages[i] for i in identities]
        for message in doomed:
            del self._messages[message.id]
            del self._order[bisect_left(self._order, message.order)]
            siblings = self._threads[message.thread_id]
            siblings.remove(message.id)
            if not siblings:
                del self._threads[message.thread_id]
        touched = tuple(Touched(message_id=m.id, thread_id=m.thread_id) for m in doomed)
        self._record("messagesDeleted", touched, self._next_history_id())

    def edit_draft(self, identity: str, recipe: Recipe) -> Message:
        """Changes a draft: a new message id in the same thread, the old one deleted."""
        old = self._messages[identity]
        self.delete([identity])
        return self.add(recipe, old.labels, thread_id=old.thread_id)

    def forget_history(self) -> None:
        """Lets every history id given out so far die; the next one is good again."""
        self.history_id = self._next_history_id()
        self._floor = self.history_id
        self._history.clear()

    # -- within ----------------------------------------------------------------------------------

    def _shift(self, messages: list[Message], kind: HistoryKind, labels: tuple[str, ...]) -> None:
        adding = kind == "labelsAdded"
        moved = [(m, tuple(x for x in labels if (x in m.labels) != adding)) for m in messages]
        moved = [(m, changed) for m, changed in moved if changed]
        if not moved:
            return
        number = self._next_history_id()
        touched = []
        for message, changed in moved:
            kept = tuple(x for x in message.labels if x not in changed)
            after = (*changed, *kept) if adding else kept
            self._messages[message.id] = replace(message, labels=after, history_id=number)
            touched.append(
                Touched(
                    message_id=message.id,
                    thread_id=message.thread_id,
                    labels=after,
                    changed=changed,
                )
            )
        self._record(kind, tuple(touched), number)

    def _record(self, kind: HistoryKind, touched: tuple[Touched, ...], number: int) -> None:
        if touched:
            self._history.append(HistoryRecord(id=number, kind=kind, touched=touched))

    def _next_history_id(self) -> int:
        self.history_id += self._rng.randint(1, 40)
        return self.history_id

    def _new_id(self) -> str:
        moment = self._clock.now_ms()
        while True:
            identity = message_id(moment, self._rng.getrandbits(ID_TAIL_BITS))
            if identity not in self._messages:
                return identity


def _added(message: Message) -> HistoryRecord:
    touched = Touched(message_id=message.id, thread_id=message.thread_id, labels=message.labels)
    return HistoryRecord(id=message.history_id, kind="messagesAdded", touched=(touched,))
