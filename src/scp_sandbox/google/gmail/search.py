"""Judges messages by a parsed `q`, each on its own as the API does (no thread-wide matching)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property

from scp_sandbox.google.gmail.query import All, Node, Not, Some, Term, words_of
from scp_sandbox.world.compose import compose, plain_text
from scp_sandbox.world.labels import Label
from scp_sandbox.world.message import Message
from scp_sandbox.world.mime import Part, size_of
from scp_sandbox.world.people import Person
from scp_sandbox.world.recipe import Recipe, Shape

Judge = Callable[[Message], bool]

# "Midnight PST", documented; whether daylight saving moves it is not, so it does not.
PACIFIC = timezone(timedelta(hours=-8))
SEARCHED_CHARS = 20_000

_AGE = re.compile(r"(\d{1,6})([hdmy])")
_SIZE = re.compile(r"(\d{1,12})([km]?)b?", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})")
_WORDS = re.compile(r"[^\W_]+")
# Scripts written without spaces: every character is a word, so that a phrase finds a substring.
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_HOURS = {"h": 1, "d": 24, "m": 24 * 30, "y": 24 * 365}
_STATES = {
    "unread": "UNREAD",
    "starred": "STARRED",
    "important": "IMPORTANT",
    "sent": "SENT",
    "draft": "DRAFT",
    "drafts": "DRAFT",
    "chat": "CHAT",
}
_CATEGORIES = {"primary": "CATEGORY_PERSONAL", "reservations": "", "purchases": ""}


class _Texts:
    """A message's searchable words: lower case, one space between and around them.

    Each is made when first asked for: most searches need no body.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    @cached_property
    def sender(self) -> str:
        return phrase(_named(self._recipe.sender))

    @cached_property
    def to(self) -> str:
        return phrase(" ".join(map(_named, self._recipe.to)))

    @cached_property
    def cc(self) -> str:
        return phrase(" ".join(map(_named, self._recipe.cc)))

    @cached_property
    def subject(self) -> str:
        return phrase(self._recipe.subject)

    @cached_property
    def everywhere(self) -> str:
        body = phrase(plain_text(self._recipe)[:SEARCHED_CHARS])
        return "|".join((self.subject, self.sender, self.to, self.cc, body))


