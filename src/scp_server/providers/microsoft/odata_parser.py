"""Reads a filter (odata). What is not in the grammar is refused with its place, never ignored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

from scp_server.domain.errors import StreamConfigError
from scp_server.providers.microsoft.odata import (
    COMPARISONS,
    ELEMENTS,
    FUNCTIONS,
    PROPERTIES,
    All,
    AnyOf,
    Call,
    Compare,
    Either,
    Expression,
    Kind,
    Literal,
    Not,
)

DEEPEST: Final = 32
"""Parentheses, nots and anys within each other."""

_TOKEN: Final = re.compile(
    r"(?P<text>'(?:[^']|'')*')"
    r"|(?P<time>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<mark>[(),:])"
)
_SPACE: Final = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class _Scope:
    """What paths may name here: a message's properties, or within any() an element's."""

    properties: Mapping[str, Kind]
    element: str | None = None


_MESSAGE: Final = _Scope(PROPERTIES)


def parse(source: str) -> Expression:
    """The filter as an expression.

    Raises: StreamConfigError with the position of what is not understood.
    """
    parser = _Parser(_tokens(source))
    expression = parser.either(_MESSAGE, 0)
    parser.end()
    return expression


def _tokens(source: str) -> list[_Token]:
    found: list[_Token] = []
    at = _skipped(source, 0)
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            missing = "; a text needs a ' at its end, and one within it doubled" * (
                source[at] == "'"
            )
            _refuse(f"there is something that is not understood{missing}", at)
        found.append(_Token(match.lastgroup or "", match.group(), at))
        at = _skipped(source, match.end())
    found.append(_Token("end", "", at))
    return found


def _skipped(source: str, at: int) -> int:
    space = _SPACE.match(source, at)
    return space.end() if space else at


def _refuse(reason: str, at: int) -> NoReturn:
    raise StreamConfigError(
        f"filters.filter: at position {at} {reason}. The grammar is in the documentation of"
        " outlook_messages.",
        field="filters.filter",
        position=at,
    )


class _Parser:
    """Recursive descent; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _takes(self, text: str) -> bool:
        """Take the next token if it is that word or mark."""
        token = self._next
        if token.kind in {"name", "mark"} and token.text.lower() == text:
            self._take()
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._takes(mark):
            _refuse(f'"{mark}" is expected', self._next.at)

    def end(self) -> None:
        """Nothing may follow."""
        if self._next.kind != "end":
            _refuse('"and", "or" or the end is expected', self._next.at)

    def either(self, scope: _Scope, depth: int) -> Expression:
        parts = [self._all(scope, depth)]
        while self._takes("or"):
            parts.append(self._all(scope, depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _all(self, scope: _Scope, depth: int) -> Expression:
        parts = [self._part(scope, depth)]
        while self._takes("and"):
            parts.append(self._part(scope, depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _part(self, scope: _Scope, depth: int) -> Expression:
        if depth > DEEPEST:
            _refuse(f"it is nested deeper than {DEEPEST} times", self._next.at)
        if self._takes("not"):
            return Not(self._part(scope, depth + 1))
        if self._takes("("):
            inner = self.either(scope, depth + 1)
            self._need(")")
            return inner
        name = self._take()
        if name.kind != "name":
            _refuse("a property or a function is expected", name.at)
        if self._takes("("):
            return self._called(name, scope, depth)
        return self._compared(name, scope)

    def _called(self, name: _Token, scope: _Scope, depth: int) -> Expression:
        path, slash, last = name.text.rpartition("/")
        if slash and last == "any":
            return self._any(_Token("name", path, name.at), scope, depth)
        if name.text.lower() not in FUNCTIONS:
            _refuse(f"there is no such function; there are {', '.join(FUNCTIONS)}", name.at)
        subject = self._take()
        path, kind = self._resolved(subject, scope)
        if kind is not Kind.TEXT:
            _refuse("a property that holds a text is expected", subject.at)
        self._need(",")
        text = self._take()
        if text.kind != "text":
            _refuse("a text in single quotes is expected", text.at)
        self._need(")")
        return Call(name.text.lower(), path, _unquoted(text.text))

    def _any(self, name: _Token, scope: _Scope, depth: int) -> Expression:
        path, kind = self._resolved(name, scope)
        properties = ELEMENTS.get(kind)
        if properties is None:
            _refuse("any() is for categories and recipients", name.at)
        if self._takes(")"):
            return AnyOf(path, None)
        variable = self._take()
        if variable.kind != "name" or "/" in variable.text:
            _refuse('a name such as the c in "any(c:c eq ..." is expected', variable.at)
        self._need(":")
        condition = self.either(_Scope(properties, variable.text), depth + 1)
        self._need(")")
        return AnyOf(path, condition)

    def _compared(self, name: _Token, scope: _Scope) -> Expression:
        path, kind = self._resolved(name, scope)
        operator = self._take()
        if operator.kind != "name" or operator.text.lower() not in COMPARISONS:
            _refuse(f"one of {', '.join(COMPARISONS)} is expected", operator.at)
        if kind in ELEMENTS:
            _refuse("a collection is asked by any(), not compared", name.at)
        literal = self._take()
        value = _value(literal, kind)
        ordered = operator.text.lower() not in {"eq", "ne"}
        if ordered and (value is None or isinstance(value, bool)):
            _refuse("this can only be compared by eq and ne", literal.at)
        return Compare(path, operator.text.lower(), value)

    def _resolved(self, name: _Token, scope: _Scope) -> tuple[str, Kind]:
        path = name.text
        if scope.element is not None and name.kind == "name":
            head, _, path = path.partition("/")
            path = path if head == scope.element else f"{head}/"
        kind = scope.properties.get(path) if name.kind == "name" else None
        if kind is None:
            known = ", ".join(sorted(filter(None, scope.properties)))
            of = f' of "{scope.element}"' if scope.element else ""
            _refuse(f"a property{of} is expected{': ' if known else ''}{known}", name.at)
        return path, kind


def _value(token: _Token, kind: Kind) -> Literal:
    word = token.text.lower() if token.kind == "name" else ""
    if word == "null":
        return None
    match kind, token.kind:
        case Kind.TEXT, "text":
            return _unquoted(token.text)
        case Kind.TIME, "time":
            return _time(token)
        case Kind.TRUTH, "name" if word in {"true", "false"}:
            return word == "true"
        case Kind.TIME, "text":
            _refuse("a time is written without quotes", token.at)
        case _:
            pass
    wanted = {
        Kind.TEXT: "a text in single quotes",
        Kind.TIME: "a time such as 2026-01-31T08:00:00Z",
    }
    _refuse(f"{wanted.get(kind, 'true or false')} is expected", token.at)


def _time(token: _Token) -> datetime:
    try:
        moment = datetime.fromisoformat(token.text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        _refuse("there is a time that no calendar has", token.at)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")
