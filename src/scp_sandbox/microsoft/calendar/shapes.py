"""Events as Graph's JSON."""

import base64
import hashlib
import html
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from scp_sandbox.microsoft.calendar.ids import EventIds
from scp_sandbox.microsoft.calendar.patterns import recurrence
from scp_sandbox.microsoft.calendar.store import Calendar
from scp_sandbox.microsoft.calendar.views import kind_of
from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.entities import Kind
from scp_sandbox.microsoft.graph.zones import spelled, windows_name
from scp_sandbox.world.event import Attendee, Event, When

Property = Callable[[Event, Asked], Any]

UNSET = "0001-01-01T00:00:00Z"
_CLOSED = frozenset(("body", "bodyPreview"))
_RESPONSES = {
    "needsAction": "notResponded",
    "declined": "declined",
    "tentative": "tentativelyAccepted",
    "accepted": "accepted",
}


def event_kind(calendar: Calendar) -> Kind[Event]:
    """The kind of a calendar's events."""
    return Kind(name="event", properties=_event(calendar, EventIds(calendar.user.email)), etag=etag)


def basic(kind: Kind[Event]) -> Kind[Event]:
    """The kind as `Calendars.ReadBasic` shows it."""
    return replace(kind, withheld=_CLOSED)


def occurrence(kind: Kind[Event], event: Event, asked: Asked) -> dict[str, Any]:
    """An occurrence as a delta round has it: bare."""
    names = ("seriesMasterId", "type", "start", "end")
    return kind.show(event, asked, names, typed=True)


def etag(event: Event) -> str:
    """The entity tag: the change key within."""
    return f'W/"{change_key(event)}"'


def change_key(event: Event) -> str:
    """Names one state of an event."""
    digest = hashlib.sha256(f"{event.id}/{event.updated_us}".encode()).digest()[:14]
    return "DwAAABYAAAC" + base64.b64encode(digest).decode()


def _event(calendar: Calendar, ids: EventIds) -> dict[str, Property]:
    return {**_described(calendar, ids), **_detailed(calendar)}


def _described(calendar: Calendar, ids: EventIds) -> dict[str, Property]:
    return {
        "id": lambda e, a: ids.event(e.id, immutable=a.prefer.immutable),
        "createdDateTime": lambda e, _: _precise(e.created_us),
        "lastModifiedDateTime": lambda e, _: _precise(e.updated_us),
        "changeKey": lambda e, _: change_key(e),
        "categories": lambda _, __: [],
        "transactionId": lambda _, __: None,
        "originalStartTimeZone": lambda e, _: windows_name(e.start.zone),
        "originalEndTimeZone": lambda e, _: windows_name(e.end.zone),
        "iCalUId": lambda e, _: _uid(e),
        "uid": lambda e, _: _uid(e),
        "reminderMinutesBeforeStart": lambda e, _: 1080 if e.start.day else 15,
        "isReminderOn": lambda e, _: not e.transparent,
        "hasAttachments": lambda _, __: False,
        "subject": lambda e, _: e.summary,
        "bodyPreview": lambda e, _: (e.description or "")[:255],
        "importance": lambda _, __: "normal",
        "sensitivity": lambda e, _: "private" if e.private else "normal",
        "isAllDay": lambda e, _: e.start.day is not None,
        "isCancelled": lambda _, __: False,
        "isOrganizer": lambda e, _: e.organizer == calendar.user.email,
        "responseRequested": lambda _, __: True,
        "seriesMasterId": lambda e, a: (
            ids.event(e.series_id, immutable=a.prefer.immutable) if e.series_id else None
        ),
        "showAs": lambda e, _: shown_as(e),
        "type": lambda e, _: kind_of(e),
        "webLink": lambda e, a: f"{a.call.base}/owa/?itemid={ids.event(e.id, immutable=False)}",
    }


