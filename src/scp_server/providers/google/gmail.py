"""gmail_messages: messages.list and messages.get for what is there, history.list for changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading
from scp_server.providers.google.gmail_backfill import MailBackfill
from scp_server.providers.google.gmail_filters import MailJudge, Verdict, confirms, narrowed
from scp_server.providers.google.gmail_history import Entry, Log, Touched, touched
from scp_server.providers.google.gmail_kind import LEFT_FILTER, Json, MailKind, gone
from scp_server.providers.google.gmail_walk import HistoryWalk
from scp_server.providers.google.shapes_mail import (
    mail_message,
    message_id,
    message_labels,
    message_version,
)
from scp_server.providers.setting_aside import Shaped, Unreadable
from scp_wire.events import ChangeKind
from scp_wire.filters import MailFilters

GROUP: Final = 20
"""Messages fetched at once: batches of 10 to 25 pass Gmail's limit on parallel calls."""

MESSAGES: Final = MailKind(name="messages", group=GROUP, item=mail_message, version=message_version)


class GmailMessages:
    """A connector (ports.connector) of one mailbox under one stream's filters."""

    def __init__(self, filters: MailFilters, *, max_results: int | None = None) -> None:
        group = min(GROUP, max_results or GROUP)
        self._judge = MailJudge(filters)
        self._unreadable = Unreadable()
        self._backfill = MailBackfill(
            MESSAGES, self._judge.listing(), self._unreadable, group=group
        )
        self._walk = HistoryWalk(GROUP, _message_of, self._unreadable)

    def bookmark(self) -> Reading[Position]:
        """The mailbox's history id."""
        return (yield from self._backfill.bookmark())

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next group of messages, newest first."""
        return (yield from self._backfill.backfill(resume))

    def follow(self, since: Position) -> Reading[Followed]:
        """What the next records of the history changed, each message once."""
        stretch = yield from self._walk.stretch(since)
        shaped = yield from self._changes(stretch.log, touched(stretch.records))
        return self._walk.walked(stretch, tuple(shaped.found.values()), shaped.skipped)

    def _changes(self, log: Log, messages: Sequence[Touched]) -> Reading[Shaped[Change]]:
        found: dict[str, Change | None] = {}
        wanted: list[Touched] = []
        for message in messages:
            if message.deleted:
                found[message.message_id] = gone(message.message_id, str(message.record))
            elif log.delivered.get(message.message_id, -1) < message.record:
                if self._judge.by_labels(message.after) is Verdict.OUT:
                    found[message.message_id] = self._left(message, str(message.record))
                else:
                    wanted.append(message)
        # One that is gone by now: a later record says so.
        shaped, _ = yield from MESSAGES.fetched([m.message_id for m in wanted], self._unreadable)
        out = yield from self._out([body for body, _ in shaped.found.values()])
        for message in wanted:
            if message.message_id in shaped.found:
                _, change = shaped.found[message.message_id]
                found[message.message_id] = self._judged(message, change, out)
        ordered = {m.message_id: c for m in messages if (c := found.get(m.message_id)) is not None}
        return Shaped(found=ordered, skipped=shaped.skipped)

    def _judged(self, message: Touched, change: Change, out: set[str]) -> Change | None:
        if message.message_id in out:
            return self._left(message, change.version)
        return replace(change, kind=ChangeKind.CREATED) if message.added else change

    def _left(self, message: Touched, version: str) -> Change | None:
        seen = self._judge.perhaps_seen(message)
        return gone(message.message_id, version, LEFT_FILTER) if seen else None

    def _out(self, bodies: Sequence[Json]) -> Reading[set[str]]:
        """Ids of those that are not in the filtered listing."""
        verdicts = [(b, self._judge.by_labels(message_labels(b))) for b in bodies]
        out = {message_id(body) for body, verdict in verdicts if verdict is Verdict.OUT}
        asked = [body for body, verdict in verdicts if verdict is Verdict.ASK]
        checks = [(message_id(b), n) for b in asked if (n := narrowed(b)) is not None]
        for start in range(0, len(checks), GROUP):
            some = checks[start : start + GROUP]
            replies = yield tuple(self._judge.check(MESSAGES, narrow) for _, narrow in some)
            pairs = zip(some, replies, strict=True)
            out.update(i for (i, _), r in pairs if not confirms(r.body, i, MESSAGES))
        return out


def _message_of(entry: Entry) -> str:
    return entry.message_id
