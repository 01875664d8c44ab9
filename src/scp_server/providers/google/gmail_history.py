"""Gmail's history: records of what changed in a mailbox, and what became of each message.

https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.history/list: records
come oldest first, ids rise with gaps, and a record's labels are the state after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import entries, identifier, text, texts, thing, whole
from scp_server.providers.page_walk import NAMELESS
from scp_server.providers.setting_aside import Unreadable

KINDS: Final = ("messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved")
FIELDS: Final = (
    "nextPageToken,historyId,history(id,messagesAdded/message(id,threadId,labelIds),"
    "messagesDeleted/message(id,threadId),labelsAdded(labelIds,message(id,threadId,labelIds)),"
    "labelsRemoved(labelIds,message(id,threadId,labelIds)))"
)

_NO_RECORD: Final = "Google's history tells of it in a record without an id."

Labels = frozenset[str] | None
"""None: not said."""


class HistoryPlace(msgspec.Struct, frozen=True, kw_only=True, tag="gmail-history-1"):
    """All records up to this id are handled."""

    history: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one record says of one message."""

    kind: str
    message_id: str
    thread_id: str | None
    after: Labels
    before: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record; `id` is a place to go on from."""

    id: int
    entries: tuple[Entry, ...]


@dataclass(slots=True, kw_only=True)
class Log:
    """Records of a page that are not handled yet, and what is known of their items."""

    records: list[Record]
    more: bool
    """Whether the mailbox has further records after these."""
    newest: int
    """The mailbox's own history id when the page was read."""
    delivered: dict[str, int] = field(default_factory=dict)
    """Item id to the history id of the state that was delivered of it."""
    skipped: tuple[Skipped, ...] = ()
    """What the page says of nobody knows what, still to be told."""

    def first(self, items: int, item_of: Callable[[Entry], str | None]) -> list[Record]:
        """The first records with at most so many items, at least one record."""
        ids: set[str] = set()
        for count, record in enumerate(self.records):
            ids.update(item for entry in record.entries if (item := item_of(entry)))
            if count and len(ids) > items:
                return self.records[:count]
        return list(self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What some records say of one message."""

    message_id: str
    thread_id: str | None
    record: int
    """The last of them."""
    deleted: bool
    added: bool
    only_added: bool
    after: Labels
    """Labels after the last of them."""
    states: tuple[Labels, ...]
    """All states it is known to have been in, from before the first of them."""


def read_log(
    body: Mapping[str, Any], start: int, item_of: Callable[[Entry], str | None], odd: Unreadable
) -> Log:
    """A page of the history after `start`, in the order of ids, each record once.

    Records without an id, and entries that name no item, are set aside.

    Raises: ProviderProtocolError when it is none, or is worth another try.
    """
    newest = whole(body.get("historyId"))
    if newest is None:
        raise ProviderProtocolError("Google sent a page of history without its historyId.")
    found: dict[int, list[Entry]] = {}
    skipped: list[Skipped] = []
    for raw in entries(body, "history"):
        record, named = whole(thing(raw).get("id")), list(_entries(thing(raw)))
        sound = [entry for entry in named if entry is not None and item_of(entry)]
        skipped += [Skipped(id=None, reason=NAMELESS)] * (len(named) - len(sound))
        if record is None:
            told = [item_of(entry) for entry in sound] or [None]
            skipped += [Skipped(id=item, reason=_NO_RECORD) for item in told]
        else:
            found.setdefault(record, []).extend(sound)
    if skipped:
        odd.give_up({f"nameless after {start} up to {newest}": NAMELESS})
    return Log(
        records=[
            Record(id=identity, entries=tuple(found[identity]))
            for identity in sorted(found)
            if identity > start
        ],
        more=bool(text(body.get("nextPageToken"))),
        newest=newest,
        skipped=tuple(skipped),
    )


def touched(records: Sequence[Record]) -> list[Touched]:
    """Each message once, in the order of the last record that names it."""
    seen: dict[str, list[tuple[int, Entry]]] = {}
    for record in records:
        for entry in record.entries:
            seen[entry.message_id] = [*seen.pop(entry.message_id, []), (record.id, entry)]
    return [_touched(message_id, told) for message_id, told in seen.items()]


def _touched(message_id: str, told: list[tuple[int, Entry]]) -> Touched:
    kinds = [entry.kind for _, entry in told]
    changes = [entry for _, entry in told if entry.kind != "messagesDeleted"]
    first = [told[0][1].before] if kinds[0].startswith("labels") else []
    return Touched(
        message_id=message_id,
        thread_id=told[-1][1].thread_id,
        record=told[-1][0],
        deleted=_is_deleted(told),
        added="messagesAdded" in kinds,
        only_added=set(kinds) == {"messagesAdded"},
        after=changes[-1].after if changes else None,
        states=(*first, *(entry.after for entry in changes)),
    )


def _is_deleted(told: list[tuple[int, Entry]]) -> bool:
    last = {entry.kind: record for record, entry in told}
    return last.get("messagesDeleted", -1) >= last.get("messagesAdded", 0)


def _entries(body: Mapping[str, Any]) -> Iterator[Entry | None]:
    """What a record says; None where it does not say of which message."""
    for kind in KINDS:
        told = body.get(kind, [])
        for raw in told if isinstance(told, list) else (None,):
            message = thing(thing(raw).get("message"))
            message_id = identifier(message.get("id"))
            if message_id is None:
                yield None
                continue
            after = frozenset(texts(message["labelIds"])) if "labelIds" in message else None
            changed = frozenset(texts(thing(raw).get("labelIds")))
            yield Entry(
                kind=kind,
                message_id=message_id,
                thread_id=identifier(message.get("threadId")),
                after=after,
                before=_before(kind, after, changed),
            )


def _before(kind: str, after: Labels, changed: frozenset[str]) -> Labels:
    if after is None:
        return None
    return after - changed if kind == "labelsAdded" else after | changed
