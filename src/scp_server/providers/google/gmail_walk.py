"""A walk through a mailbox's history: some records at a time, each page of them read once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from scp_server.domain.changes import Change, Followed, Skipped
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import text, whole
from scp_server.providers.google.gmail_history import (
    FIELDS,
    Entry,
    HistoryPlace,
    Log,
    Record,
    read_log,
)
from scp_server.providers.google.gmail_kind import ME
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail

HISTORY_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The next records, of the page they are from."""

    start: int
    log: Log
    records: Sequence[Record]


class HistoryWalk:
    """One stream's walk; `group` bounds a stretch's items, `item_of` says whose an entry is."""

    def __init__(
        self, group: int, item_of: Callable[[Entry], str | None], unreadable: Unreadable
    ) -> None:
        self._group = group
        self._item_of = item_of
        self._unreadable = unreadable
        self._log: Log | None = None
        self._walked_to: Position | None = None

    def stretch(self, since: Position) -> Reading[Stretch]:
        """The records after a place; from memory where the page they are on was read already."""
        start = read(since, HistoryPlace).history
        log = self._log if since == self._walked_to else None
        if log is None:
            log = yield from self._read_log(start)
        return Stretch(start=start, log=log, records=log.first(self._group, self._item_of))

    def walked(
        self, stretch: Stretch, changes: tuple[Change, ...], skipped: tuple[Skipped, ...]
    ) -> Followed:
        """The stretch is behind us, with these changes."""
        log = stretch.log
        log.records = log.records[len(stretch.records) :]
        reached = stretch.records[-1].id if stretch.records else stretch.start
        if not log.records and not log.more:
            reached = max(reached, log.newest)
        for change in changes:
            record = whole(change.version.partition(".")[0])
            if record is not None:
                log.delivered[change.item.id] = record
        self._walked_to = written(HistoryPlace(history=reached))
        self._log = log if log.records else None
        more = bool(log.records) or log.more
        nameless, log.skipped = log.skipped, ()
        return Followed(
            changes=changes, since=self._walked_to, more=more, skipped=(*nameless, *skipped)
        )

    def _read_log(self, start: int) -> Reading[Log]:
        token: str | None = None
        trail = Trail()
        skipped: tuple[Skipped, ...] = ()
        while True:
            (reply,) = yield (_history_ask(start, token),)
            log = read_log(reply.body, start, self._item_of, self._unreadable)
            following = text(reply.body.get("nextPageToken")) or None
            trail.page(token, [str(record.id) for record in log.records], following)
            log.skipped = skipped = (*skipped, *log.skipped)
            if log.records or following is None:
                return log
            token = following


def _history_ask(start: int, token: str | None) -> Ask:
    place = (("pageToken", token),) if token is not None else ()
    return Ask(
        method="gmail.history.list",
        base="gmail_url",
        path=f"{ME}/history",
        params=(
            ("startHistoryId", str(start)),
            ("maxResults", str(HISTORY_PAGE)),
            ("fields", FIELDS),
            *place,
        ),
        live=True,
    )
