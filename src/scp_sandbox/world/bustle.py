"""Random life: mail that comes, moves and goes, and appointments that are made and broken."""

import random
from datetime import timedelta

from scp_sandbox.world.arrivals import Letter, PostOffice
from scp_sandbox.world.diary import Diary
from scp_sandbox.world.event import When
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

_MAIL_VERBS = ("deliver",) * 4 + ("read", "star", "label", "archive", "trash", "untrash", "delete")
_EVENT_VERBS = ("create", "create", "rename", "move", "cancel")


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
