"""New mail: letters somebody orders word by word, and letters the world makes up itself."""

import random
from dataclasses import dataclass, replace

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.mail import Mail
from scp_sandbox.world import correspondence
from scp_sandbox.world.people import Person
from scp_sandbox.world.recipe import Recipe, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter to deliver into a folder; whatever is None is made up.

    `conversation` makes it an answer within that conversation.
    """

    folder: str
    subject: str | None = None
    sender: Person | None = None
    body: str | None = None
    shape: Shape | None = None
    conversation: int | None = None
    read: bool = False


class PostRoom:
    """Delivers mail into mailboxes."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._rng = random.Random(f"{seed}/outlook/post")  # noqa: S311
        self._clock = clock

    def deliver(self, box: Box, letter: Letter) -> Mail:
        """Puts a letter into a mailbox, now."""
        thread = box.thread(letter.conversation) if letter.conversation is not None else []
        recipe = self._recipe(box, letter, thread)
        return box.add(
            recipe,
            letter.folder,
            conversation=thread[0].conversation if thread else None,
            read=letter.read,
        )

    def _recipe(self, box: Box, letter: Letter, thread: list[Mail]) -> Recipe:
        rng = self._rng
        genre = correspondence.genre(rng)
        sender = letter.sender or rng.choice(genre.people)
        if letter.body is not None or letter.subject is not None:
            genre = correspondence.GENRES[0]
        plain = Recipe(
            seed=rng.getrandbits(48),
            shape=letter.shape or correspondence.shape(rng, genre),
            sender=sender,
            to=(box.user.person,),
            subject=correspondence.subject(rng, genre, sender),
            date_ms=self._clock.now_ms() - rng.randrange(200, 4000),
            message_id=f"{rng.getrandbits(64):016x}@{sender.email.partition('@')[2]}",
            references=tuple(m.recipe.message_id for m in thread)[-8:],
            tongue=sender.tongue,
            body=letter.body,
        )
        return _worded(plain, letter, thread)


def _worded(recipe: Recipe, letter: Letter, thread: list[Mail]) -> Recipe:
    if letter.body is not None:
        recipe = replace(recipe, shape=Shape.PLAIN)
    if letter.subject is not None:
        return replace(recipe, subject=letter.subject)
    if thread:
        first = thread[0].recipe.subject.removeprefix("Re: ")
        return replace(recipe, subject=f"Re: {first}")
    return recipe
