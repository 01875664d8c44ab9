"""A pretend Google Calendar in memory, and ways to read it to the end."""

# ruff: noqa: ANN401 - JSON

from datetime import UTC, datetime
from typing import Any

from providers.telling import Json, param, told

from scp_server.domain.changes import Change
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.calendar import CalendarEvents
from scp_wire.filters import EventFilters

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(identity: str, number: int = 1, **fields: Any) -> Json:
    return {
        "id": identity,
        "etag": f'"{number}"',
        "status": "confirmed",
        "created": "2026-01-01T00:00:00.000Z",
        "summary": f"About {identity}",
        **fields,
    }


def at(hour: int, day: int = 23) -> Json:
    return {"dateTime": f"2026-11-{day:02}T{hour:02}:00:00Z", "timeZone": "Europe/Berlin"}


class PretendCalendars:
    """Calendars by id with their events and a log of changes; tokens are places in the log."""

    def __init__(self, page: int = 250, **calendars: list[Json]) -> None:
        self.page = page
        self.primary = next(iter(calendars), None)
        self.events = {name: {e["id"]: e for e in given} for name, given in calendars.items()}
        self.log: dict[str, list[Json]] = {name: [] for name in calendars}
        self.updated = "2026-11-01T00:00:00.000Z"
        self.unreachable: set[str] = set()

    def put(self, calendar: str, change: Json) -> None:
        self.log[calendar].append(change)
        if change["status"] == "cancelled":
            self.events[calendar].pop(change["id"], None)
        else:
            self.events[calendar][change["id"]] = change

    def __call__(self, ask: Ask) -> Json | None:
        if ask.method == "calendar.calendarList.list":
            entries = [{"id": c, "primary": c == self.primary} for c in sorted(self.events)]
            return {"items": entries}
        calendar = ask.path.split("/")[4]
        if calendar not in self.events or calendar in self.unreachable:
            return None
        if ask.method == "calendar.events.get":
            return self._one(calendar, ask.path.rpartition("/")[2])
        token = param(ask, "syncToken")
        found = list(self.events[calendar].values())
        if token is not None:
            found = self.log[calendar][int(token) :]
        start = int(param(ask, "pageToken") or 0)
        body: Json = {"items": found[start : start + self.page], "updated": self.updated}
        if start + self.page < len(found):
            body["nextPageToken"] = str(start + self.page)
        else:
            body["nextSyncToken"] = str(len(self.log[calendar]))
        return body

    def _one(self, calendar: str, identity: str) -> Json | None:
        """As events.get has it: what was cancelled can be fetched still."""
        states = [change for change in self.log[calendar] if change.get("id") == identity]
        return states[-1] if states else self.events[calendar].get(identity)


def connector(**filters: Any) -> CalendarEvents:
    return CalendarEvents(EventFilters(**filters))


def read_all(calendars: PretendCalendars, found: CalendarEvents) -> list[Change]:
    changes: list[Change] = []
    resume: Position | None = None
    while True:
        step, _ = told(found.backfill(resume), calendars)
        changes += step.changes
        resume = step.resume
        if resume is None:
            return changes


def follow_all(
    calendars: PretendCalendars, found: CalendarEvents, since: Position
) -> tuple[list[Change], Position]:
    changes: list[Change] = []
    while True:
        learned, _ = told(found.follow(since), calendars)
        changes += learned.changes
        since = learned.since
        if not learned.more:
            return changes, since


def many(prefix: str, count: int) -> list[Json]:
    return [event(f"{prefix}{n:03}") for n in range(count)]
