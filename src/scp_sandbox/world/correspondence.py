"""What kinds of conversations the world's people have, and how often. Pure."""

import random
from dataclasses import dataclass

from scp_sandbox.world import labels, prose
from scp_sandbox.world.people import ABROAD, COLLEAGUES, SENDERS, SWINDLERS, Person
from scp_sandbox.world.recipe import Shape

Weighted = tuple[tuple[Shape, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """A kind of conversation: who, how long, in which shapes, under which labels."""

    weight: int
    people: tuple[Person, ...]
    lengths: tuple[int, ...]
    shapes: Weighted
    labels: tuple[str, ...]
    user_labels: tuple[str, ...] = ()
    mailing: bool = False
    legacy_charsets: bool = False


_TALK: Weighted = (
    (Shape.PLAIN, 40),
    (Shape.ALTERNATIVE, 38),
    (Shape.MIXED, 14),
    (Shape.RELATED, 4),
    (Shape.NESTED, 4),
)

GENRES = (
    Genre(
        weight=34,
        people=COLLEAGUES,
        lengths=(1, 2, 2, 3, 3, 4, 5, 7, 9),
        shapes=_TALK,
        labels=("CATEGORY_PERSONAL",),
        user_labels=(labels.PROJECTS, labels.HARBOUR),
    ),
    Genre(
        weight=14,
        people=ABROAD,
        lengths=(1, 1, 2, 3),
        shapes=_TALK,
        labels=("CATEGORY_PERSONAL",),
        user_labels=(labels.ABROAD, labels.FAMILY),
        legacy_charsets=True,
    ),
    Genre(
        weight=18,
        people=SENDERS[:1] + SENDERS[7:],
        lengths=(1,),
        shapes=(
            (Shape.HTML, 60),
            (Shape.ALTERNATIVE, 30),
            (Shape.RELATED, 9),
        ),
        labels=("CATEGORY_PROMOTIONS",),
        mailing=True,
    ),
    Genre(
        weight=20,
        people=SENDERS[1:5],
        lengths=(1, 1, 1, 2),
        shapes=((Shape.HTML, 50), (Shape.ALTERNATIVE, 30), (Shape.MIXED, 20)),
        labels=("CATEGORY_UPDATES",),
        user_labels=(labels.RECEIPTS, labels.TRAVEL),
    ),
    Genre(
        weight=7,
        people=SENDERS[5:6],
        lengths=(1,),
        shapes=((Shape.HTML, 1),),
        labels=("CATEGORY_SOCIAL",),
    ),
    Genre(
        weight=7,
        people=SENDERS[6:7] + COLLEAGUES[:3],
        lengths=(1, 3, 6),
        shapes=((Shape.PLAIN, 1),),
        labels=("CATEGORY_FORUMS",),
        mailing=True,
    ),
)

JUNK = Genre(
    weight=0,
    people=SWINDLERS,
    lengths=(1,),
    shapes=((Shape.HTML, 3), (Shape.PLAIN, 1)),
    labels=("SPAM",),
)

_WEIGHTS = tuple(genre.weight for genre in GENRES)


def genre(rng: random.Random) -> Genre:
    """A kind of conversation, by weight."""
    return rng.choices(GENRES, _WEIGHTS)[0]


def shape(rng: random.Random, kind: Genre) -> Shape:
    """A shape for one message of a conversation."""
    return rng.choices([s for s, _ in kind.shapes], [w for _, w in kind.shapes])[0]


def charset(rng: random.Random, kind: Genre, person: Person) -> str:
    """UTF-8 mostly; old charsets from those who still use them."""
    legacy = person.speech.charsets
    if kind.legacy_charsets and legacy and rng.random() < 0.6:
        return rng.choice(legacy)
    return "utf-8"


def subject(rng: random.Random, kind: Genre, person: Person) -> str:
    """What a conversation is about."""
    if "SPAM" in kind.labels:
        return f"!!! YOU WON {rng.randint(1, 9)},000,000 !!!"
    if "CATEGORY_UPDATES" in kind.labels:
        return f"{rng.choice(('Receipt', 'Ticket', 'Build', 'Notice'))} #{rng.randint(1000, 99999)}"
    return prose.subject(rng, person.tongue)
