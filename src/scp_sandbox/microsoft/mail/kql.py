"""`$search`: keyword queries over messages (KQL as far as Outlook documents it). Pure.

Words are looked for in sender, subject and body; `property:value` in the properties Graph lists;
`AND`, `OR`, `NOT`, parentheses, phrases in (escaped) quotes. Words side by side are all wanted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scp_sandbox.microsoft.graph.errors import bad_request
from scp_sandbox.microsoft.mail import content
from scp_sandbox.microsoft.mail.mail import Mail
from scp_sandbox.world.compose import plain_text
from scp_sandbox.world.people import Person

Judge = Callable[[Mail], bool]

MOST_RESULTS = 1000
SEARCHED_CHARS = 20_000
_TOKEN = re.compile(
    r"\s*(?:(?P<mark>[()])|(?P<term>(?:(?P<name>[A-Za-z]+)(?P<how>:|>=|<=|>|<|=))?"
    r'(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))))'
)
_WORDS = re.compile(r"[\w@.+'-]+")


@dataclass(frozen=True, slots=True)
class _Term:
    name: str
    how: str
    value: str
    phrase: bool


def parse_search(text: str) -> Judge:
    """Reads the value of `$search`, which stands in double quotes.

    Raises:
        GraphError: 400 when it cannot be read.
    """
    whole = text.strip()
    if len(whole) >= 2 and whole.startswith('"') and whole.endswith('"'):
        whole = whole[1:-1].replace('\\"', '"')
    elif ":" in whole or " " in whole:
        raise bad_request("Syntax error: the value of $search has to be in double quotes.")
    parser = _Parser(_tokens(whole))
    judge = parser.either(0)
    if parser.at < len(parser.tokens):
        raise bad_request("Syntax error in the value of $search.")
    return judge


def _tokens(text: str) -> list[_Term | str]:
    found: list[_Term | str] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_request(f"Syntax error: character '{text[at]}' is not valid in $search.")
        at = match.end()
        if match["mark"]:
            found.append(match["mark"])
        elif match["name"] is None and match["word"] in ("AND", "OR", "NOT"):
            found.append(match["word"])
        else:
            # Single quotes mean nothing in the language; clients put them around words anyway.
            value = match["word"].strip("'") if match["phrase"] is None else match["phrase"]
            name = (match["name"] or "").lower()
            found.append(_Term(name, match["how"] or "", value, match["phrase"] is not None))
    if not found:
        raise bad_request("The value of $search is empty.")
    return found


@dataclass(slots=True)
class _Parser:
    tokens: list[_Term | str]
    at: int = 0

    def peek(self) -> _Term | str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def either(self, depth: int) -> Judge:
        judges = [self.both(depth)]
        while self.peek() == "OR":
            self.at += 1
            judges.append(self.both(depth))
        return judges[0] if len(judges) == 1 else lambda m: any(j(m) for j in judges)

    def both(self, depth: int) -> Judge:
        judges = [self.one(depth)]
        while self.peek() not in (None, "OR", ")"):
            if self.peek() == "AND":
                self.at += 1
            judges.append(self.one(depth))
        return judges[0] if len(judges) == 1 else lambda m: all(j(m) for j in judges)

    def one(self, depth: int) -> Judge:
        first = self.peek()
        self.at += 1
        if depth > 30 or first is None or first in ("AND", "OR", ")"):
            raise bad_request("Syntax error in the value of $search.")
        if first == "NOT":
            inner = self.one(depth + 1)
            return lambda m: not inner(m)
        if first == "(":
            inside = self.either(depth + 1)
            if self.peek() != ")":
                raise bad_request("Syntax error: ')' is missing in the value of $search.")
            self.at += 1
            return inside
        return _judge(first) if isinstance(first, _Term) else _never


def _never(_: Mail) -> bool:
    return False


def _judge(term: _Term) -> Judge:
    if texts := _TEXTS.get(term.name):
        return _texts(term, texts)
    special = _SPECIAL.get(term.name)
    if special is None:
        raise bad_request(f"Syntax error: '{term.name[:40]}' is no property of $search.")
    return special(term)


def _has_files(term: _Term) -> Judge:
    wanted = term.value.lower() in ("true", "yes", "1")
    return lambda m: m.has_files == wanted


def _importance(term: _Term) -> Judge:
    wanted = {"medium": "normal"}.get(term.value.lower(), term.value.lower())
    return lambda m: m.importance == wanted


def _texts(term: _Term, texts: Callable[[Mail], tuple[str, ...]]) -> Judge:
    """Words begin with what is looked for, as with KQL's `prefix*`; a phrase stands as it is."""
    wanted = term.value.lower().rstrip("*")
    if not wanted:
        return _never
    whole = term.phrase and " " in wanted
    spaced = wanted.isascii()

    def judge(mail: Mail) -> bool:
        for text in texts(mail):
            low = text.lower()
            if whole or not spaced or not _WORDS.fullmatch(wanted):
                if wanted in low:
                    return True
            elif any(_begins(word, wanted) for word in _WORDS.findall(low)):
                return True
        return False

    return judge


