"""Readings, told what Google would say: plain values, no network."""

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from scp_server.domain.changes import Change
from scp_server.ports.connector import Ask, Reading, Reply

T = TypeVar("T")
Json = dict[str, Any]
Answering = Callable[[Ask], Json | None]
"""The body of an answer; None when the thing is gone."""


def told(reading: Reading[T], answering: Answering) -> tuple[T, list[list[Ask]]]:
    """What the reading learned, and what it asked for, round trip by round trip."""
    rounds: list[list[Ask]] = []
    try:
        asks = next(reading)
        while True:
            rounds.append(list(asks))
            asks = reading.send(tuple(_reply(answering(ask)) for ask in asks))
    except StopIteration as end:
        learned: T = end.value
        return learned, rounds


def _reply(body: Json | None) -> Reply:
    return Reply(body={}, absent=True) if body is None else Reply(body=body)


def param(ask: Ask, name: str) -> str | None:
    """A parameter that is given at most once."""
    found = [value for key, value in ask.params if key == name]
    assert len(found) <= 1
    return found[0] if found else None


def told_of(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    """Kind and id of each change."""
    return [(change.kind.value, change.item.id) for change in changes]


def coded(text: str | bytes) -> str:
    """Body data as Gmail spells it."""
    return base64.urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode()


class PretendMailbox:
    """A mailbox: messages with labels, newest first, and a history. Pages of `page` ids."""

    def __init__(self, *ids: str, page: int = 100) -> None:
        self.page = page
        self.labels: dict[str, set[str]] = {i: {"INBOX"} for i in reversed(ids)}
        self.versions: dict[str, int] = dict.fromkeys(ids, 1)
        self.history: list[Json] = []
        self.history_id = 100
        self.matching: set[str] | None = None
        """What the search finds; None: everything."""
        self.threads: dict[str, str] = {}
        """Message id to thread id; a message not named here is a thread of its own."""

    def ids(self) -> list[str]:
        """Newest first."""
        return list(reversed(self.labels))

    def add(self, identity: str, *labels: str, thread: str | None = None) -> None:
        self.labels[identity] = set(labels or ("INBOX",))
        if thread is not None:
            self.threads[identity] = thread
        self._record("messagesAdded", identity)

    def relabel(self, identity: str, *, add: str | None = None, remove: str | None = None) -> None:
        if add:
            self.labels[identity].add(add)
            self._record("labelsAdded", identity, add)
        if remove:
            self.labels[identity].discard(remove)
            self._record("labelsRemoved", identity, remove)

    def delete(self, identity: str) -> None:
        self._record("messagesDeleted", identity)
        del self.labels[identity]

    def vanish(self, identity: str) -> None:
        """Go without a trace, as between a listing and what follows it."""
        del self.labels[identity]

    def __call__(self, ask: Ask) -> Json | None:
        match ask.method:
            case "gmail.getProfile":
                return {"historyId": str(self.history_id)}
            case "gmail.messages.list" | "gmail.threads.list":
                return self._listing(ask)
            case "gmail.threads.get":
                return self.thread(ask.path.rpartition("/")[2])
            case "gmail.messages.get":
                return self.message(ask.path.rpartition("/")[2])
            case _:
                return self._history(ask)

    def message(self, identity: str) -> Json | None:
        """As messages.get has it."""
        if identity not in self.labels:
            return None
        return {
            "id": identity,
            "threadId": self.thread_of(identity),
            "labelIds": sorted(self.labels[identity]),
            "historyId": str(self.versions[identity]),
            "internalDate": "1777485134000",
            "payload": {"headers": [{"name": "Message-ID", "value": f"<{identity}@mail.example>"}]},
        }

    def thread_of(self, identity: str) -> str:
        """The thread a message is in, or was."""
        return self.threads.get(identity, f"t-{identity}")

    def thread(self, identity: str) -> Json | None:
        """As threads.get has it."""
        messages = [
            m for i in self.labels if self.thread_of(i) == identity and (m := self.message(i))
        ]
        if not messages:
            return None
        newest = max(int(message["historyId"]) for message in messages)
        return {"id": identity, "historyId": str(newest), "messages": messages}

    def _listing(self, ask: Ask) -> Json:
        wanted = {value for key, value in ask.params if key == "labelIds"}
        hidden = set() if param(ask, "includeSpamTrash") else {"SPAM", "TRASH"}
        query = param(ask, "q") or ""
        found = [
            i
            for i in self.ids()
            if wanted <= self.labels[i] and not hidden & self.labels[i] and self._found(i, query)
        ]
        key = ask.method.split(".")[1]
        if key == "threads":
            found = list(dict.fromkeys(self.thread_of(i) for i in found))
        start = int(param(ask, "pageToken") or 0)
        page = found[start : start + self.page]
        listed = [self._entry(i) if key == "threads" else {"id": i} for i in page]
        body: Json = {key: listed} if page else {"resultSizeEstimate": 0}
        if start + self.page < len(found):
            body["nextPageToken"] = str(start + self.page)
        return body

    def _entry(self, identity: str) -> Json:
        thread = self.thread(identity) or {}
        newest = thread["messages"][0]["id"]
        return {"id": identity, "historyId": thread["historyId"], "snippet": f"of {newest}"}

    def _found(self, identity: str, query: str) -> bool:
        narrow, _, _ = query.partition(" (")
        named = [word.strip("{}") for word in narrow.split() if "rfc822msgid:" in word]
        if named and f"rfc822msgid:{identity}@mail.example" not in named:
            return False
        return self.matching is None or identity in self.matching

    def _history(self, ask: Ask) -> Json:
        start = int(param(ask, "startHistoryId") or 0)
        limit = int(param(ask, "maxResults") or 100)
        found = [record for record in self.history if int(record["id"]) > start]
        body: Json = {"historyId": str(self.history_id)}
        if found:
            body["history"] = found[:limit]
        if len(found) > limit:
            body["nextPageToken"] = "more"
        return body

    def _record(self, kind: str, identity: str, label: str | None = None) -> None:
        self.history_id += 10
        self.versions[identity] = self.history_id
        message: Json = {"id": identity, "threadId": self.thread_of(identity)}
        if kind != "messagesDeleted":
            message["labelIds"] = sorted(self.labels[identity])
        entry = {"message": message, **({"labelIds": [label]} if label else {})}
        self.history.append({"id": str(self.history_id), kind: [entry]})
