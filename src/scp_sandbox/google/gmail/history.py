"""`users.history` (ids with gaps, states after the record, 404 below the floor)."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import invalid, not_found
from scp_sandbox.google.gmail.desk import GmailDesk
from scp_sandbox.google.method import Asked, number
from scp_sandbox.world.message import HistoryKind, HistoryRecord, Touched

_KINDS: dict[str, HistoryKind] = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


class History:
    """`history.list`."""

    def __init__(self, desk: GmailDesk) -> None:
        self._desk = desk

    def list(self, asked: Asked) -> Reply:
        """Changes after `startHistoryId`; a page token is the last record's id, 20 digits."""
        mailbox = self._desk.mailbox(asked.user)
        start = _start(asked.call.one("startHistoryId"))
        if not mailbox.knows_history(start):
            raise not_found("gmail")
        token = asked.call.one("pageToken")
        if token:
            start = max(start, _start(token))
        limit = number(asked.call, "maxResults", default=100, most=500)
        found = list(islice(_fitting(mailbox.history_since(start), asked), limit + 1))
        body: dict[str, object] = {}
        if found:
            body["history"] = [_record(record) for record in found[:limit]]
        if len(found) > limit:
            body["nextPageToken"] = f"{found[limit - 1].id:020d}"
        body["historyId"] = str(mailbox.history_id)
        return asked.reply(body)


def _start(text: str | None) -> int:
    if text is None:
        raise invalid("Missing required parameter: startHistoryId")
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise invalid(f"Invalid value at 'start_history_id' (TYPE_UINT64), \"{text[:40]}\"")
    return int(text)


def _fitting(records: Iterator[HistoryRecord], asked: Asked) -> Iterator[HistoryRecord]:
    names = asked.call.many("historyTypes")
    unknown = [name for name in names if name not in _KINDS]
    if unknown:
        raise invalid(f"Invalid value at 'history_types': \"{unknown[0][:40]}\"")
    kinds = {_KINDS[name] for name in names} or set(_KINDS.values())
    label = asked.call.one("labelId")
    return (
        record
        for record in records
        if record.kind in kinds and (label is None or _touches(record, label))
    )


def _touches(record: HistoryRecord, label: str) -> bool:
    return any(label in (*(t.labels or ()), *t.changed) for t in record.touched)


def _record(record: HistoryRecord) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "messages": [{"id": t.message_id, "threadId": t.thread_id} for t in record.touched],
        record.kind: [_entry(touched) for touched in record.touched],
    }


def _entry(touched: Touched) -> dict[str, Any]:
    message: dict[str, Any] = {"id": touched.message_id, "threadId": touched.thread_id}
    if touched.labels is not None:
        message["labelIds"] = list(touched.labels)
    entry: dict[str, Any] = {"message": message}
    if touched.changed:
        entry["labelIds"] = list(touched.changed)
    return entry
