"""A message before it is written out: everything needed to compose it, always the same way."""

from dataclasses import dataclass
from enum import StrEnum

from scp_sandbox.world.people import Person


class Shape(StrEnum):
    """The MIME tree a message has."""

    PLAIN = "plain"
    HTML = "html"
    ALTERNATIVE = "alternative"
    MIXED = "mixed"
    RELATED = "related"
    NESTED = "nested"
    LONG_TEXT = "long_text"
    LONG_HTML = "long_html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a message is composed from; small, so that a mailbox may hold many thousands.

    `seed` decides all words and files; `date_ms` is the `Date` header; `body`, when given, is the
    text instead of invented words. `message_id` and `references` are without angle brackets.
    """

    seed: int
    shape: Shape
    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...] = ()
    subject: str
    date_ms: int
    message_id: str
    references: tuple[str, ...] = ()
    charset: str = "utf-8"
    tongue: str = "en"
    mailing_list: str | None = None
    body: str | None = None
