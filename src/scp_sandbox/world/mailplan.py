"""Plans a mailbox: which messages lie in it before anybody looks. Pure and seeded.

Only recipes are made here, some microseconds each; bodies are composed when read.
"""

import random
from dataclasses import dataclass, replace

from scp_sandbox.world import correspondence
from scp_sandbox.world.anchor import ANCHOR_MS, DAY_MS
from scp_sandbox.world.correspondence import JUNK, Genre
from scp_sandbox.world.message import ID_TAIL_BITS, Message, message_id
from scp_sandbox.world.people import COLLEAGUES, Person, User
from scp_sandbox.world.recipe import Recipe, Shape

SPAN_DAYS = 730
# A new mailbox does not start at one; the figure is in the range of recorded ones.
FIRST_HISTORY_ID = 21_407
HIDDEN_SHARE = 0.02  # of spam, and as much again in the trash


@dataclass(slots=True)
class _Thread:
    genre: Genre
    partner: Person
    circle: tuple[Person, ...]
    subject: str
    labels: tuple[str, ...]
    charset: str
    thread_id: str = ""
    references: tuple[str, ...] = ()


def plan_mailbox(user: User, seed: int, visible: int) -> list[Message]:
    """Every message of a new mailbox, oldest first.

    Args:
        user: whose mailbox it is.
        seed: the world's seed.
        visible: how many are neither spam nor trash; those come on top.
    """
    rng = random.Random(f"{seed}/{user.sub}/mail")  # noqa: S311
    drafts: list[Message] = []
    while len(drafts) < visible:
        thread = _thread(rng, user, correspondence.genre(rng))
        length = min(rng.choice(thread.genre.lengths), visible - len(drafts))
        drafts += _conversation(rng, user, thread, length)
    hidden = round(visible * HIDDEN_SHARE)
    for _ in range(hidden):
        drafts += _conversation(rng, user, _thread(rng, user, JUNK), 1)
        binned = _thread(rng, user, correspondence.genre(rng))
        binned.labels = ("TRASH",)
        drafts += _conversation(rng, user, binned, 1)
    return _numbered(rng, drafts)


def _thread(rng: random.Random, user: User, genre: Genre) -> _Thread:
    partner = rng.choice(genre.people)
    others = [p for p in rng.sample(COLLEAGUES, rng.choice((0, 0, 1, 2))) if p != partner]
    named = (rng.choice(genre.user_labels),) if genre.user_labels and rng.random() < 0.4 else ()
    return _Thread(
        genre=genre,
        partner=partner,
        circle=() if genre.mailing else tuple(others),
        subject=correspondence.subject(rng, genre, partner),
        labels=genre.labels + named,
        charset=correspondence.charset(rng, genre, partner),
    )


def _conversation(rng: random.Random, user: User, thread: _Thread, length: int) -> list[Message]:
    # More mail lately than long ago.
    moment = ANCHOR_MS - int(SPAN_DAYS * DAY_MS * rng.random() ** 1.7) - length * 3_600_000
    mails = []
    by_user = rng.random() < 0.15 and not thread.genre.mailing
    for number in range(length):
        mails.append(
            _mail(
                rng,
                user,
                thread,
                min(moment, ANCHOR_MS - 1000 * (length - number)),
                by_user=by_user,
            )
        )
        moment += int(rng.lognormvariate(9.2, 1.4) * 1000)
        by_user = not thread.genre.mailing and not by_user and rng.random() < 0.8
    return mails


def _mail(
    rng: random.Random, user: User, thread: _Thread, moment: int, *, by_user: bool
) -> Message:
    first = not thread.references
    partner = thread.partner
    sender, to = (user.person, partner) if by_user else (partner, user.person)
    recipe = Recipe(
        seed=rng.getrandbits(48),
        shape=correspondence.shape(rng, thread.genre),
        sender=sender,
        to=(to,),
        cc=thread.circle,
        subject=thread.subject if first else f"Re: {thread.subject}",
        date_ms=moment - rng.randrange(200, 4000),
        message_id=f"{rng.getrandbits(64):016x}@{sender.email.partition('@')[2]}",
        references=thread.references,
        charset=thread.charset,
        tongue=partner.tongue,
        mailing_list=_list_name(thread),
    )
    identity = message_id(moment, rng.getrandbits(ID_TAIL_BITS))
    thread.thread_id = thread.thread_id or identity
    thread.references = (*thread.references, recipe.message_id)[-8:]
    labels = _labels(rng, thread, moment, recipe, by_user=by_user)
    return Message(
        id=identity, thread_id=thread.thread_id, labels=labels, history_id=0, recipe=recipe
    )


def _list_name(thread: _Thread) -> str | None:
    if not thread.genre.mailing:
        return None
    return "list." + thread.partner.email.partition("@")[2]


def _labels(
    rng: random.Random, thread: _Thread, moment: int, recipe: Recipe, *, by_user: bool
) -> tuple[str, ...]:
    own = thread.labels
    if "SPAM" in own or "TRASH" in own:
        return own
    named = tuple(label for label in own if label.startswith("Label_"))
    if by_user:
        if recipe.shape is Shape.PLAIN and rng.random() < 0.06:
            return ("DRAFT", *named)
        return ("SENT", *named)
    recent = ANCHOR_MS - moment < 60 * DAY_MS
    extra = [
        name
        for name, chance in (
            ("UNREAD", 0.45 if recent else 0.05),
            ("INBOX", 0.95 if recent else 0.6),
            ("IMPORTANT", 0.25 if "CATEGORY_PERSONAL" in own else 0.02),
            ("STARRED", 0.04),
        )
        if rng.random() < chance
    ]
    return (*extra, *own)


def _numbered(rng: random.Random, drafts: list[Message]) -> list[Message]:
    history_id = FIRST_HISTORY_ID
    numbered: list[Message] = []
    for message in sorted(drafts, key=lambda m: m.id):
        history_id += rng.randint(1, 40)
        recipe = _stretched(message.recipe, len(numbered))
        numbered.append(replace(message, history_id=history_id, recipe=recipe))
    return numbered


def _stretched(recipe: Recipe, place: int) -> Recipe:
    """Now and then a very long one or one without a subject: every world of some size has such."""
    if place % 97 == 40:
        return replace(recipe, shape=Shape.LONG_TEXT)
    if place % 289 == 48:
        return replace(recipe, shape=Shape.LONG_HTML)
    if place % 211 == 30:
        return replace(recipe, subject="")
    return recipe
