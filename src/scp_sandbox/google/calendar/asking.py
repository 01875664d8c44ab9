"""The parameters of `events.list`: read, checked, refused.

https://developers.google.com/workspace/calendar/api/v3/reference/events/list
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scp_sandbox.call import Call
from scp_sandbox.google.errors import GoogleError, invalid_parameter
from scp_sandbox.google.method import number
from scp_sandbox.world.event import known_zone

# Not allowed together with a sync token.
RESTRICTIVE = (
    "iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin",
    "timeMax", "updatedMin",
)  # fmt: skip
# A list with one of these gives no sync token.
UNFOLLOWABLE = (
    "q", "updatedMin", "iCalUID", "orderBy", "privateExtendedProperty", "sharedExtendedProperty",
)  # fmt: skip
# What `events.instances` takes of all this.
OF_INSTANCES = frozenset(
    ("maxAttendees", "maxResults", "pageToken", "showDeleted", "timeMax", "timeMin", "timeZone")
)
# How far back Google remembers deletions is not published; about four weeks is what is told.
REMEMBERED_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What an `events.list` call wants."""

    limit: int
    page_token: str | None
    sync_token: str | None
    time_min: datetime | None
    time_max: datetime | None
    updated_min_us: int | None
    q: str | None
    ical_uid: str | None
    order: str | None
    single: bool
    deleted: bool
    zone: str | None
    most_attendees: int | None
    typed: bool
    followable: bool


def asking(call: Call, now: datetime) -> Asking:
    """Reads the parameters of a call.

    Raises:
        GoogleError: 400 for bad ones and bad company, 410 for an `updatedMin` of too long ago.
    """
    if call.one("syncToken"):
        _check_sync(call)
    single = call.flag("singleEvents")
    most = call.one("maxAttendees")
    types = call.many("eventTypes")
    found = Asking(
        limit=number(call, "maxResults", default=250, most=2500),
        page_token=call.one("pageToken") or None,
        sync_token=call.one("syncToken") or None,
        time_min=_moment(call, "timeMin"),
        time_max=_moment(call, "timeMax"),
        updated_min_us=_updated_min(call, now),
        q=call.one("q") or None,
        ical_uid=call.one("iCalUID"),
        order=_order(call, single=single),
        single=single,
        deleted=call.flag("showDeleted"),
        zone=_zone(call),
        most_attendees=int(most[:9]) if most and most.isdecimal() else None,
        typed=not types or "default" in types,
        followable=not any(call.one(name) for name in UNFOLLOWABLE),
    )
    if found.time_min and found.time_max and found.time_min >= found.time_max:
        raise GoogleError(
            status=400,
            reason="timeRangeEmpty",
            message="The specified time range is empty.",
            domain="calendar",
            location="timeMax",
            location_type="parameter",
        )
    return found


def asking_for_instances(call: Call, now: datetime) -> Asking:
    """Reads the parameters of `events.instances`; those of `events.list` alone mean nothing there.

    Raises:
        GoogleError: 400 for bad ones.
    """
    query = {name: call.query[name] for name in OF_INSTANCES & call.query.keys()}
    return asking(replace(call, query=query), now)


def _check_sync(call: Call) -> None:
    for name in RESTRICTIVE:
        if call.one(name) is not None:
            words = f"The parameter {name} cannot be combined with a sync token."
            raise invalid_parameter("syncToken", words, reason="badRequest")
    if call.one("showDeleted") == "false":
        words = "Deleted events cannot be left out when a sync token is used."
        raise invalid_parameter("syncToken", words, reason="badRequest")


def _order(call: Call, *, single: bool) -> str | None:
    order = call.one("orderBy")
    if order not in (None, "startTime", "updated"):
        raise invalid_parameter("orderBy", f"Invalid string value: '{order[:40]}'.")
    if order == "startTime" and not single:
        words = "The requested ordering is not available for the particular query."
        raise invalid_parameter("orderBy", words, reason="badRequest")
    return order


def _moment(call: Call, name: str) -> datetime | None:
    text = call.one(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:  # the offset is mandatory
        raise invalid_parameter(name, "Bad Request", reason="badRequest")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise invalid_parameter(name, "Bad Request", reason="badRequest") from None


def _zone(call: Call) -> str | None:
    name = call.one("timeZone")
    if name is not None and known_zone(name) is None:
        raise invalid_parameter("timeZone", "Invalid time zone definition.")
    return name


def _updated_min(call: Call, now: datetime) -> int | None:
    moment = _moment(call, "updatedMin")
    if moment is None:
        return None
    if moment < now - timedelta(days=REMEMBERED_DAYS):
        raise GoogleError(
            status=410,
            reason="updatedMinTooLongAgo",
            message="The requested minimum modification time lies too far in the past.",
            domain="calendar",
            location="updatedMin",
            location_type="parameter",
        )
    return int(moment.timestamp() * 1_000_000)
