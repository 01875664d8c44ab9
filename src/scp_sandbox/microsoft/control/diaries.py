"""Control of Outlook calendars: what is in a window, and making, changing, calling off."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, read
from scp_sandbox.microsoft.calendar.delta import window_of
from scp_sandbox.microsoft.calendar.desk import find
from scp_sandbox.microsoft.calendar.ids import EventIds
from scp_sandbox.microsoft.calendar.shapes import my_response, shown_as
from scp_sandbox.microsoft.calendar.store import Calendar
from scp_sandbox.microsoft.calendar.views import kind_of, within
from scp_sandbox.microsoft.control.asked import Appointment, Shift
from scp_sandbox.microsoft.estate import Holding
from scp_sandbox.microsoft.graph.errors import GraphError
from scp_sandbox.world.event import Event, When


class DiaryControl:
    """The verbs under `{email}/events`."""

    def list(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Single events and series; with `start` and `end` what that window shows."""
        calendar = holding.calendar
        start, end = call.one("start"), call.one("end")
        if start is None and end is None:
            found = list(calendar)
        else:
            try:
                found = within(calendar.roots(), window_of(start, end))
            except GraphError as error:
                raise ControlError(400, error.message) from error
        return {"count": len(found), "events": [_entry(calendar, e) for e in found]}

    def create(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Puts an event in; `start` is needed, an hour is the usual length."""
        asked, calendar = read(call, Appointment), holding.calendar
        if asked.start is None:
            raise ControlError(400, "`start` is needed: a date, or a moment with an offset")
        zone = asked.zone or calendar.user.zone
        start = _when(asked.start, zone)
        length = timedelta(days=1) if start.day else timedelta(hours=1)
        end = _when(asked.end, zone) if asked.end else start.shifted(length)
        more = _words(asked)
        summary = str(more.pop("summary", "Appointment"))
        return _entry(calendar, calendar.create(summary=summary, start=start, end=end, **more))

    def act(self, holding: Holding, call: Call, identity: str, verb: str) -> dict[str, Any]:
        """`update`, `move` and `delete`; of an occurrence they make an exception."""
        calendar = holding.calendar
        name = EventIds(calendar.user.email).read(identity)
        event = find(calendar, name) if name else None
        if event is None:
            raise ControlError(404, "no event of that id")
        match verb:
            case "update":
                event = _changed(calendar, event, _fields(read(call, Appointment), event))
            case "move":
                by = timedelta(minutes=read(call, Shift).minutes)
                times = {"start": event.start.shifted(by), "end": event.end.shifted(by)}
                event = _changed(calendar, event, times)
            case _:
                _called_off(calendar, event)
                return {"deleted": identity}
        return _entry(calendar, event)


def _changed(calendar: Calendar, event: Event, fields: dict[str, Any]) -> Event:
    if event.series_id is None or event.original is None:
        return calendar.update(event.id, **fields)
    fields.pop("recurrence", None)
    return calendar.change_instance(event.series_id, event.original, **fields)


def _called_off(calendar: Calendar, event: Event) -> None:
    if event.series_id is None or event.original is None:
        calendar.delete(event.id)
    else:
        calendar.change_instance(event.series_id, event.original, status="cancelled")


def _words(asked: Appointment) -> dict[str, Any]:
    names = {"subject": "summary"} | {n: n for n in ("description", "location", "recurrence")}
    found = {inner: getattr(asked, outer) for outer, inner in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _fields(asked: Appointment, event: Event) -> dict[str, Any]:
    zone = asked.zone or event.start.zone
    times = {"start": asked.start, "end": asked.end}
    return _words(asked) | {n: _when(text, zone) for n, text in times.items() if text is not None}


def _when(text: str, zone: str) -> When:
    try:
        if len(text) == len("2026-11-23"):
            return When(day=date.fromisoformat(text), zone=zone)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ControlError(400, f"{text} is neither a date nor a moment") from error
    if moment.tzinfo is None:
        raise ControlError(400, "moments need an offset, such as 2026-11-23T10:00:00Z")
    return When(at=moment.astimezone(UTC), zone=zone)


def _entry(calendar: Calendar, event: Event) -> dict[str, Any]:
    ids = EventIds(calendar.user.email)
    series = event.series_id
    return {
        "id": ids.event(event.id, immutable=False),
        "immutableId": ids.event(event.id, immutable=True),
        "seriesMasterId": ids.event(series, immutable=False) if series else None,
        "type": kind_of(event),
        "subject": event.summary,
        "start": event.start.moment.isoformat(),
        "end": event.end.moment.isoformat(),
        "allDay": event.start.day is not None,
        "showAs": shown_as(event),
        "response": my_response(calendar, event)["response"],
        "calledOff": _called_off_of(calendar, event),
    }


def _called_off_of(calendar: Calendar, series: Event) -> list[str]:
    """When the instances of a series that were called off would have begun, as an EXDATE has it."""
    if not series.recurrence:
        return []
    there = calendar.root(series.id).exceptions
    return sorted(e.original.stamp for e in there if e.status == "cancelled" and e.original)
