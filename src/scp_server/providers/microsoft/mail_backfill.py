"""What is there in a mailbox, newest first, over all folders at once.

Not by pages: Graph pages a listing by `$skip`, which loses a message whenever a newer one is
deleted meanwhile, and its links die. Instead each step asks for the newest messages that are no
newer than the last one told. A message's time of arrival never changes, so nothing is lost by
deletions, moves or restarts, and the place is just a time. Graph shows whole seconds of a finer
time: so the second of the last message is asked for again, without those of it that were told. No
single message is believed: one whose time is wrong would lead past all that is newer. So the place
is the later time of the last two.

A search cannot be asked for so (it takes no filter); it is paged.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from scp_server.domain.changes import Change, Step
from scp_server.domain.errors import ProviderProtocolError, RequestRefused
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import entries, identifier, text, thing
from scp_server.providers.microsoft.delta import ask_at
from scp_server.providers.microsoft.mail_filters import MailJudge
from scp_server.providers.microsoft.mail_kind import MailMessages, list_ask
from scp_server.providers.microsoft.newest import short_hash
from scp_server.providers.moments import parsed, utc
from scp_server.providers.page_walk import by_id
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail
from scp_wire.events import ChangeKind

GROUP: Final = 25
"""Messages of a step: with their bodies, so that even large ones stay within an answer's limit."""
MOST: Final = 500
SEARCH_CAP: Final = 1000
"""Graph gives no more results of a search."""
WITNESSES: Final = 2
"""So many messages at the end of a step would have to lie for one to be lost."""
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200
"""Going on after a time beyond these would skip, or repeat, all there is."""
_EVER: Final = "1900-01-01T00:00:00Z"
"""Before all mail: what is ordered by has to come first in the filter (Graph, "List messages")."""


class MailPlace(msgspec.Struct, frozen=True, kw_only=True, tag="graph-mail-1"):
    """Older than `before` (None: the newest), without those `told` that may come again.

    `link`, where one second holds more than one answer, or for a search: the page to go on with.
    """

    before: str | None = None
    told: tuple[str, ...] = ()
    link: str = ""
    count: int = 0
    """Messages of a search so far."""


