"""`calendarView/delta`: a window frozen in the token, and rounds of what changed (section 8)."""

from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.calendar.ids import EventIds
from scp_sandbox.microsoft.calendar.shapes import occurrence
from scp_sandbox.microsoft.calendar.store import Calendar
from scp_sandbox.microsoft.calendar.views import Window, kind_of, rows
from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.delta import delta_page, removed
from scp_sandbox.microsoft.graph.entities import DEFAULT_TOP, Kind
from scp_sandbox.microsoft.graph.errors import bad_request
from scp_sandbox.microsoft.graph.links import opened
from scp_sandbox.microsoft.graph.zones import instant
from scp_sandbox.world.event import Event

PLACE = "me/calendarView/delta"
_REFUSED = ("$orderby", "$filter", "$select", "$expand", "$search")


class Round(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Where a round stands: its window, from which change to which, and how much was given."""

    generation: int
    start: str
    end: str
    until: int
    since: int | None = None
    given: int = 0


def window_of(start: str | None, end: str | None) -> Window:
    """The window of `startDateTime` and `endDateTime`; without an offset they are UTC.

    Raises:
        GraphError: 400 when one is missing or none, or the end comes first.
    """
    if not start or not end:
        words = (
            "This request requires a time window specified by the query string parameters"
            " StartDateTime and EndDateTime."
        )
        raise bad_request(words, "ErrorInvalidParameter")
    begin, finish = instant(start), instant(end)
    if begin is None or finish is None:
        raise bad_request("The value of a query parameter is no moment.", "ErrorInvalidParameter")
    if finish < begin:
        words = "The start of the time window is after its end."
        raise bad_request(words, "ErrorInvalidParameter")
    return Window(begin, finish)


def changes(asked: Asked, calendar: Calendar, kind: Kind[Event]) -> Reply:
    """A page of the changes within the window.

    Raises:
        GraphError: the calendar's `loss` for a token that died, 400 for one that is none, or for
            options that go with no delta.
    """
    at = _round(asked, calendar)
    window = window_of(at.start, at.end)
    found = _all(asked, calendar, kind, at, window)
    size = asked.prefer.page or DEFAULT_TOP
    shown = found[at.given : at.given + size]
    more = at.given + size < len(found)
    if more:
        ahead = msgspec.structs.replace(at, given=at.given + size)
    else:
        ahead = msgspec.structs.replace(at, since=at.until, until=0, given=0)
    return delta_page(asked, "event", PLACE, shown, ahead, more=more)


def _round(asked: Asked, calendar: Calendar) -> Round:
    token = asked.option("$deltatoken") or asked.option("$skiptoken")
    if token is None:
        unfit = [name for name in _REFUSED if asked.option(name) is not None]
        if unfit:
            words = (
                "The following parameters are not supported with change tracking over the"
                f" 'CalendarView' resource: '{', '.join(_REFUSED)}'."
            )
            raise bad_request(words, "ErrorInvalidUrlQuery")
        start, end = asked.option("startDateTime"), asked.option("endDateTime")
        window = window_of(start, end)
        return Round(
            generation=calendar.generation,
            start=window.start.isoformat(),
            end=window.end.isoformat(),
            until=calendar.change,
        )
    at = opened(token, Round)
    if at.generation != calendar.generation:
        raise calendar.loss
    return at if at.until else msgspec.structs.replace(at, until=calendar.change)


def _all(
    asked: Asked, calendar: Calendar, kind: Kind[Event], at: Round, window: Window
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if at.since is None:
        for root in calendar.roots(at.until):
            found += [_told(kind, e, asked) for e in rows(root, window)]
        return found
    ids = EventIds(calendar.user.email)
    for name, touched in calendar.changed(at.since, at.until):
        now = rows(calendar.root(name, at.until), window)
        before = rows(calendar.root(name, at.since), window)
        gone = [e.id for e in before if e.id not in {n.id for n in now}]
        if not now and not gone:
            # A change outside the window is told as a removal, too: nobody can tell which (M).
            gone = [name]
        found += [
            removed("event", ids.event(identity, immutable=asked.prefer.immutable))
            for identity in gone
        ]
        found += [_told(kind, e, asked) for e in now if _concerned(e, name, touched)]
    return found


def _concerned(event: Event, root: str, touched: frozenset[str]) -> bool:
    """All of a series that was changed itself; else the exceptions that were, with the master."""
    return root in touched or event.id == root or event.id in touched


def _told(kind: Kind[Event], event: Event, asked: Asked) -> dict[str, Any]:
    if kind_of(event) == "occurrence":
        return occurrence(kind, event, asked)
    return kind.show(event, asked, typed=True)
