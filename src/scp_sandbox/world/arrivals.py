"""New mail: letters somebody orders word by word, and letters the world makes up itself."""

import random
from dataclasses import dataclass

from scp_sandbox.world import correspondence
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.message import Message
from scp_sandbox.world.people import COLLEAGUES, Person
from scp_sandbox.world.recipe import Recipe, Shape

ARRIVING = ("UNREAD", "INBOX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter to deliver; whatever is None is made up.

    `thread_id` makes it an answer within that thread, where there is one.
    """

    subject: str | None = None
    sender: Person | None = None
    body: str | None = None
    shape: Shape | None = None
    thread_id: str | None = None
    labels: tuple[str, ...] | None = None


class PostOffice:
    """Delivers mail into mailboxes."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/post")  # noqa: S311

    def deliver(self, mailbox: Mailbox, letter: Letter, now_ms: int) -> Message:
        """Puts a letter into a mailbox, now."""
        thread = mailbox.thread(letter.thread_id) if letter.thread_id else []
        recipe, labels = self._written(mailbox, letter, thread, now_ms)
        return mailbox.add(recipe, labels, thread_id=thread[0].thread_id if thread else None)

    def _written(
        self, mailbox: Mailbox, letter: Letter, thread: list[Message], now_ms: int
    ) -> tuple[Recipe, tuple[str, ...]]:
        rng = self._rng
        genre = correspondence.genre(rng)
        sender = letter.sender or rng.choice(genre.people)
        if letter.body is not None or letter.subject is not None:
            genre = correspondence.GENRES[0]
        recipe = Recipe(
            seed=rng.getrandbits(48),
            shape=letter.shape or _shape(rng, genre, letter),
            sender=sender,
            to=(mailbox.user.person,),
            subject=_subject(rng, genre, letter, thread, sender),
            date_ms=now_ms - rng.randrange(200, 4000),
            message_id=f"{rng.getrandbits(64):016x}@{sender.email.partition('@')[2]}",
            references=tuple(m.recipe.message_id for m in thread)[-8:],
            charset=correspondence.charset(rng, genre, sender),
            tongue=sender.tongue,
            body=letter.body,
        )
        return recipe, letter.labels if letter.labels is not None else (*ARRIVING, *genre.labels)


def known(email: str, name: str | None) -> Person:
    """The person behind an address; a stranger if nobody is known by it."""
    for person in COLLEAGUES:
        if person.email == email and name in (None, person.name):
            return person
    return Person(name=name or email.partition("@")[0], email=email)


def _shape(rng: random.Random, genre: correspondence.Genre, letter: Letter) -> Shape:
    if letter.body is not None:
        return Shape.PLAIN
    return correspondence.shape(rng, genre)


def _subject(
    rng: random.Random,
    genre: correspondence.Genre,
    letter: Letter,
    thread: list[Message],
    sender: Person,
) -> str:
    if letter.subject is not None:
        return letter.subject
    if thread:
        return f"Re: {thread[0].recipe.subject.removeprefix('Re: ')}"
    return correspondence.subject(rng, genre, sender)
