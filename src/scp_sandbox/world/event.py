"""A calendar event as the diary keeps it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Status = Literal["confirmed", "tentative", "cancelled"]


def known_zone(name: str) -> tzinfo | None:
    """The IANA zone called `name`; None where this machine has no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone(name: str) -> tzinfo:
    """The IANA zone called `name`; UTC where this machine has no such zone."""
    return known_zone(name) or UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A day (`day`), or a moment (`at`, aware, UTC) with the zone it was written in."""

    day: date | None = None
    at: datetime | None = None
    zone: str = "UTC"

    @property
    def moment(self) -> datetime:
        """The moment itself, or midnight UTC of the day."""
        if self.at is not None:
            return self.at
        day = self.day or date.min
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    @property
    def wall_day(self) -> date:
        """The day, by the calendars in its zone."""
        return self.day or self.moment.astimezone(zone(self.zone)).date()

    @property
    def stamp(self) -> str:
        """As in the ids of instances: `20261123T090000Z`, or `20261123` for a day."""
        if self.day is not None:
            return f"{self.day:%Y%m%d}"
        return f"{self.moment:%Y%m%dT%H%M%SZ}"

    def shifted(self, by: timedelta) -> "When":
        """The same kind of time, later; moments keep their wall-clock hour over a change of DST."""
        if self.day is not None:
            return When(day=self.day + by, zone=self.zone)
        wall = self.moment.astimezone(zone(self.zone)) + by
        return When(at=wall.astimezone(UTC), zone=self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """Somebody invited."""

    email: str
    name: str
    response: Literal["needsAction", "declined", "tentative", "accepted"] = "needsAction"
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, series master or exception, as it is now.

    `change` is the diary's counter at its last change, `place` its rank of creation;
    `created_us` and `updated_us` are microseconds since the epoch. An exception names its series
    and which instance it stands for (`series_id`, `original`).
    """

    id: str
    place: int
    change: int
    created_us: int
    updated_us: int
    start: When
    end: When
    summary: str
    status: Status = "confirmed"
    description: str | None = None
    location: str | None = None
    recurrence: tuple[str, ...] = ()
    series_id: str | None = None
    original: When | None = None
    attendees: tuple[Attendee, ...] = ()
    organizer: str = ""
    sequence: int = 0
    transparent: bool = False
    private: bool = False

    @property
    def ical_uid(self) -> str:
        """The UID shared by all exceptions of a series and all attendees' copies."""
        return f"{self.series_id or self.id}@sandbox.example"

    @property
    def etag(self) -> str:
        """Twice the microseconds of `updated`, quoted."""
        return f'"{self.updated_us * 2}"'
