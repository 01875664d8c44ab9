"""Plans a calendar: what stands in it before anybody looks. Pure and seeded."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from scp_sandbox.world import prose
from scp_sandbox.world.anchor import ANCHOR
from scp_sandbox.world.event import Attendee, Event, When, zone
from scp_sandbox.world.people import ABROAD, COLLEAGUES, User

SPAN_DAYS = 360
ID_ALPHABET = "0123456789abcdefghijklmnopqrstuv"  # RFC 2938 base32hex, as Google's ids
_ZONES = ("America/New_York", "Asia/Tokyo", "Europe/Berlin")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR")


def event_id(rng: random.Random) -> str:
    """A new event id: 26 characters of base32hex."""
    return "".join(rng.choice(ID_ALPHABET) for _ in range(26))


def plan_diary(user: User, name: str, seed: int, visible: int) -> list[Event]:
    """Every event of a new calendar, in order of creation.

    `visible` items are what a plain list shows: singles, series masters and exceptions, cancelled
    exceptions among them. Cancelled single events (about one in twenty) come on top.
    """
    rng = random.Random(f"{seed}/{user.sub}/{name}")  # noqa: S311
    events: list[Event] = []
    while len(events) < visible:
        if rng.random() < 0.08:
            events += _series(rng, user, visible - len(events))
        else:
            events.append(_single(rng, user))
    gone = [replace(_single(rng, user), status="cancelled") for _ in range(visible // 20)]
    events += gone
    return [replace(e, place=n, change=n) for n, e in enumerate(events, 1)]


def _single(rng: random.Random, user: User) -> Event:
    day = (ANCHOR + timedelta(days=rng.randint(-SPAN_DAYS, SPAN_DAYS))).date()
    if rng.random() < 0.15:
        length = timedelta(days=rng.choice((1, 1, 2, 5)))
        return _event(rng, user, When(day=day), length)
    name = user.zone if rng.random() < 0.85 else rng.choice(_ZONES)
    start = _at(
        day, rng.choice((8, 9, 10, 11, 13, 14, 15, 16, 19)), rng.choice((0, 0, 15, 30)), name
    )
    return _event(
        rng, user, start, timedelta(minutes=rng.choice((15, 30, 30, 45, 60, 60, 90, 480)))
    )


def _event(rng: random.Random, user: User, start: When, length: timedelta) -> Event:
    guest = rng.choice(COLLEAGUES if rng.random() < 0.75 else ABROAD)
    made = min(start.moment, ANCHOR) - timedelta(
        hours=rng.randint(1, 900), microseconds=rng.randrange(10**6)
    )
    edited = min(made + timedelta(seconds=rng.choice((0, 0, 400, 90_000))), ANCHOR)
    wordy = rng.random() < 0.5
    return Event(
        id=event_id(rng),
        place=0,
        change=0,
        created_us=_micros(made),
        updated_us=_micros(edited),
        start=start,
        end=start.shifted(length),
        summary=prose.subject(rng, guest.tongue),
        status="tentative" if rng.random() < 0.05 else "confirmed",
        description=prose.sentences(rng, guest.tongue, rng.randint(1, 5)) if wordy else None,
        location=rng.choice((None, None, "Room 3.14", "Quay House, Port Elden", "会議室 2")),
        attendees=_attendees(rng, user),
        organizer=user.email if rng.random() < 0.6 else guest.email,
        transparent=start.day is not None,
        private=rng.random() < 0.04,
    )


def _attendees(rng: random.Random, user: User) -> tuple[Attendee, ...]:
    if rng.random() < 0.45:
        return ()
    guests = rng.sample(COLLEAGUES + ABROAD, rng.choice((1, 1, 2, 3, 6)))
    me = Attendee(email=user.email, name=user.person.name, response="accepted")
    return (
        me,
        *(
            Attendee(
                email=guest.email,
                name=guest.name,
                response=rng.choice(
                    ("accepted", "accepted", "needsAction", "declined", "tentative")
                ),
                optional=rng.random() < 0.1,
            )
            for guest in guests
        ),
    )


def _series(rng: random.Random, user: User, room: int) -> list[Event]:
    """A master and, where there is room, some moved and some cancelled instances of it."""
    day = (ANCHOR + timedelta(days=rng.randint(-SPAN_DAYS, 30))).date()
    day -= timedelta(days=day.weekday())
    whole_day = rng.random() < 0.15
    start = When(day=day) if whole_day else _at(day, rng.choice((9, 10, 14)), 30, user.zone)
    length = timedelta(days=1) if whole_day else timedelta(minutes=rng.choice((15, 30, 60)))
    rule, step = _rule(rng, day)
    master = replace(_event(rng, user, start, length), recurrence=(rule,), status="confirmed")
    if step is None:
        return [master]
    exceptions = []
    for number in rng.sample(range(1, 6), min(rng.choice((0, 1, 2, 3)), room - 1)):
        original = start.shifted(step * number)
        exceptions.append(_exception(rng, master, original, length))
    return [master, *exceptions]


def _exception(rng: random.Random, master: Event, original: When, length: timedelta) -> Event:
    called_off = rng.random() < 0.4
    moved = original if called_off else original.shifted(timedelta(days=1))
    return replace(
        master,
        id=f"{master.id}_{original.stamp}",
        recurrence=(),
        series_id=master.id,
        original=original,
        start=moved,
        end=moved.shifted(length),
        status="cancelled" if called_off else "confirmed",
        summary=f"{master.summary} (moved)",
        updated_us=master.updated_us + rng.randrange(10**9),
    )


def _rule(rng: random.Random, day: date) -> tuple[str, timedelta | None]:
    """A rule whose first instance is on Monday `day`; the step to further instances if regular."""
    until = f"{(ANCHOR + timedelta(days=90)):%Y%m%d}T235959Z"
    return rng.choice(
        (
            ("RRULE:FREQ=WEEKLY;BYDAY=MO", timedelta(weeks=1)),
            ("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", timedelta(weeks=2)),
            (f"RRULE:FREQ=WEEKLY;BYDAY={','.join(_WEEKDAYS)}", timedelta(weeks=1)),
            ("RRULE:FREQ=DAILY;COUNT=12", timedelta(days=1)),
            (f"RRULE:FREQ=WEEKLY;UNTIL={until}", timedelta(weeks=1)),
            (f"RRULE:FREQ=MONTHLY;BYDAY={(day.day - 1) // 7 + 1}MO", None),
            ("RRULE:FREQ=MONTHLY", None),
            ("RRULE:FREQ=YEARLY", None),
        )
    )


def _at(day: date, hour: int, minute: int, name: str) -> When:
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone(name))
    return When(at=wall.astimezone(UTC), zone=name)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
