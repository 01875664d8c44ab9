"""The methods of Outlook's calendar: paths, scopes, answers."""

from collections.abc import Callable
from datetime import timedelta

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.calendar import delta
from scp_sandbox.microsoft.calendar.ids import EventIds
from scp_sandbox.microsoft.calendar.shapes import basic, event_kind
from scp_sandbox.microsoft.calendar.store import Calendar
from scp_sandbox.microsoft.calendar.views import Window, find_instance, instances, within
from scp_sandbox.microsoft.graph.asked import Asked, Method, path
from scp_sandbox.microsoft.graph.entities import Kind, listing, owned, single
from scp_sandbox.microsoft.graph.errors import bad_request, malformed_id, not_found
from scp_sandbox.world.event import Event

_SCOPES = frozenset(("Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic"))
_FULL = frozenset(("Calendars.Read", "Calendars.ReadWrite"))
# Outlook answers no wider window (its own words name 1,825 days).
WIDEST = timedelta(days=1825)


class CalendarDesk:
    """Answers calls about events of the default calendar."""

    def __init__(self, calendar_of: Callable[[Account], Calendar]) -> None:
        self._calendar_of = calendar_of

    def events(self, asked: Asked) -> Reply:
        """`GET /me/events`: single events and series, no occurrences; latest created first."""
        calendar = self._calendar(asked)
        found = sorted(calendar, key=lambda e: (-e.created_us, e.id))
        context = owned(asked, "events")
        return listing(self._kind(asked), found, asked, place="me/events", context=context)

    def event(self, asked: Asked) -> Reply:
        """`GET /me/events/{id}`: any of them, an occurrence too."""
        event = self._event(asked)
        return single(self._kind(asked), event, asked, context=owned(asked, "events"))

    def instances(self, asked: Asked) -> Reply:
        """`GET /me/events/{id}/instances`: a series spelled out within a window."""
        window = self._window(asked)
        series = self._event(asked)
        if not series.recurrence:
            words = "The event is not a series master."
            raise bad_request(words, "ErrorInvalidRequest")
        found = instances(self._calendar(asked).root(series.id), window)
        place = f"me/events('{asked.at['event']}')/instances"
        return listing(self._kind(asked), found, asked, place=place, context=owned(asked, "events"))

    def view(self, asked: Asked) -> Reply:
        """`GET /me/calendarView`: everything within a window, series spelled out."""
        calendar, window = self._calendar(asked), self._window(asked)
        key = ("view", window.start.isoformat(), window.end.isoformat(), calendar.change)
        spelled = calendar.remembered(key, lambda: within(calendar.roots(), window))
        found = [event for event in spelled if not isinstance(event, str)]
        context = owned(asked, "calendarView")
        return listing(self._kind(asked), found, asked, place="me/calendarView", context=context)

    def view_delta(self, asked: Asked) -> Reply:
        """`GET /me/calendarView/delta`."""
        return delta.changes(asked, self._calendar(asked), self._kind(asked))

    def calendars(self, asked: Asked) -> Reply:
        """`GET /me/calendars`: the default one is the only one."""
        context = owned(asked, "calendars")
        found = [self._calendar(asked)]
        return listing(_CALENDAR, found, asked, place="me/calendars", context=context)

    def calendar(self, asked: Asked) -> Reply:
        """`GET /me/calendar`."""
        return single(_CALENDAR, self._calendar(asked), asked, context=owned(asked, "calendar"))

    def _calendar(self, asked: Asked) -> Calendar:
        found = self._calendar_of(asked.account)
        wanted = asked.at.get("calendar")
        if wanted is not None and wanted != EventIds(found.user.email).calendar:
            raise not_found()
        return found

    def _kind(self, asked: Asked) -> Kind[Event]:
        kind = event_kind(self._calendar(asked))
        return basic(kind) if _FULL.isdisjoint(asked.scopes) else kind

    def _window(self, asked: Asked) -> Window:
        start, end = asked.option("startDateTime"), asked.option("endDateTime")
        window = delta.window_of(start, end)
        if window.end - window.start > WIDEST:
            words = "The requested time duration is too long. The maximum is 1825 days."
            raise bad_request(words, "ErrorCalendarViewRangeTooBig")
        return window

    def _event(self, asked: Asked) -> Event:
        calendar = self._calendar(asked)
        text = asked.at["event"]
        name = EventIds(calendar.user.email).read(text)
        if name is None:
            raise not_found() if text.startswith("AA") else malformed_id()
        found = find(calendar, name)
        if found is None:
            raise not_found()
        return found


def find(calendar: Calendar, name: str) -> Event | None:
    """The event, series, exception or occurrence of this name."""
    series, _, stamp = name.partition("_")
    if stamp:
        return find_instance(calendar.root(series), stamp)
    return calendar.get(name)


_CALENDAR: Kind[Calendar] = Kind(
    name="calendar",
    properties={
        "id": lambda c, _: EventIds(c.user.email).calendar,
        "name": lambda _, __: "Calendar",
        "color": lambda _, __: "auto",
        "hexColor": lambda _, __: "",
        "isDefaultCalendar": lambda _, __: True,
        "changeKey": lambda c, _: f"DwAAABYAAAC{c.generation:x}",
        "canShare": lambda _, __: True,
        "canViewPrivateItems": lambda _, __: True,
        "canEdit": lambda _, __: True,
        "allowedOnlineMeetingProviders": lambda _, __: [],
        "defaultOnlineMeetingProvider": lambda _, __: "unknown",
        "isTallyingResponses": lambda _, __: True,
        "isRemovable": lambda _, __: False,
        "owner": lambda c, _: {"name": c.user.person.name, "address": c.user.email},
    },
)


def calendar_methods(calendar_of: Callable[[Account], Calendar]) -> tuple[Method, ...]:
    """The methods, the more particular paths first."""
    desk = CalendarDesk(calendar_of)
    rows: list[tuple[str, str, Callable[[Asked], Reply]]] = []
    for place in ("/me", "/me/calendar", "/me/calendars/{calendar}"):
        rows += [
            ("calendarView.delta", f"{place}/calendarView/delta", desk.view_delta),
            ("calendarView.list", f"{place}/calendarView", desk.view),
            ("events.list", f"{place}/events", desk.events),
            ("events.get", place + "/events/{event}", desk.event),
            ("events.instances", place + "/events/{event}/instances", desk.instances),
        ]
    rows += [
        ("calendars.list", "/me/calendars", desk.calendars),
        ("calendars.get", "/me/calendar", desk.calendar),
        ("calendars.get", "/me/calendars/{calendar}", desk.calendar),
    ]
    return tuple(
        Method(service="calendar", name=name, path=path(where), scopes=_SCOPES, answer=answer)
        for name, where, answer in rows
    )
