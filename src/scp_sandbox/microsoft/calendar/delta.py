"""`calendarView/delta`: a window frozen in the token, and rounds of what changed."""

from collections.abc import Iterator
from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.calendar.ids import EventIds
from scp_sandbox.microsoft.calendar.shapes import occurrence
from scp_sandbox.microsoft.calendar.store import Calendar, Row
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
    key = ("delta", at.start, at.end, at.since, at.until)
    found = calendar.remembered(key, lambda: _rows(calendar, at, window))
    size = asked.prefer.page or DEFAULT_TOP
    ids = EventIds(calendar.user.email)
    shown = [
        removed("event", ids.event(row, immutable=asked.prefer.immutable))
        if isinstance(row, str)
        else _told(kind, row, asked)
        for row in found[at.given : at.given + size]
    ]
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


def _rows(calendar: Calendar, at: Round, window: Window) -> Iterator[Row]:
    """All that a round tells, in order: what is gone of a root before what there is of it."""
    if at.since is None:
        for root in calendar.roots(at.until):
            yield from rows(root, window)
        return
    for name, touched in calendar.changed(at.since, at.until):
        now = rows(calendar.root(name, at.until), window)
        before = rows(calendar.root(name, at.since), window)
        living = {event.id for event in now}
        gone = [event.id for event in before if event.id not in living]
        if not now and not gone:
            # A change outside the window is told as a removal, too: nobody can tell which.
            gone = [name]
        yield from gone
        # As with mail, what came and went since is told, too: nobody can tell what Graph does [M].
        yield from sorted(touched - living - {name, *gone})
        yield from (event for event in now if _concerned(event, name, touched))


def _concerned(event: Event, root: str, touched: frozenset[str]) -> bool:
    """All of a series that was changed itself; else the exceptions that were, with the master."""
    return root in touched or event.id == root or event.id in touched


def _told(kind: Kind[Event], event: Event, asked: Asked) -> dict[str, Any]:
    if kind_of(event) == "occurrence":
        return occurrence(kind, event, asked)
    return kind.show(event, asked, typed=True)
