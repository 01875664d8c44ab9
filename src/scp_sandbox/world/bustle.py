"""Random life: mail, appointments, contacts and files that come, change, move and go."""

import random
from datetime import timedelta

from scp_sandbox.world.addressbook import AddressBook, Entry
from scp_sandbox.world.arrivals import Letter, PostOffice
from scp_sandbox.world.contact import Handle
from scp_sandbox.world.diary import Diary
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.event import When
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.node import FOLDER
from scp_sandbox.world.people import COLLEAGUES, User
from scp_sandbox.world.world import World

_MAIL_VERBS = ("deliver",) * 4 + ("read", "star", "label", "archive", "trash", "untrash", "delete")
_EVENT_VERBS = ("create", "create", "rename", "move", "cancel")
_CONTACT_VERBS = ("create", "create", "edit", "edit", "edit", "delete", "merge", "renumber")
_FILE_VERBS = (
    *("create", "create", "folder", "share", "edit", "rename", "rename", "move", "move"),
    *("trash", "untrash", "delete"),
)


def mail_change(rng: random.Random, mailbox: Mailbox, post: PostOffice, now_ms: int) -> str:
    """One random change of a mailbox; returns what it was."""
    verb = rng.choice(_MAIL_VERBS)
    everything = list(mailbox.newest_first())
    if verb == "deliver" or not everything:
        target = rng.choice(everything).thread_id if everything and rng.random() < 0.4 else None
        return f"deliver {post.deliver(mailbox, Letter(thread_id=target), now_ms).id}"
    chosen = rng.choice(everything)
    match verb:
        case "read":
            mailbox.relabel([chosen.id], remove=("UNREAD",))
        case "star":
            mailbox.relabel([chosen.id], add=("STARRED",))
        case "label":
            mailbox.relabel([chosen.id], add=(f"Label_{rng.randint(1, 6)}",))
        case "archive":
            mailbox.relabel([chosen.id], remove=("INBOX",))
        case "trash":
            mailbox.trash([m.id for m in mailbox.thread(chosen.thread_id)])
        case "untrash":
            mailbox.untrash([chosen.id])
        case _:
            mailbox.delete([chosen.id])
    return f"{verb} {chosen.id}"


def event_change(rng: random.Random, world: World, user: User) -> str:
    """One random change of one of a user's calendars; returns what it was."""
    diary: Diary = rng.choice(list(world.diaries(user).values()))
    living = [e for e in diary if e.status != "cancelled" and e.series_id is None]
    verb = rng.choice(_EVENT_VERBS)
    if verb == "create" or not living:
        start = When(at=world.clock.moment() + timedelta(hours=rng.randint(1, 400)), zone=user.zone)
        made = diary.create(
            summary=f"Made up {rng.randint(1, 10**6)}",
            start=start,
            end=start.shifted(timedelta(minutes=30)),
        )
        return f"create {made.id}"
    chosen = rng.choice(living)
    match verb:
        case "rename":
            diary.update(chosen.id, summary=f"Renamed {rng.randint(1, 10**6)}")
        case "move":
            by = timedelta(hours=rng.randint(-48, 48))
            diary.update(chosen.id, start=chosen.start.shifted(by), end=chosen.end.shifted(by))
        case _:
            diary.cancel(chosen.id)
    return f"{verb} {chosen.id}"


def contact_change(rng: random.Random, book: AddressBook) -> str:
    """One random change of an address book; returns what it was."""
    verb = rng.choice(_CONTACT_VERBS)
    everybody = list(book)
    if verb == "create" or len(everybody) < 2:
        number = rng.randint(1, 10**6)
        email = Handle(f"new{number}@meadow.example")
        return (
            f"create {book.create(Entry(given='New', family=f'Face {number}', emails=(email,))).id}"
        )
    chosen, other = rng.sample(everybody, 2)
    match verb:
        case "edit":
            book.update(chosen.id, company=f"Moved to {rng.randint(1, 10**6)}")
        case "merge":
            book.merge(chosen.id, other.id)
            return f"merge {chosen.id} {other.id}"
        case "renumber":
            book.renumber(chosen.id)
        case _:
            book.delete(chosen.id)
    return f"{verb} {chosen.id}"


def file_change(rng: random.Random, drive: Drive) -> str:
    """One random change of a drive; returns what it was."""
    verb = rng.choice(_FILE_VERBS)
    mine = [node for node in drive if node.shared_us is None]
    folders = [drive.root, *(node for node in mine if node.is_folder)]
    name = f"Made up {rng.randint(1, 10**6)}"
    if verb == "share":
        return f"share {drive.create(name, 'application/pdf', shared_by=rng.choice(COLLEAGUES)).id}"
    if verb in ("create", "folder") or not mine:
        kind = FOLDER if verb == "folder" else "text/plain"
        parent = rng.choice(folders).id
        return f"{verb} {drive.create(name, kind, parent=parent, words=name).id}"
    chosen = rng.choice(mine)
    match verb:
        case "edit" if not chosen.is_folder:
            drive.edit(chosen.id, f"Written anew {rng.randint(1, 10**6)}")
        case "edit" | "rename":
            drive.update(chosen.id, name=f"Renamed {rng.randint(1, 10**6)}")
        case "move":
            inside = {chosen.id, *(node.id for node in drive.below(chosen.id))}
            drive.move(chosen.id, rng.choice([f for f in folders if f.id not in inside]).id)
        case "trash":
            drive.trash(chosen.id)
        case "untrash":
            binned = [node for node in mine if node.binned]
            chosen = rng.choice(binned or [chosen])
            drive.untrash(chosen.id)
        case _:
            chosen = rng.choice([node for node in mine if not node.is_folder] or mine)
            drive.delete(chosen.id)
    return f"{verb} {chosen.id}"