class Searcher:
    """Judges the messages of one mailbox; remembers their words, which never change."""

    def __init__(self, labels: dict[str, Label]) -> None:
        self._labels = labels
        self._texts: dict[str, _Texts] = {}
        self._sizes: dict[str, int] = {}

    def judge(self, node: Node, now: float) -> Judge:
        """A predicate for `node`; ages are counted from `now`, in seconds since the epoch."""
        match node:
            case All(parts=parts):
                each = [self.judge(part, now) for part in parts]
                return lambda m: all(judge(m) for judge in each)
            case Some(parts=parts):
                any_of = [self.judge(part, now) for part in parts]
                return lambda m: any(judge(m) for judge in any_of)
            case Not(inner=inner):
                inverted = self.judge(inner, now)
                return lambda m: not inverted(m)
            case Term():
                return self._term(node, now)

    def _term(self, term: Term, now: float) -> Judge:
        value = term.value
        match term.operator:
            case "" | "from" | "to" | "cc" | "subject" | "deliveredto" | "bcc":
                return self._worded(term)
            case "label" | "in" | "category" | "is":
                return self._labelled(term)
            case "has":
                return self._has(value.lower())
            case "larger" | "size" | "smaller":
                return self._sized(value, smaller=term.operator == "smaller")
            case _:
                return self._told_otherwise(term, now)

    def _told_otherwise(self, term: Term, now: float) -> Judge:
        value = term.value
        match term.operator:
            case "filename":
                ending = value.lower().lstrip(".")
                return lambda m: any(ending in name for name in _filenames(m))
            case "list":
                wanted = value.lower()
                return lambda m: wanted in (m.recipe.mailing_list or "")
            case "rfc822msgid":
                identity = value.strip("<>")
                return lambda m: m.recipe.message_id == identity
            case _:
                return _dated(term.operator, value, now)

    def _worded(self, term: Term) -> Judge:
        wanted = phrase(term.value)
        if not wanted.strip():
            return _always
        fields = {"from": "sender", "to": "to", "deliveredto": "to", "cc": "cc"}
        if term.operator == "bcc":
            return _never
        name = fields.get(term.operator, "subject" if term.operator else "everywhere")
        return lambda m: wanted in getattr(self._texts_of(m), name)

    def _labelled(self, term: Term) -> Judge:
        value = term.value.lower()
        if term.operator == "is" and value == "read":
            return lambda m: "UNREAD" not in m.labels
        if term.operator == "in" and value == "anywhere":
            return _always
        wanted = self.label_id(term)
        return lambda m: wanted in m.labels

    def label_id(self, term: Term) -> str:
        """The label a term means; "" where there is no such label."""
        value = term.value.lower()
        if term.operator == "category":
            return _CATEGORIES.get(value, f"CATEGORY_{value.upper()}")
        if value in _STATES:
            return _STATES[value]
        if value.upper() in self._labels:
            return value.upper()
        plain = _label_key(value)
        for label in self._labels.values():
            if plain in (_label_key(label.name), label.id.lower()):
                return label.id
        return ""

    def _has(self, value: str) -> Judge:
        match value:
            case "attachment":
                return lambda m: m.recipe.shape in (Shape.MIXED, Shape.NESTED)
            case "userlabels":
                return lambda m: any(self._is_user(x) for x in m.labels)
            case "nouserlabels":
                return lambda m: not any(self._is_user(x) for x in m.labels)
            case _:
                return _never

    def _is_user(self, label: str) -> bool:
        return self._labels[label].type == "user"

    def _sized(self, value: str, *, smaller: bool) -> Judge:
        found = _SIZE.fullmatch(value)
        if found is None:
            return _never
        limit = int(found[1]) * {"": 1, "k": 1024, "m": 1024**2}[found[2].lower()]
        if smaller:
            return lambda m: self._size(m) < limit
        return lambda m: self._size(m) > limit

    def _size(self, message: Message) -> int:
        known = self._sizes.get(message.id)
        if known is None:
            known = self._sizes[message.id] = size_of(compose(message.recipe))
        return known

    def _texts_of(self, message: Message) -> _Texts:
        known = self._texts.get(message.id)
        if known is None:
            known = self._texts[message.id] = _Texts(message.recipe)
        return known


def mentions_hidden(node: Node) -> bool:
    """Whether a query looks into spam or trash by itself."""
    return any(
        term.operator in ("in", "label") and term.value.lower() in ("spam", "trash", "anywhere")
        for term in words_of(node)
    )


def phrase(text: str) -> str:
    """`text` as words in a row, each with a space on both sides."""
    spaced = _UNSPACED.sub(r" \1 ", text.lower())
    return f" {' '.join(_WORDS.findall(spaced))} "


def _named(person: Person) -> str:
    return f"{person.name} {person.email}"


def _label_key(name: str) -> str:
    return re.sub(r"[\s/&()]", "-", name.lower())


def _filenames(message: Message) -> tuple[str, ...]:
    if message.recipe.shape not in (Shape.MIXED, Shape.NESTED, Shape.RELATED):
        return ()
    return tuple(_walk(compose(message.recipe)))


def _walk(part: Part) -> list[str]:
    own = [part.filename.lower()] if part.filename else []
    return own + [name for child in part.parts for name in _walk(child)]


def _dated(operator: str, value: str, now: float) -> Judge:
    if operator in ("older_than", "newer_than"):
        age = _AGE.fullmatch(value.lower())
        if age is None:
            return _never
        edge = int((now - int(age[1]) * _HOURS[age[2]] * 3600) * 1000)
        operator = "before" if operator == "older_than" else "after"
    else:
        moment = _moment(value)
        if moment is None:
            return _never
        edge = moment
    if operator in ("after", "newer"):
        return lambda m: m.internal_ms >= edge
    return lambda m: m.internal_ms < edge


def _moment(value: str) -> int | None:
    """Milliseconds for a date or for epoch seconds."""
    if value.isascii() and value.isdecimal() and len(value) <= 12:
        return int(value) * 1000
    found = _DATE.fullmatch(value)
    if found is None:
        return None
    try:
        midnight = datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=PACIFIC)
    except ValueError:
        return None
    return int(midnight.astimezone(UTC).timestamp() * 1000)


def _always(_: Message) -> bool:
    return True


def _never(_: Message) -> bool:
    return False
