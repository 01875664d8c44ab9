"""Google Calendar's answers as values: the list of calendars, pages of events; and what is asked
for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.behind import Behind, recognised
from scp_server.providers.foreign import entries, identifier, text
from scp_server.providers.google.shapes_calendar import is_cancelled, series_id
from scp_server.providers.page_walk import ItemPage, by_id, identified
from scp_server.providers.setting_aside import Nameless, Unreadable
from scp_server.providers.trail import Trail

SYNC_PAGE: Final = 2500
"""Most that events.list gives. The same whenever a sync token is minted or used: Google leaves
open what happens when a parameter differs (Calendar API, Events: list)."""
LISTING_PAGE: Final = 250
CALENDAR_PAGE: Final = 250

NAMELESS_CALENDAR: Final = "Google listed a calendar without an id: its events are not read."

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Calendar:
    """One of the user's calendars; they are read in this order: the primary first, then by id."""

    secondary: bool
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of what changed in one calendar, each event once in its last state."""

    key: str | None
    """The page token it was asked for with."""
    events: dict[str, dict[str, Any]]
    next: str | None
    sync: str | None
    updated: str | None
    """When the calendar last changed."""
    zone: str | None
    skipped: tuple[Skipped, ...] = ()
    """Entries that have no id to go by."""
    ended: frozenset[str]
    """Those of its events, and the series of its instances, that are cancelled as a whole."""
    behind: Behind
    """What was handled of it."""

    def doubtful(self) -> list[str]:
        """Series that cancelled instances name and of which it says nothing itself.

        The series may have ended with them: it may be on another page, or have come without an id.
        """
        named = (series_id(event) for event in self.events.values() if is_cancelled(event))
        unsaid = {series for series in named if series and series not in self.events}
        return sorted(unsaid)


def calendars_ask(token: str | None, *, live: bool = False) -> Ask:
    """A page of the user's calendars."""
    place: Params = (("pageToken", token),) if token is not None else ()
    fields = "nextPageToken,items(id,primary,accessRole,deleted)"
    return Ask(
        method="calendar.calendarList.list",
        base="calendar_url",
        path="/calendar/v3/users/me/calendarList",
        params=(("maxResults", str(CALENDAR_PAGE)), ("fields", fields), *place),
        live=live,
    )


def events_ask(calendar: str, params: Params, token: str | None, *, live: bool = False) -> Ask:
    """A page of a calendar's events; absent when the calendar is gone."""
    place: Params = (("pageToken", token),) if token is not None else ()
    return Ask(
        method="calendar.events.list",
        base="calendar_url",
        path=f"/calendar/v3/calendars/{quote(calendar, safe='')}/events",
        params=(*params, *place),
        absent_ok=True,
        live=live,
    )


def series_ask(calendar: str, series: str) -> Ask:
    """Whether a series takes place; absent when it is gone for good."""
    return Ask(
        method="calendar.events.get",
        base="calendar_url",
        path=f"/calendar/v3/calendars/{quote(calendar, safe='')}/events/{quote(series, safe='')}",
        params=(("fields", "status"),),
        absent_ok=True,
        live=True,
        one_of_many=True,
    )


def mint_params() -> Params:
    """To walk a calendar for nothing but its sync token."""
    return (("maxResults", str(SYNC_PAGE)), ("fields", "nextPageToken,nextSyncToken,updated"))


def sync_params(token: str) -> Params:
    """What changed since a sync token."""
    return (("maxResults", str(SYNC_PAGE)), ("syncToken", token))


class CalendarList:
    """The user's calendars, listed again and again. One without an id is told once."""

    def __init__(self, unreadable: Unreadable) -> None:
        self._nameless = Nameless(unreadable, NAMELESS_CALENDAR)

    def calendars(self, *, live: bool = False) -> Reading[list[Calendar]]:
        """All of them whose events the user may see, in order.

        Raises: ProviderProtocolError when the list is worth another try.
        """
        found: set[Calendar] = set()
        nameless = 0
        trail = Trail()
        token: str | None = None
        while True:
            (reply,) = yield (calendars_ask(token, live=live),)
            _expect_items(reply.body)
            listed, skipped = identified(entries(reply.body, "items"), _calendar_id)
            found |= {_calendar(i, entry) for i, entry in listed.items() if _is_readable(entry)}
            nameless += len(skipped)
            following = text(reply.body.get("nextPageToken")) or None
            trail.page(token, list(listed), following)
            if following is None:
                self._nameless.note(nameless, whole=True)
                return sorted(found)
            token = following

    def untold(self) -> tuple[Skipped, ...]:
        """Those without an id that are to be told now."""
        return self._nameless.untold()


def _calendar_id(entry: Mapping[str, Any]) -> str | None:
    return identifier(entry.get("id"))


def _calendar(identity: str, entry: Mapping[str, Any]) -> Calendar:
    return Calendar(secondary=entry.get("primary") is not True, id=identity)


def _is_readable(entry: Mapping[str, Any]) -> bool:
    # Of a calendar shared as free or busy there are no events to read.
    return entry.get("deleted") is not True and entry.get("accessRole") != "freeBusyReader"


def read_listing(reply: Reply, unreadable: Unreadable) -> ItemPage:
    """A page of a calendar's listing; of a calendar that is gone by now, an empty one.

    Raises: ProviderProtocolError when it is no such page.
    """
    if reply.absent:
        return ItemPage(entries={}, next=None)
    _expect_items(reply.body)
    found, skipped = by_id(entries(reply.body, "items"), _event_id, unreadable)
    following = text(reply.body.get("nextPageToken")) or None
    return ItemPage(entries=found, next=following, skipped=skipped)


def read_events(
    key: str | None,
    body: Mapping[str, Any],
    *,
    after: str | None = None,
    listing: bool = False,
    tokens_only: bool = False,
) -> EventPage:
    """A page of events; with `tokens_only`, of a listing that asked for no events.

    `after` is the mark of what was handled of it when it was asked for before, as part of a
    `listing` or of changes.

    Raises: ProviderProtocolError when it is no such page.
    """
    if not tokens_only:
        _expect_items(body)
    # The same event may come twice in a round; the last one counts.
    events, skipped = identified(entries(body, "items"), _event_id)
    return EventPage(
        key=key,
        events=events,
        next=text(body.get("nextPageToken")) or None,
        sync=text(body.get("nextSyncToken")) or None,
        updated=text(body.get("updated")),
        zone=text(body.get("timeZone")),
        skipped=skipped,
        ended=frozenset(i for i, e in events.items() if is_cancelled(e) and not series_id(e)),
        behind=recognised(events, after, listing=listing),
    )


def _event_id(event: Mapping[str, Any]) -> str | None:
    return text(event.get("id")) or None


def _expect_items(body: Mapping[str, Any]) -> None:
    # Calendar's listings have the array even when it is empty.
    if "items" not in body:
        raise ProviderProtocolError("Google answered a calendar listing with another object.")