def _begins(word: str, wanted: str) -> bool:
    return word.startswith(wanted) or any(
        part.startswith(wanted) for part in re.split(r"[@.+'-]", word)
    )


def _size(term: _Term) -> Judge:
    if not term.value.isdecimal():
        raise bad_request("Syntax error: `size` needs a number of bytes.")
    limit, how = int(term.value[:12]), term.how
    if how in (">", ">="):
        return lambda m: content.size(m) > limit or (how == ">=" and content.size(m) == limit)
    if how in ("<", "<="):
        return lambda m: content.size(m) < limit or (how == "<=" and content.size(m) == limit)
    return lambda m: content.size(m) == limit


def _moment(term: _Term, moment: Callable[[Mail], int]) -> Judge:
    """Days, in UTC: `received:2026-11-01`, `received>=2026-11-01`, `received:a..b`."""
    first, _, last = term.value.partition("..")
    begin, end = _day(first), _day(last or first) + timedelta(days=1)
    low, high = int(begin.timestamp() * 1000), int(end.timestamp() * 1000)
    match term.how:
        case ">=":
            return lambda m: moment(m) >= low
        case ">":
            return lambda m: moment(m) >= high
        case "<=":
            return lambda m: moment(m) < high
        case "<":
            return lambda m: moment(m) < low
        case _:
            return lambda m: low <= moment(m) < high


def _day(text: str) -> datetime:
    for pattern in ("%Y-%m-%d", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise bad_request(f"Syntax error: '{text[:40]}' is no day.")


def _file_names(mail: Mail) -> tuple[str, ...]:
    if not mail.has_files:
        return ()
    return tuple(a.part.filename for a in content.attachments(mail))


def _body(mail: Mail) -> str:
    return plain_text(mail.recipe)[:SEARCHED_CHARS]


def _named(person: Person) -> str:
    return f"{person.name} {person.email}"


_TEXTS: dict[str, Callable[[Mail], tuple[str, ...]]] = {
    "": lambda m: (_named(m.recipe.sender), m.recipe.subject, _body(m)),
    "subject": lambda m: (m.recipe.subject,),
    "body": lambda m: (_body(m),),
    "from": lambda m: (_named(m.recipe.sender),),
    "to": lambda m: tuple(map(_named, m.recipe.to)),
    "cc": lambda m: tuple(map(_named, m.recipe.cc)),
    "bcc": lambda _: (),
    "recipients": lambda m: tuple(map(_named, (*m.recipe.to, *m.recipe.cc))),
    "participants": lambda m: tuple(map(_named, (m.recipe.sender, *m.recipe.to, *m.recipe.cc))),
    "attachment": _file_names,
}
_SPECIAL: dict[str, Callable[[_Term], Judge]] = {
    "hasattachments": _has_files,
    "hasattachment": _has_files,
    "importance": _importance,
    "kind": lambda term: lambda _: term.value.lower() == "email",
    "size": _size,
    "received": lambda term: _moment(term, lambda m: m.received_ms),
    "sent": lambda term: _moment(term, lambda m: m.recipe.date_ms),
}
