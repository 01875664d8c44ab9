"""`…/messages/delta` and `mailFolders/delta`: rounds of changes, page by page."""

from collections.abc import Sequence
from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.delta import delta_page, removed
from scp_sandbox.microsoft.graph.entities import DEFAULT_TOP, Kind, condition_of, order_of
from scp_sandbox.microsoft.graph.errors import bad_filter, bad_request
from scp_sandbox.microsoft.graph.links import opened
from scp_sandbox.microsoft.graph.zones import instant
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.mail import Folder, Mail, Tomb
from scp_sandbox.microsoft.mail.shapes import CHANGING

# A filtered first round gives so many messages and no more.
MOST_FILTERED = 5000
_FLOOR = ("ge", "gt")


class Round(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Where a round stands; all that was asked for at its beginning goes along.

    `since` is the change known before the round (None in a first one), `start` the counter when it
    began, `after` the last row given: an arrival's `core` in a first round, a change in others.
    `floor` is the earliest moment of arrival in milliseconds, `kinds` the `changeType` asked for.
    """

    generation: int
    folder: str
    select: tuple[str, ...] | None = None
    floor: int | None = None
    kinds: str = ""
    since: int | None = None
    start: int = 0
    after: int | None = None
    page: int = 0
    sent: int = 0


Entry = tuple[int, dict[str, Any]]


class Deltas:
    """Answers the delta calls of one mailbox."""

    def __init__(self, box: Box, kind: Kind[Mail], folders: Kind[Folder]) -> None:
        self._box = box
        self._kind = kind
        self._folders = folders

    def messages(self, asked: Asked, folder: Folder) -> Reply:
        """A page of a folder's changes.

        Raises:
            GraphError: the mailbox's `loss` for a token that died, 400 for one that is none.
        """
        at = self._round(asked, folder.id, self._kind)
        place = f"me/mailFolders('{folder.known or folder.id}')/messages/delta"
        size = asked.prefer.page or DEFAULT_TOP
        if at.since is None:
            return self._first(asked, at, place, size)
        found = self._changes(at)
        entries = [(row.change, self._told(asked, at, row)) for row in found[:size]]
        return self._paged(asked, at, place, entries, more=len(found) > size)

    def folders(self, asked: Asked) -> Reply:
        """A page of the changes of all folders."""
        at = self._round(asked, "*", self._folders)
        since = at.since if at.since is not None else 0
        after = at.after if at.after is not None else since
        entries: list[Entry] = [
            (f.change, self._folders.show(f, asked, at.select, typed=True))
            for f in self._box.folders_since(after)
        ]
        known = at.start if at.since is None else since
        entries += [
            (t.change, removed("mailFolder", t.folder))
            for t in self._box.tombs_since(max(after, known))
            if not t.core
        ]
        entries.sort(key=lambda e: e[0])
        size = asked.prefer.page or DEFAULT_TOP
        more = len(entries) > size
        return self._paged(asked, at, "me/mailFolders/delta", entries[:size], more=more)

    def _round(self, asked: Asked, folder: str, kind: Kind[Any]) -> Round:
        token = asked.option("$deltatoken") or asked.option("$skiptoken")
        if token is None:
            return self._begun(asked, folder, kind)
        at = opened(token, Round)
        if at.generation != self._box.generation:
            raise self._box.loss
        if at.folder != folder:
            raise bad_request("The sync state was made for another folder.", "SyncStateInvalid")
        return at

    def _begun(self, asked: Asked, folder: str, kind: Kind[Any]) -> Round:
        if asked.option("$search") is not None:
            raise bad_request("The query parameter '$search' is not supported with delta.")
        order = order_of(kind, asked)
        if order and order != (("receivedDateTime", True),):
            raise bad_request("Change tracking supports $orderby=receivedDateTime desc only.")
        return Round(
            generation=self._box.generation,
            folder=folder,
            select=kind.selected(asked),
            floor=_floor(asked, kind),
            kinds=(asked.option("changeType") or "").lower(),
            start=self._box.change,
        )

    def _first(self, asked: Asked, at: Round, place: str, size: int) -> Reply:
        """A page of a first round: newest first, what came later is left to the next round."""
        found = [m for m in self._box.newest_first(at.folder) if _above(m, at.floor)]
        if at.floor is not None:
            found = found[:MOST_FILTERED]
        begin = 0
        if at.after is not None:
            begin = next((n for n, m in enumerate(found) if m.core < at.after), len(found))
        # Replays are possible and empty pages legal: some of both in long rounds.
        if at.page % 6 == 5 and begin < len(found):
            return self._answer(asked, place, [], _with(at, page=at.page + 1), more=True)
        shown = found[max(0, begin - 1) if at.page % 4 == 2 else begin : begin + size]
        items = [self._kind.show(m, asked, at.select, typed=True) for m in shown]
        more = begin + size < len(found)
        if more:
            ahead = _with(at, after=shown[-1].core, page=at.page + 1, sent=at.sent + len(shown))
        else:
            ahead = _with(at, since=at.start, after=None, page=0, sent=0)
        if at.kinds and "created" not in at.kinds:
            items = []
        return self._answer(asked, place, items, ahead, more=more)

    def _changes(self, at: Round) -> list[Mail | Tomb]:
        """What a round has still to tell, oldest change first."""
        since = at.since or 0
        after = since if at.after is None else at.after
        found: list[Mail | Tomb] = [
            mail
            for mail in self._box.changed_since(after)
            if mail.folder == at.folder
            and _above(mail, at.floor)
            and _wanted(at, "created" if mail.arrived > since else "updated")
        ]
        if _wanted(at, "deleted"):
            tombs = self._box.tombs_since(after)
            found += [tomb for tomb in tombs if tomb.folder == at.folder and tomb.core]
        return sorted(found, key=lambda row: row.change)

    def _told(self, asked: Asked, at: Round, row: Mail | Tomb) -> dict[str, Any]:
        if isinstance(row, Tomb):
            return self._gone(asked, row)
        return self._changed(asked, at, row, created=row.arrived > (at.since or 0))

    def _changed(self, asked: Asked, at: Round, mail: Mail, *, created: bool) -> dict[str, Any]:
        """A whole object, or with `$select` only what changed of what was selected."""
        if created or at.select is None:
            return self._kind.show(mail, asked, at.select, typed=True)
        since = at.since or 0
        fresh = {CHANGING[f] for f, when in mail.touched.items() if when > since}
        fresh |= {"lastModifiedDateTime", "changeKey"}
        names = [name for name in at.select if name in fresh]
        return self._kind.show(mail, asked, names, typed=True)

    def _gone(self, asked: Asked, tomb: Tomb) -> dict[str, Any]:
        ids, immutable = self._box.ids, asked.prefer.immutable
        return removed("message", ids.message(tomb.core, tomb.moves, immutable=immutable))

    def _paged(
        self, asked: Asked, at: Round, place: str, entries: Sequence[Entry], *, more: bool
    ) -> Reply:
        items = [body for _, body in entries]
        if more:
            ahead = _with(at, after=entries[-1][0], page=at.page + 1)
        else:
            # What happened since is after the last row, so that nothing is skipped.
            ahead = _with(at, since=self._box.change, after=None, page=0)
        return self._answer(asked, place, items, ahead, more=more)

    def _answer(
        self, asked: Asked, place: str, items: list[dict[str, Any]], ahead: Round, *, more: bool
    ) -> Reply:
        entity = "mailFolder" if ahead.folder == "*" else "message"
        return delta_page(asked, entity, place, items, ahead, more=more)


def _with(at: Round, **changed: Any) -> Round:  # noqa: ANN401
    return msgspec.structs.replace(at, **changed)


def _wanted(at: Round, kind: str) -> bool:
    return not at.kinds or kind in at.kinds


def _above(mail: Mail, floor: int | None) -> bool:
    return floor is None or mail.received_ms >= floor


def _floor(asked: Asked, kind: Kind[Any]) -> int | None:
    """The moment of `$filter=receivedDateTime ge …`, the only filter that delta takes."""
    text = asked.option("$filter")
    if text is None:
        return None
    condition_of(kind, asked)
    words = text.split()
    moment = instant(words[2].strip("'")) if len(words) == 3 else None
    if moment is None or words[0] != "receivedDateTime" or words[1] not in _FLOOR:
        raise bad_filter("Change tracking supports $filter=receivedDateTime ge|gt only.")
    floor = int(moment.timestamp() * 1000)
    return floor if words[1] == "ge" else floor + 1000
