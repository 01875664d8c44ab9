"""gmail_messages: messages.list and messages.get for what is there, history.list for changes.

Gmail gives five messages a second to a user, so steps are small: a group of messages each, its
place being "after message X of page P". The page's ids are remembered between steps; after a
restart the page is listed again.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from scp_server.domain.changes import Change, Followed, Step
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.foreign import text, whole
from scp_server.providers.google.gmail_filters import MailJudge, Verdict, confirms
from scp_server.providers.google.gmail_history import FIELDS, Log, Touched, read_log, touched
from scp_server.providers.google.gmail_listing import LISTING_FIELDS, MessagePage, read_page
from scp_server.providers.google.shapes_mail import (
    mail_message,
    message_id,
    message_labels,
    message_version,
)
from scp_server.providers.positions import read, written
from scp_server.providers.trail import Trail
from scp_wire.events import ChangeKind
from scp_wire.filters import MailFilters
from scp_wire.items import Gone

GROUP: Final = 20
"""Messages fetched at once: batches of 10 to 25 pass Gmail's limit on parallel calls."""
PAGE: Final = 100
HISTORY_PAGE: Final = 500
LEFT_FILTER: Final = "left_filter"
_ME: Final = "/gmail/v1/users/me"


class ListingPlace(msgspec.Struct, frozen=True, kw_only=True, tag="gmail-listing-1"):
    """Page `page` (None: the first), after message `after` (None: from its start)."""

    page: str | None = None
    after: str | None = None


class HistoryPlace(msgspec.Struct, frozen=True, kw_only=True, tag="gmail-history-1"):
    """All records up to this id are handled."""

    history: int


