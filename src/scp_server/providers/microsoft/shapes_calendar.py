"""A Graph event's JSON to a CalendarEvent. What is missing or odd becomes null; nothing raises but
an event without an id.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from scp_server.providers.foreign import flag, items, text, thing
from scp_server.providers.lengths import capped
from scp_server.providers.microsoft.html_text import text_of_html
from scp_server.providers.microsoft.shapes_recurrence import recurrence_lines
from scp_server.providers.microsoft.values import address_of, identity_of, name_of, short
from scp_server.providers.microsoft.zones import iana_name, instant
from scp_server.providers.moments import parsed, utc
from scp_wire.items import BODY_TEXT_LIMIT, Attendee, CalendarEvent

ATTENDEE_LIMIT: Final = 1000
_RESPONSES: Final = {
    "none": "needs_action",
    "notResponded": "needs_action",
    "organizer": "accepted",
    "accepted": "accepted",
    "tentativelyAccepted": "tentative",
    "declined": "declined",
}


def calendar_event(body: Mapping[str, Any], calendar_id: str | None) -> CalendarEvent:
    """The event.

    Raises: ProviderProtocolError when it has no id.
    """
    all_day = flag(body.get("isAllDay"))
    begins = begin_of(body)
    return CalendarEvent(
        id=identity_of(body, "an event"),
        calendar_id=calendar_id,
        series_id=text(body.get("seriesMasterId")),
        subject=short(body.get("subject")),
        organiser=address_of(body.get("organizer")),
        start=_when(body.get("start"), all_day=bool(all_day)),
        end=_when(body.get("end"), all_day=bool(all_day)),
        timezone=_zone(body),
        all_day=all_day,
        status=_status(body),
        location=short(thing(body.get("location")).get("displayName")) or None,
        attendees=[_attendee(thing(a)) for a in items(body.get("attendees"))[:ATTENDEE_LIMIT]],
        recurrence=recurrence_lines(body, begins, all_day=bool(all_day)),
        body_text=body_text(body),
    )


def begin_of(body: Mapping[str, Any]) -> datetime | None:
    """When it begins; None when that is not known."""
    return _instant(body.get("start"))


def end_of(body: Mapping[str, Any]) -> datetime | None:
    """When it ends; None when that is not known."""
    return _instant(body.get("end"))


def body_text(body: Mapping[str, Any]) -> str | None:
    """Its description as plain text."""
    content = thing(body.get("body"))
    written = text(content.get("content"))
    if written is None:
        return None
    if text(content.get("contentType")) == "html":
        written, _ = text_of_html(written, BODY_TEXT_LIMIT)
    return capped(written.replace("\r\n", "\n"), BODY_TEXT_LIMIT)[0]


def _instant(value: object) -> datetime | None:
    moment = thing(value)
    local = text(moment.get("dateTime"))
    return None if local is None else instant(local, text(moment.get("timeZone")) or "UTC")


def _when(value: object, *, all_day: bool) -> str | None:
    if all_day:
        day = (text(thing(value).get("dateTime")) or "")[:10]
        return day if parsed(f"{day}T00:00:00Z") is not None else None
    at = _instant(value)
    return None if at is None else utc(at)


def _zone(body: Mapping[str, Any]) -> str | None:
    # Times are asked for in UTC: in which zone the event was made is told beside them.
    made_in = text(body.get("originalStartTimeZone"))
    named = made_in or text(thing(body.get("start")).get("timeZone"))
    return iana_name(named) if named else None


def _status(body: Mapping[str, Any]) -> str | None:
    if body.get("isCancelled") is True:
        return "cancelled"
    answer = text(thing(body.get("responseStatus")).get("response"))
    if answer == "tentativelyAccepted" or body.get("showAs") == "tentative":
        return "tentative"
    return "confirmed" if "isCancelled" in body or answer is not None else None


def _attendee(body: Mapping[str, Any]) -> Attendee:
    answer = text(thing(body.get("status")).get("response")) or ""
    return Attendee(email=address_of(body), name=name_of(body), response=_RESPONSES.get(answer))
