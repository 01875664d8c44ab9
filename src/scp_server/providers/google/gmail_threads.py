"""gmail_threads: threads.list and threads.get for what is there, history.list for changes.

The history tells of messages; what it says is gathered by thread, and each thread that changed is
fetched whole. A thread is in a filtered stream when any of its messages is (Gmail judges each
message alone), and gone when Gmail no longer has it, as when its last message was deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading
from scp_server.providers.google.gmail_backfill import MailBackfill
from scp_server.providers.google.gmail_filters import (
    MailJudge,
    Verdict,
    confirms,
    narrowed,
    narrowed_to_any,
)
from scp_server.providers.google.gmail_history import Entry, Log, Record, Touched, touched
from scp_server.providers.google.gmail_kind import LEFT_FILTER, Json, MailKind, gone
from scp_server.providers.google.gmail_walk import HistoryWalk
from scp_server.providers.google.shapes_mail import message_id, message_labels
from scp_server.providers.google.shapes_thread import (
    mail_thread,
    thread_id,
    thread_messages,
    thread_version,
)
from scp_server.providers.setting_aside import Shaped, Unreadable
from scp_wire.events import ChangeKind
from scp_wire.filters import MailFilters

GROUP: Final = 10
"""Threads fetched at once: 400 of a minute's 6,000 units."""
NARROWED: Final = 20
"""Messages of a thread that one search is narrowed to."""

THREADS: Final = MailKind(name="threads", group=GROUP, item=mail_thread, version=thread_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What some records say of one thread."""

    thread_id: str
    messages: tuple[Touched, ...]

    @property
    def record(self) -> int:
        """The last of them."""
        return max(message.record for message in self.messages)

    def is_new(self, body: Json) -> bool:
        """Whether all of its messages have just arrived."""
        added = {message.message_id for message in self.messages if message.added}
        return all(message_id(message) in added for message in thread_messages(body))


class GmailThreads:
    """A connector (ports.connector) of one mailbox's threads under one stream's filters."""

    def __init__(self, filters: MailFilters, *, max_results: int | None = None) -> None:
        group = min(GROUP, max_results or GROUP)
        self._judge = MailJudge(filters)
        self._unreadable = Unreadable()
        self._backfill = MailBackfill(THREADS, self._judge.listing(), self._unreadable, group=group)
        self._walk = HistoryWalk(GROUP, _thread_of, self._unreadable)

    def bookmark(self) -> Reading[Position]:
        """The mailbox's history id."""
        return (yield from self._backfill.bookmark())

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next group of threads, newest first."""
        return (yield from self._backfill.backfill(resume))

    def follow(self, since: Position) -> Reading[Followed]:
        """What the next records of the history changed, each thread once."""
        stretch = yield from self._walk.stretch(since)
        shaped = yield from self._changes(stretch.log, _conversations(stretch.records))
        return self._walk.walked(stretch, tuple(shaped.found.values()), shaped.skipped)

    def _changes(self, log: Log, changed: Sequence[Conversation]) -> Reading[Shaped[Change]]:
        wanted = [c for c in changed if log.delivered.get(c.thread_id, -1) < c.record]
        shaped, absent = yield from THREADS.fetched([c.thread_id for c in wanted], self._unreadable)
        out = yield from self._out([body for body, _ in shaped.found.values()])
        found: dict[str, Change] = {}
        for conversation in wanted:
            identity = conversation.thread_id
            if identity in absent:
                found[identity] = gone(identity, str(conversation.record))
            elif identity in shaped.found:
                body, change = shaped.found[identity]
                judged = self._judged(conversation, body, change, left=identity in out)
                if judged is not None:
                    found[identity] = judged
        return Shaped(found=found, skipped=shaped.skipped)

    def _judged(
        self, conversation: Conversation, body: Json, change: Change, *, left: bool
    ) -> Change | None:
        if left:
            seen = any(map(self._perhaps_let_in, conversation.messages))
            return gone(conversation.thread_id, change.version, LEFT_FILTER) if seen else None
        return replace(change, kind=ChangeKind.CREATED) if conversation.is_new(body) else change

    def _perhaps_let_in(self, message: Touched) -> bool:
        """Whether its thread may have been in the stream for this message's sake."""
        # Of one that was deleted it is not known how it was before.
        return (message.deleted and not message.added) or self._judge.perhaps_seen(message)

    def _out(self, bodies: Sequence[Json]) -> Reading[set[str]]:
        """Ids of those that are not in the filtered listing."""
        out: set[str] = set()
        checks: list[tuple[str, str]] = []
        for body in bodies:
            verdict, doubtful = self._by_labels(body)
            if verdict is Verdict.OUT:
                out.add(thread_id(body))
            elif verdict is Verdict.ASK:
                checks += [(thread_id(body), narrow) for narrow in _narrows(doubtful)]
        doubted = {identity for identity, _ in checks}
        for start in range(0, len(checks), GROUP):
            some = checks[start : start + GROUP]
            replies = yield tuple(self._judge.check(THREADS, narrow) for _, narrow in some)
            pairs = zip(some, replies, strict=True)
            doubted -= {i for (i, _), r in pairs if confirms(r.body, i, THREADS)}
        return out | doubted

    def _by_labels(self, body: Json) -> tuple[Verdict, list[Mapping[str, Any]]]:
        """What the labels of its messages say, and on which of them it depends."""
        judged = [(m, self._judge.by_labels(message_labels(m))) for m in thread_messages(body)]
        # One that came without its messages is told as it came, rather than lost.
        if not judged or any(verdict is Verdict.IN for _, verdict in judged):
            return Verdict.IN, []
        doubtful = [message for message, verdict in judged if verdict is Verdict.ASK]
        return (Verdict.ASK if doubtful else Verdict.OUT), doubtful


def _narrows(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Searches that together find these messages; none when one of them cannot be singled out."""
    found = [narrowed(message) for message in messages]
    single = [narrow for narrow in found if narrow is not None]
    if len(single) < len(found):
        return []
    runs = range(0, len(single), NARROWED)
    return [narrowed_to_any(single[start : start + NARROWED]) for start in runs]


def _conversations(records: Sequence[Record]) -> list[Conversation]:
    """Each thread once, in the order of the last record that names it."""
    threads: dict[str, list[Touched]] = {}
    for message in touched(records):
        identity = message.thread_id or ""
        threads[identity] = [*threads.pop(identity, []), message]
    return [Conversation(thread_id=i, messages=tuple(found)) for i, found in threads.items()]


def _thread_of(entry: Entry) -> str | None:
    return entry.thread_id