class GmailMessages:
    """A connector (ports.connector) of one mailbox under one stream's filters."""

    def __init__(self, filters: MailFilters, *, max_results: int | None = None) -> None:
        self._judge = MailJudge(filters)
        self._group = min(GROUP, max_results or GROUP)
        self._trail = Trail()
        self._early: MessagePage | None = None
        self._page: MessagePage | None = None
        self._went_on_at: Position | None = None
        self._log: Log | None = None
        self._followed_to: Position | None = None

    # -- what is there ---------------------------------------------------------------------------

    def bookmark(self) -> Reading[Position]:
        """The mailbox's history id; the first page is asked for at the same time."""
        profile_ask = _ask("gmail.getProfile", "/profile", ("fields", "historyId"))
        profile, listing = yield (profile_ask, self._list_ask(None))
        history = whole(profile.body.get("historyId"))
        if history is None:
            raise ProviderProtocolError("Google's profile of the mailbox has no historyId.")
        self._early = read_page(None, listing.body)
        return written(HistoryPlace(history=history))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next group of messages, newest first."""
        early, self._early = self._early, None
        if resume is None or resume != self._went_on_at:
            self._trail.clear()
            self._page = None
        if resume is None and early is not None:
            return (yield from self._begin(early))
        place = ListingPlace() if resume is None else read(resume, ListingPlace)
        while True:
            page = yield from self._page_at(place.page)
            rest = page.after(place.after)
            changes = yield from self._fetch_new(rest[: self._group])
            onwards = self._onwards(page, rest[: self._group], rest[self._group :])
            if changes or onwards is None:
                return self._step(changes, onwards)
            place = onwards

    def _begin(self, early: MessagePage) -> Reading[Step]:
        """Fetch from the page that came with the bookmark, and list it again beside.

        That page may be older than the bookmark: a message that arrived between the two is in
        neither. The second listing is younger for certain, and has it.
        """
        group = early.ids[: self._group]
        *replies, listing = yield (*map(_get_ask, group), self._list_ask(None))
        changes = _all_created(group, replies)
        page = self._note(read_page(None, listing.body))
        rest = tuple(identity for identity in page.ids if identity not in group)
        last = group[-1] if group else None
        if rest == page.after(last):
            return self._step(changes, self._onwards(page, group, rest))
        # Some are new before the group: only this object knows which, so the place is the start.
        self._page = MessagePage(token=None, ids=rest, next=page.next)
        return self._step(changes, ListingPlace())

    def _step(self, changes: tuple[Change, ...], onwards: ListingPlace | None) -> Step:
        self._went_on_at = None if onwards is None else written(onwards)
        return Step(changes=changes, resume=self._went_on_at)

    def _onwards(
        self, page: MessagePage, group: Sequence[str], rest: Sequence[str]
    ) -> ListingPlace | None:
        if rest:
            return ListingPlace(page=page.token, after=group[-1] if group else None)
        return None if page.next is None else ListingPlace(page=page.next)

    def _page_at(self, token: str | None) -> Reading[MessagePage]:
        if self._page is not None and self._page.token == token:
            return self._page
        (listing,) = yield (self._list_ask(token),)
        return self._note(read_page(token, listing.body))

    def _note(self, page: MessagePage) -> MessagePage:
        self._trail.page(page.token, page.ids, page.next)
        self._page = page
        return page

    def _fetch_new(self, ids: Sequence[str]) -> Reading[tuple[Change, ...]]:
        if not ids:
            return ()
        replies = yield tuple(map(_get_ask, ids))
        # One that is gone since it was listed is told by following, and to no one else.
        return _all_created(ids, replies)

    def _list_ask(self, token: str | None) -> Ask:
        place = (("pageToken", token),) if token is not None else ()
        return _ask(
            "gmail.messages.list",
            "/messages",
            *self._judge.listing(),
            ("maxResults", str(PAGE)),
            ("fields", LISTING_FIELDS),
            *place,
        )

    # -- what changes ----------------------------------------------------------------------------

    def follow(self, since: Position) -> Reading[Followed]:
        """What the next records of the history changed, each message once."""
        place = read(since, HistoryPlace)
        log = self._log if since == self._followed_to else None
        if log is None:
            log = yield from self._read_log(place.history)
        handled = log.first(self._group)
        changes = yield from self._changes(log, touched(handled))
        rest = log.records[len(handled) :]
        reached = handled[-1].id if handled else place.history
        if not rest and not log.more:
            reached = max(reached, log.newest)
        self._followed_to = written(HistoryPlace(history=reached))
        log.records = rest
        self._log = log if rest else None
        return Followed(changes=changes, since=self._followed_to, more=bool(rest) or log.more)

    def _read_log(self, start: int) -> Reading[Log]:
        token: str | None = None
        trail = Trail()
        while True:
            (reply,) = yield (_history_ask(start, token),)
            log = read_log(reply.body, start)
            following = text(reply.body.get("nextPageToken"))
            trail.page(token, [str(record.id) for record in log.records], following)
            if log.records or following is None:
                return log
            token = following

    def _changes(self, log: Log, messages: Sequence[Touched]) -> Reading[tuple[Change, ...]]:
        found: dict[str, Change | None] = {}
        wanted: list[Touched] = []
        for message in messages:
            if message.deleted:
                found[message.message_id] = _gone(message, None)
            elif log.delivered.get(message.message_id, -1) < message.record:
                if self._judge.by_labels(message.after) is Verdict.OUT:
                    found[message.message_id] = self._left(message, str(message.record))
                else:
                    wanted.append(message)
        bodies = yield from self._fetch_changed(wanted)
        out = yield from self._out(list(bodies.values()))
        for message in wanted:
            body = bodies.get(message.message_id)
            if body is not None:
                found[message.message_id] = self._judged(message, body, out)
        changes = tuple(c for m in messages if (c := found.get(m.message_id)) is not None)
        self._remember(log, changes)
        return changes

    def _judged(self, message: Touched, body: dict[str, Any], out: set[str]) -> Change | None:
        if message.message_id in out:
            return self._left(message, message_version(body))
        return _change(body, ChangeKind.CREATED if message.added else ChangeKind.UPDATED)

    def _left(self, message: Touched, version: str) -> Change | None:
        return _gone(message, LEFT_FILTER, version) if self._judge.perhaps_seen(message) else None

    def _fetch_changed(self, wanted: Sequence[Touched]) -> Reading[dict[str, dict[str, Any]]]:
        bodies: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), self._group):
            ids = [message.message_id for message in wanted[start : start + self._group]]
            replies = yield tuple(_get_ask(identity, live=True) for identity in ids)
            # One that is gone by now: a later record says so.
            pairs = zip(ids, replies, strict=True)
            bodies.update({i: _own(r.body, i) for i, r in pairs if not r.absent})
        return bodies

    def _out(self, bodies: Sequence[dict[str, Any]]) -> Reading[set[str]]:
        """Ids of those that are not in the filtered listing."""
        verdicts = [(b, self._judge.by_labels(message_labels(b))) for b in bodies]
        out = {message_id(body) for body, verdict in verdicts if verdict is Verdict.OUT}
        asked = [body for body, verdict in verdicts if verdict is Verdict.ASK]
        checks = [(message_id(b), ask) for b in asked if (ask := self._judge.check(b)) is not None]
        for start in range(0, len(checks), self._group):
            some = checks[start : start + self._group]
            replies = yield tuple(ask for _, ask in some)
            pairs = zip(some, replies, strict=True)
            out.update(identity for (identity, _), r in pairs if not confirms(r.body, identity))
        return out

    def _remember(self, log: Log, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.version.isdecimal():
                log.delivered[change.item.id] = int(change.version)


def _ask(method: str, path: str, *params: tuple[str, str]) -> Ask:
    return Ask(method=method, base="gmail_url", path=_ME + path, params=params)


def _get_ask(identity: str, *, live: bool = False) -> Ask:
    return Ask(
        method="gmail.messages.get",
        base="gmail_url",
        path=f"{_ME}/messages/{quote(identity, safe='')}",
        params=(("format", "full"),),
        absent_ok=True,
        live=live,
    )


def _history_ask(start: int, token: str | None) -> Ask:
    place = (("pageToken", token),) if token is not None else ()
    return Ask(
        method="gmail.history.list",
        base="gmail_url",
        path=f"{_ME}/history",
        params=(
            ("startHistoryId", str(start)),
            ("maxResults", str(HISTORY_PAGE)),
            ("fields", FIELDS),
            *place,
        ),
        live=True,
    )


def _own(body: dict[str, Any], identity: str) -> dict[str, Any]:
    if message_id(body) != identity:
        raise ProviderProtocolError("Google answered with another message than was asked for.")
    return body


def _all_created(ids: Sequence[str], replies: Sequence[Reply]) -> tuple[Change, ...]:
    pairs = [(i, r.body) for i, r in zip(ids, replies, strict=True) if not r.absent]
    return tuple(_change(_own(body, identity), ChangeKind.CREATED) for identity, body in pairs)


def _change(body: dict[str, Any], kind: ChangeKind) -> Change:
    return Change(kind=kind, item=mail_message(body), version=message_version(body), raw=body)


def _gone(message: Touched, reason: str | None, version: str = "") -> Change:
    return Change(
        kind=ChangeKind.DELETED,
        item=Gone(id=message.message_id),
        version=version or str(message.record),
        reason=reason,
    )
