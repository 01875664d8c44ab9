"""Control of calendars: what is in them, and making, changing and calling off appointments."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import Appointment, ControlError, Instance, Move, read
from scp_sandbox.world.diary import Diary
from scp_sandbox.world.event import Event, When
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World


class DiaryControl:
    """The verbs under `/sandbox/users/{email}/events`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, user: User, call: Call) -> dict[str, Any]:
        """Events by calendar, as plain `events.list` has them; `all=true`: deleted ones too."""
        everything = call.flag("all")
        return {
            "calendars": {
                diary.card.id: [_entry(e) for e in diary if everything or diary.shown(e)]
                for diary in self._world.diaries(user).values()
            }
        }

    def create(self, user: User, call: Call) -> dict[str, Any]:
        """Puts an appointment in; `start` is needed, an hour is the usual length."""
        asked = read(call, Appointment)
        diary = self._diary(user, asked.calendar)
        if asked.start is None:
            raise ControlError(400, "`start` is needed: a date, or a moment with an offset")
        zone = asked.zone or diary.card.zone
        start = _when(asked.start, zone)
        length = timedelta(days=1) if start.day else timedelta(hours=1)
        end = _when(asked.end, zone) if asked.end else start.shifted(length)
        more = _fields(asked)
        more.pop("summary", None)
        event = diary.create(summary=asked.summary or "Appointment", start=start, end=end, **more)
        return _entry(event)

    def update(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Changes what is given of an appointment."""
        asked = read(call, Appointment)
        diary, event = self._event(user, asked.calendar, identity)
        fields = _fields(asked)
        zone = asked.zone or event.start.zone
        fields |= {
            name: _when(value, zone)
            for name, value in (("start", asked.start), ("end", asked.end))
            if value is not None
        }
        return _entry(diary.update(identity, **fields))

    def move(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Moves an appointment by minutes (an all-day one by whole days)."""
        asked = read(call, Move)
        diary, event = self._event(user, asked.calendar, identity)
        by = timedelta(minutes=asked.minutes)
        moved = diary.update(identity, start=event.start.shifted(by), end=event.end.shifted(by))
        return _entry(moved)

    def cancel(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Calls off an appointment, a series, or with `original` one instance of a series."""
        asked = read(call, Instance)
        diary, event = self._event(user, asked.calendar, identity)
        if asked.original is None:
            return _entry(diary.cancel(identity))
        if not event.recurrence:
            raise ControlError(400, "`original` is for events that recur")
        return _entry(diary.cancel_instance(identity, _when(asked.original, event.start.zone)))

    def _event(self, user: User, calendar: str, identity: str) -> tuple[Diary, Event]:
        diary = self._diary(user, calendar)
        event = diary.get(identity)
        if event is None:
            raise ControlError(404, f"no event {identity} in that calendar")
        return diary, event

    def _diary(self, user: User, calendar: str) -> Diary:
        diary = self._world.diary(user, calendar)
        if diary is None:
            names = ", ".join(self._world.diaries(user))
            raise ControlError(404, f"`calendar` is `primary` or one of {names}")
        return diary


def _fields(asked: Appointment) -> dict[str, Any]:
    names = ("summary", "description", "location", "recurrence")
    return {name: value for name in names if (value := getattr(asked, name)) is not None}


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


def _entry(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "status": event.status,
        "etag": event.etag,
        "summary": event.summary,
        "start": _told(event.start),
        "end": _told(event.end),
        "series": event.series_id,
        "original": _told(event.original) if event.original else None,
    }


def _told(when: When) -> str:
    """The date, or the moment in UTC, as `_when` reads them."""
    return when.day.isoformat() if when.day else f"{when.moment:%Y-%m-%dT%H:%M:%SZ}"