def _detailed(calendar: Calendar) -> dict[str, Property]:
    return {
        "onlineMeetingUrl": lambda _, __: None,
        "isOnlineMeeting": lambda _, __: False,
        "onlineMeetingProvider": lambda _, __: "unknown",
        "allowNewTimeProposals": lambda _, __: True,
        "occurrenceId": lambda e, _: _occurrence_id(e),
        "isDraft": lambda _, __: False,
        "hideAttendees": lambda _, __: False,
        "responseStatus": lambda e, _: my_response(calendar, e),
        "body": lambda e, a: _body(e, text=a.prefer.text),
        "start": lambda e, a: _when(e.start, a.prefer.zone),
        "end": lambda e, a: _when(e.end, a.prefer.zone),
        "location": lambda e, _: _location(e.location),
        "locations": lambda e, _: [_location(e.location)] if e.location else [],
        "recurrence": lambda e, _: recurrence(e, windows_name(e.start.zone)),
        "cancelledOccurrences": lambda e, _: _called_off(calendar, e),
        "attendees": lambda e, _: [_attendee(a) for a in e.attendees if a.email != e.organizer],
        "organizer": lambda e, _: _organizer(calendar, e),
        "onlineMeeting": lambda _, __: None,
        "originalStart": lambda e, _: _precise_moment(e.original.moment) if e.original else None,
    }


def _when(when: When, zone: str | None) -> dict[str, str]:
    """A whole day begins at midnight in whatever zone is preferred."""
    shown = spelled(when.moment, None if when.day else zone)
    return {**shown, "timeZone": zone or "UTC"}


def _precise(micros: int) -> str:
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000:06d}0Z"


def _precise_moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _uid(event: Event) -> str:
    digest = hashlib.sha256((event.series_id or event.id).encode()).hexdigest().upper()
    return f"040000008200E00074C5B7101A82E008{digest[:48]}"


def _occurrence_id(event: Event) -> str | None:
    if event.series_id is None or event.original is None:
        return None
    return f"OID.{_uid(event)}.{event.original.wall_day}"


def shown_as(event: Event) -> str:
    """`showAs`."""
    if event.status == "tentative":
        return "tentative"
    return "free" if event.transparent else "busy"


def _body(event: Event, *, text: bool) -> dict[str, Any]:
    words = event.description or ""
    if text:
        return {"contentType": "text", "content": words}
    page = f"<html><head></head><body>{html.escape(words, quote=False)}</body></html>"
    return {"contentType": "html", "content": page if words else ""}


def _location(name: str | None) -> dict[str, Any]:
    if not name:
        return {
            "displayName": "",
            "locationType": "default",
            "uniqueIdType": "unknown",
            "address": {},
            "coordinates": {},
        }
    return {
        "displayName": name,
        "locationType": "default",
        "uniqueId": name,
        "uniqueIdType": "private",
    }


def _attendee(attendee: Attendee) -> dict[str, Any]:
    return {
        "type": "optional" if attendee.optional else "required",
        "status": {"response": _RESPONSES[attendee.response], "time": UNSET},
        "emailAddress": {"name": attendee.name, "address": attendee.email},
    }


def _organizer(calendar: Calendar, event: Event) -> dict[str, Any]:
    known = {a.email: a.name for a in event.attendees}
    known[calendar.user.email] = calendar.user.person.name
    name = known.get(event.organizer, event.organizer)
    return {"emailAddress": {"name": name, "address": event.organizer}}


def my_response(calendar: Calendar, event: Event) -> dict[str, str]:
    """`responseStatus`: the calendar's owner's."""
    if event.organizer == calendar.user.email:
        return {"response": "organizer", "time": UNSET}
    mine = next((a.response for a in event.attendees if a.email == calendar.user.email), None)
    return {"response": _RESPONSES[mine] if mine else "none", "time": UNSET}


def _called_off(calendar: Calendar, event: Event) -> list[str]:
    if not event.recurrence:
        return []
    root = calendar.root(event.id)
    off = (_occurrence_id(e) for e in root.exceptions if e.status == "cancelled")
    return [identity for identity in off if identity]
