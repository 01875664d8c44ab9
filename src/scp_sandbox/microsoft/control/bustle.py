"""Random life of an account: mail that comes, moves and goes, and all else that changes."""

import random
from datetime import timedelta
from typing import Any

from scp_sandbox.microsoft.calendar.store import Calendar
from scp_sandbox.microsoft.calendar.views import Window, instances
from scp_sandbox.microsoft.estate import Holding
from scp_sandbox.microsoft.mail.arrivals import Letter, PostRoom
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.plan import CATEGORIES
from scp_sandbox.world.addressbook import AddressBook, Entry
from scp_sandbox.world.contact import Handle
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.event import Event, When
from scp_sandbox.world.people import ABROAD, COLLEAGUES

_MAIL = ("deliver",) * 4 + ("read", "flag", "categorise", "move", "move", "bin", "delete")
_EVENTS = ("create", "create", "rename", "move", "delete", "instance", "instance")
_CONTACTS = ("create", "create", "update", "update", "delete")
_FILES = ("create", "create", "edit", "rename", "move", "trash", "delete")


def mail_change(rng: random.Random, box: Box, post: PostRoom) -> str:
    """One random change of a mailbox; returns what it was."""
    verb = rng.choice(_MAIL)
    everything = box.newest_first()
    if verb == "deliver" or not everything:
        answered = (
            rng.choice(everything).conversation if everything and rng.random() < 0.4 else None
        )
        inbox = box.folder("inbox")
        letter = Letter(folder=inbox.id if inbox else "", conversation=answered)
        return f"deliver {post.deliver(box, letter).core:x}"
    chosen = rng.choice(everything)
    match verb:
        case "read":
            box.update(chosen.core, read=not chosen.read)
        case "flag":
            box.update(chosen.core, flagged=not chosen.flagged)
        case "categorise":
            box.update(chosen.core, categories=tuple(rng.sample(CATEGORIES, rng.randint(0, 2))))
        case "move":
            box.move(chosen.core, rng.choice(box.folders()).id)
        case "bin":
            box.bin(chosen.core)
        case _:
            box.delete(chosen.core)
    return f"{verb} {chosen.core:x}"


def event_change(rng: random.Random, holding: Holding) -> str:
    """One random change of a calendar; returns what it was."""
    calendar = holding.calendar
    living = list(calendar)
    verb = rng.choice(_EVENTS)
    if verb == "create" or not living:
        return f"create {_new_event(rng, holding).id}"
    chosen = rng.choice(living)
    match verb:
        case "rename":
            calendar.update(chosen.id, summary=f"Renamed {rng.randint(1, 10**6)}")
        case "move":
            calendar.shift(chosen.id, timedelta(hours=rng.randint(-48, 48)))
        case "instance":
            return _instance_change(rng, calendar, [e for e in living if e.recurrence])
        case _:
            calendar.delete(chosen.id)
    return f"{verb} {chosen.id}"


def _new_event(rng: random.Random, holding: Holding) -> Event:
    now = holding.box.now().replace(second=0, microsecond=0)
    start = When(at=now + timedelta(hours=rng.randint(1, 400)), zone=holding.account.user.zone)
    rule = ("RRULE:FREQ=WEEKLY;COUNT=6",) if rng.random() < 0.2 else ()
    return holding.calendar.create(
        summary=f"Made up {rng.randint(1, 10**6)}",
        start=start,
        end=start.shifted(timedelta(minutes=30)),
        recurrence=rule,
    )


def _instance_change(rng: random.Random, calendar: Calendar, series: list[Event]) -> str:
    if not series:
        return "instance of nothing"
    master = rng.choice(series)
    begin = master.start.moment
    found = instances(calendar.root(master.id), Window(begin, begin + timedelta(days=90)))
    if not found or found[0].original is None:
        return f"no instance of {master.id}"
    chosen = rng.choice(found)
    original = chosen.original or master.start
    if rng.random() < 0.4:
        calendar.change_instance(master.id, original, status="cancelled")
        return f"call off {chosen.id}"
    by = timedelta(minutes=rng.choice((30, 60, 1440)))
    calendar.change_instance(
        master.id, original, start=chosen.start.shifted(by), end=chosen.end.shifted(by)
    )
    return f"move {chosen.id}"


def contact_change(rng: random.Random, book: AddressBook) -> str:
    """One random change of an address book; returns what it was."""
    living = list(book)
    verb = rng.choice(_CONTACTS)
    if verb == "create" or not living:
        person = rng.choice(COLLEAGUES + ABROAD)
        given, _, family = person.name.partition(" ")
        made = book.create(Entry(given=given, family=family, emails=(Handle(person.email),)))
        return f"create {made.id}"
    chosen = rng.choice(living)
    if verb == "update":
        book.update(chosen.id, **_card_change(rng))
    else:
        book.delete(chosen.id)
    return f"{verb} {chosen.id}"


def _card_change(rng: random.Random) -> dict[str, Any]:
    number = rng.randint(1, 10**6)
    changes: list[dict[str, Any]] = [
        {"title": f"Title {number}"},
        {"company": f"Company {number}"},
        {"family": f"Renamed{number}"},
        {"emails": (Handle(f"new{number}@neighbour.example"), Handle(f"b{number}@home.example"))},
        {"phones": (Handle(f"+1 555 {number}"),)},
    ]
    return rng.choice(changes)


def file_change(rng: random.Random, drive: Drive) -> str:
    """One random change of a drive; returns what it was."""
    own = [n for n in drive if n.parent and not n.trashed]
    files, folders = [n for n in own if not n.is_folder], [n for n in own if n.is_folder]
    verb = rng.choice(_FILES)
    where = rng.choice(folders).id if folders and rng.random() < 0.7 else drive.root.id
    if verb == "create" or not files:
        name = f"Made up {rng.randint(1, 10**6)}.txt"
        return f"create {drive.create(name, 'text/plain', parent=where, words=name).id}"
    chosen = rng.choice(files)
    match verb:
        case "edit":
            drive.edit(chosen.id, f"Edited {rng.randint(1, 10**6)}")
        case "rename":
            drive.update(chosen.id, name=f"Renamed {rng.randint(1, 10**6)}.txt")
        case "move":
            drive.move(chosen.id, where)
        case "trash":
            drive.trash(chosen.id)
        case _:
            drive.delete(chosen.id)
    return f"{verb} {chosen.id}"
