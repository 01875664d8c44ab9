"""A Google Calendar event's JSON to a CalendarEvent. What is missing or odd becomes null; nothing
raises but an event without an id.
"""

from collections.abc import Mapping
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import items, text, texts, thing
from scp_server.providers.lengths import capped
from scp_server.providers.moments import parsed, utc
from scp_wire.items import BODY_TEXT_LIMIT, Attendee, CalendarEvent

ATTENDEE_LIMIT: Final = 1000
"""Google invites at most 500 (more only as groups)."""
LINE_LIMIT: Final = 4096
_OF_INSTANCES: Final = ("recurringEventId", "originalStartTime")
"""Google promises both of a cancelled instance, and has neither for other events (Events)."""
_STATUSES: Final = frozenset({"confirmed", "tentative", "cancelled"})
_RESPONSES: Final = {
    "needsAction": "needs_action",
    "accepted": "accepted",
    "declined": "declined",
    "tentative": "tentative",
}


def calendar_event(body: Mapping[str, Any], calendar_id: str) -> CalendarEvent:
    """The event.

    Of a cancelled exception Google tells little more than its id; its start is then the time
    that the series had planned for it.

    Raises: ProviderProtocolError when it has no id.
    """
    start = thing(body.get("start")) or thing(body.get("originalStartTime"))
    end = thing(body.get("end"))
    status = text(body.get("status"))
    recurrence = body.get("recurrence")
    return CalendarEvent(
        id=event_id(body),
        calendar_id=calendar_id,
        series_id=series_id(body),
        subject=_short(body.get("summary")),
        organiser=text(thing(body.get("organizer")).get("email")),
        start=_when(start),
        end=_when(end),
        timezone=text(start.get("timeZone")) or text(end.get("timeZone")),
        all_day=_all_day(start),
        status=status if status in _STATUSES else None,
        location=_short(body.get("location")),
        attendees=[_attendee(thing(a)) for a in items(body.get("attendees"))[:ATTENDEE_LIMIT]],
        recurrence=texts(recurrence) if isinstance(recurrence, list) else None,
        body_text=_body(body),
    )


def event_id(body: Mapping[str, Any]) -> str:
    """The event's id.

    Raises: ProviderProtocolError when there is none.
    """
    identity = text(body.get("id"))
    if not identity:
        raise ProviderProtocolError("Google sent a calendar event without an id.")
    return identity


def event_version(body: Mapping[str, Any], calendar_id: str) -> str:
    """Its etag, within its calendar: copies of an event in two calendars share their id."""
    return f"{text(body.get('etag')) or text(body.get('updated')) or ''} {calendar_id}"


def is_over(body: Mapping[str, Any]) -> bool:
    """Whether it is cancelled, and no instance: that would say something of its series.

    Raises: ProviderProtocolError for a cancelled instance that does not name its series.
    """
    if not is_cancelled(body) or series_id(body):
        return False
    if any(name in body for name in _OF_INSTANCES):
        raise ProviderProtocolError("Google sent a cancelled instance that names no series.")
    return True


def is_cancelled(body: Mapping[str, Any]) -> bool:
    """Whether it, or the instance that it stands for, does not take place."""
    return body.get("status") == "cancelled"


def series_id(body: Mapping[str, Any]) -> str | None:
    """Of an instance, the id of its series; None when it names none."""
    return text(body.get("recurringEventId")) or None


def _when(moment: Mapping[str, Any]) -> str | None:
    date, instant = text(moment.get("date")), text(moment.get("dateTime"))
    if date is not None:
        return date if parsed(f"{date}T00:00:00Z") is not None else None
    at = parsed(instant) if instant is not None else None
    return None if at is None else utc(at)


def _all_day(start: Mapping[str, Any]) -> bool | None:
    if text(start.get("date")) is not None:
        return True
    return False if text(start.get("dateTime")) is not None else None


def _attendee(body: Mapping[str, Any]) -> Attendee:
    return Attendee(
        email=text(body.get("email")),
        name=_short(body.get("displayName")),
        response=_RESPONSES.get(text(body.get("responseStatus")) or ""),
    )


def _short(value: object) -> str | None:
    line = text(value)
    return None if line is None else capped(line, LINE_LIMIT)[0]


def _body(body: Mapping[str, Any]) -> str | None:
    description = text(body.get("description"))
    return None if description is None else capped(description, BODY_TEXT_LIMIT)[0]
