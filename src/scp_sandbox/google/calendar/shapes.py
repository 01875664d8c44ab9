"""Calendar's resources as JSON. Pure.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import base64
from datetime import UTC, datetime
from typing import Any

from scp_sandbox.world.diary import Diary
from scp_sandbox.world.event import Attendee, Event, When, zone

_COLOURS = (("14", "#9fe1e7"), ("6", "#ffad46"), ("20", "#b99aff"))


def event_resource(event: Event, diary: Diary, zone_name: str, most: int | None) -> dict[str, Any]:
    """One event. Times are shown with the offset of `zone_name`; `most` caps the attendees.

    A cancelled one is minimal: of an exception the series and the instance are told as well.
    """
    body: dict[str, Any] = {
        "kind": "calendar#event",
        "etag": event.etag,
        "id": event.id,
        "status": event.status,
    }
    if event.status == "cancelled":
        return body | _series(event, zone_name)
    body |= {
        "htmlLink": _link(event, diary),
        "created": rfc3339(event.created_us, digits=0),
        "updated": rfc3339(event.updated_us),
        "summary": event.summary,
    }
    body |= {k: v for k in ("description", "location") if (v := getattr(event, k)) is not None}
    body |= {
        "creator": _person(event.organizer, diary),
        "organizer": _person(event.organizer, diary),
        "start": when_resource(event.start, zone_name),
        "end": when_resource(event.end, zone_name),
    }
    if event.recurrence:
        body["recurrence"] = list(event.recurrence)
    body |= _series(event, zone_name)
    if event.transparent:
        body["transparency"] = "transparent"
    if event.private:
        body["visibility"] = "private"
    body |= {"iCalUID": event.ical_uid, "sequence": event.sequence}
    body |= _attendees(event, diary, most)
    return body | {"reminders": {"useDefault": True}, "eventType": "default"}


def when_resource(when: When, zone_name: str) -> dict[str, str]:
    """A time: the day, or the moment in the offset asked for beside the zone it was written in."""
    if when.day is not None:
        return {"date": when.day.isoformat()}
    shown = when.moment.astimezone(zone(zone_name)).isoformat(timespec="seconds")
    return {"dateTime": shown.replace("+00:00", "Z"), "timeZone": when.zone}


def calendar_resource(diary: Diary) -> dict[str, Any]:
    """`calendars.get`."""
    card = diary.card
    return {
        "kind": "calendar#calendar",
        "etag": _list_etag(diary),
        "id": card.id,
        "summary": card.summary,
        "timeZone": card.zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }


def list_entry(diary: Diary, place: int) -> dict[str, Any]:
    """An entry of `calendarList.list`."""
    card = diary.card
    colour, background = _COLOURS[place % len(_COLOURS)]
    body: dict[str, Any] = {
        "kind": "calendar#calendarListEntry",
        "etag": f'"{1_700_000_000_000 + place}"',
        "id": card.id,
        "summary": card.summary,
        "timeZone": card.zone,
        "colorId": colour,
        "backgroundColor": background,
        "foregroundColor": "#000000",
        "selected": True,
        "accessRole": card.access,
        "defaultReminders": [{"method": "popup", "minutes": 10}] if card.primary else [],
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    return body | {"primary": True} if card.primary else body


def events_head(diary: Diary, zone_name: str) -> dict[str, Any]:
    """What an `events.list` page says besides items and tokens."""
    return {
        "kind": "calendar#events",
        "etag": _list_etag(diary),
        "summary": diary.card.summary,
        "description": "",
        "updated": rfc3339(diary.updated_us),
        "timeZone": zone_name,
        "accessRole": diary.card.access,
        "defaultReminders": [{"method": "popup", "minutes": 10}] if diary.card.primary else [],
    }


def rfc3339(micros: int, *, digits: int = 3) -> str:
    """Microseconds since the epoch as Google prints them: milliseconds and Z."""
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    milliseconds = micros // 1000 % 1000 if digits else 0
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _series(event: Event, zone_name: str) -> dict[str, Any]:
    if event.series_id is None or event.original is None:
        return {}
    original = when_resource(event.original, zone_name)
    return {"recurringEventId": event.series_id, "originalStartTime": original}


def _person(email: str, diary: Diary) -> dict[str, Any]:
    return {"email": email, "self": True} if email == diary.user.email else {"email": email}


def _attendees(event: Event, diary: Diary, most: int | None) -> dict[str, Any]:
    if not event.attendees:
        return {}
    shown = [_attendee(a, event, diary) for a in event.attendees[:most]]
    if most is not None and len(event.attendees) > most:
        return {"attendees": shown, "attendeesOmitted": True}
    return {"attendees": shown}


def _attendee(attendee: Attendee, event: Event, diary: Diary) -> dict[str, Any]:
    body: dict[str, Any] = {"email": attendee.email, "displayName": attendee.name}
    if attendee.email == event.organizer:
        body["organizer"] = True
    if attendee.email == diary.user.email:
        body["self"] = True
    if attendee.optional:
        body["optional"] = True
    return body | {"responseStatus": attendee.response}


def _link(event: Event, diary: Diary) -> str:
    eid = base64.urlsafe_b64encode(f"{event.id} {diary.card.id}".encode()).decode().rstrip("=")
    return f"https://calendar.sandbox.example/event?eid={eid}"


def _list_etag(diary: Diary) -> str:
    return f'"p{diary.change:012x}o"'