class MailBackfill:
    """The backfilling half of the connector."""

    def __init__(
        self,
        messages: MailMessages,
        judge: MailJudge,
        unreadable: Unreadable,
        *,
        max_results: int | None,
    ) -> None:
        self._messages = messages
        self._judge = judge
        self._unreadable = unreadable
        self._most = min(GROUP, max_results or GROUP)
        self._group = self._most
        self._filter = judge.asked()
        self._search = judge.searched()
        self._trail = Trail()
        self._went_on_at: Position | None = None

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next messages, newest first."""
        if resume is None or resume != self._went_on_at:
            self._trail.clear()
        place = MailPlace() if resume is None else read(resume, MailPlace)
        yield from self._messages.prepare()
        body = yield from self._smaller_if_odd(place)
        bodies, nameless = by_id(entries(body, "value"), _id, self._unreadable)
        following = text(body.get("@odata.nextLink")) or None
        fresh = {i: b for i, b in bodies.items() if short_hash(i) not in place.told}
        _expect_older(place, fresh)
        group = dict(list(fresh.items())[: self._group])
        yield from self._messages.fill(group)
        shaped = self._unreadable.shaped(group, self._created)
        whole = len(group) == len(fresh)
        known = {i: b for i, b in bodies.items() if i in group or i not in fresh}
        onwards = self._onwards(place, known, group, following if whole else None, rest=not whole)
        self._went_on_at = None if onwards is None else written(onwards)
        changes = tuple(change for change in shaped.found.values() if change is not None)
        found = place.count + len(group)
        return Step(
            changes=changes,
            resume=self._went_on_at,
            skipped=(*nameless, *shaped.skipped),
            current=True,
            capped=onwards is None and self._search is not None and found >= SEARCH_CAP,
        )

    def _created(self, _identity: str, body: dict[str, Any]) -> Change | None:
        return self._messages.change(body, ChangeKind.CREATED)

    # -- asking ----------------------------------------------------------------------------------

    def _smaller_if_odd(self, place: MailPlace) -> Reading[dict[str, Any]]:
        """A page; when it cannot be read, the next try asks for less of what may be too large."""
        try:
            body = yield from self._page(place)
        except ProviderProtocolError:
            self._group = max(self._group // 4, 1)
            raise
        self._group = min(self._group * 2, self._most)
        return body

    def _page(self, place: MailPlace) -> Reading[dict[str, Any]]:
        try:
            (reply,) = yield (self._ask(place),)
        except RequestRefused:
            if self._filter is None:
                raise
            # Too complex for Graph, or not to its mind: then it is judged here alone.
            self._filter = None
            (reply,) = yield (self._ask(place),)
        body = reply.body
        if "value" not in body:
            raise ProviderProtocolError("Microsoft answered a listing with another object.")
        following = text(body.get("@odata.nextLink")) or None
        here = f"{place.before} {place.link} {len(place.told)}"
        found = [text(thing(entry).get("id")) or "" for entry in entries(body, "value")]
        if place.link:
            self._trail.page(here, found, following)
        return body

    def _ask(self, place: MailPlace) -> Ask:
        top = ("$top", str(min(self._group + len(place.told), MOST)))
        if self._search is not None:
            start = list_ask("graph.messages.search", (("$search", self._search), top))
            return ask_at(start, place.link)
        parts = [*_older(place), *([f"({self._filter})"] if self._filter else [])]
        if self._filter and place.before is None:
            parts.insert(0, f"receivedDateTime ge {_EVER}")
        condition = (("$filter", " and ".join(parts)),) if parts else ()
        order = ("$orderby", "receivedDateTime desc")
        start = list_ask("graph.messages.list", (*condition, order, top))
        return ask_at(start, place.link)

    # -- going on --------------------------------------------------------------------------------

    def _onwards(
        self,
        place: MailPlace,
        known: Mapping[str, Mapping[str, Any]],
        group: Mapping[str, Mapping[str, Any]],
        following: str | None,
        *,
        rest: bool,
    ) -> MailPlace | None:
        """Where to go on; `known` are the messages of the answer that are told, `group` by now."""
        if self._search is not None:
            return self._searched_on(place, group, following, rest=rest)
        if following is None and not rest:
            return None
        seconds = [(i, _second(body)) for i, body in known.items()]
        ends = [s for _, s in seconds if s is not None and not _newer(place, s)][-WITNESSES:]
        last = max(ends) if len(ends) == WITNESSES else None
        if last is None or last == place.before:
            # One second fills more than an answer. The next one is larger by what was told; when it
            # cannot grow, further pages are all there is to go by.
            told = (*place.told, *map(short_hash, group))
            grown = self._group + len(told) > MOST or not group
            return msgspec.structs.replace(
                place, told=told, link=(following or place.link) if grown else ""
            )
        # Those whose times make no sense may be anywhere from here on.
        told = tuple(
            short_hash(i) for i, s in seconds if s is None or s <= last or _newer(place, s)
        )
        return MailPlace(before=last, told=told)

    def _searched_on(
        self,
        place: MailPlace,
        group: Mapping[str, Mapping[str, Any]],
        following: str | None,
        *,
        rest: bool,
    ) -> MailPlace | None:
        count = place.count + len(group)
        if rest:
            told = (*place.told, *map(short_hash, group))
            return msgspec.structs.replace(place, told=told, count=count)
        if following is None or count >= SEARCH_CAP:
            return None
        return MailPlace(link=following, count=count)


def _id(entry: Mapping[str, Any]) -> str | None:
    return identifier(entry.get("id"))


def _expect_older(place: MailPlace, fresh: Mapping[str, Mapping[str, Any]]) -> None:
    """Notice when the place is not heeded; one message with an absurd time is no sign of it."""
    if place.link:
        return
    newer = sum(_newer(place, second) for body in fresh.values() if (second := _second(body)))
    if newer > max(1, len(fresh) // 2):
        raise ProviderProtocolError("Microsoft listed messages that were not asked for.")


def _newer(place: MailPlace, second: str) -> bool:
    return place.before is not None and second > place.before


def _older(place: MailPlace) -> Iterator[str]:
    if place.before is not None:
        yield f"receivedDateTime lt {place.before}"


def _second(body: Mapping[str, Any]) -> str | None:
    """The end of the second in which a message arrived; None when mail has no such time."""
    arrived = parsed(text(body.get("receivedDateTime")) or "")
    if arrived is None or not _FIRST_YEAR <= arrived.year <= _LAST_YEAR:
        return None
    return utc(arrived.replace(microsecond=0) + timedelta(seconds=1))
