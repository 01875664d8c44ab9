"""Drive's search language, `q`: text to a tree. Pure.

https://developers.google.com/workspace/drive/api/guides/ref-search-terms

`name contains 'x' and not (trashed = true or 'id' in parents)`. A quote or backslash within a value
is escaped with a backslash. `and` and `or` are taken from left to right, `not` before both.
"""

import re
from dataclasses import dataclass

MOST_CHARACTERS = 8192
_MOST_DEPTH = 40

_TOKEN = re.compile(
    r"""\s*(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"
    |(?P<sign><=|>=|!=|=|<|>|[()])|(?P<word>[A-Za-z][A-Za-z0-9.]*))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What may stand alone, and then is asked to be true.
SWITCHES = frozenset(("trashed", "starred", "sharedWithMe"))
SIGNS = frozenset(("<=", ">=", "!=", "=", "<", ">", "contains", "has"))


class QueryError(ValueError):
    """The query cannot be read."""


@dataclass(frozen=True, slots=True)
class Compare:
    """`term operator value`; one of `SWITCHES` alone is `term = true`."""

    term: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Within:
    """`'value' in collection`."""

    value: str
    collection: str


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Both:
    """`x and y`."""

    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Either:
    """`x or y`."""

    left: "Node"
    right: "Node"


Node = Compare | Within | Not | Both | Either


def parse(text: str) -> Node:
    """The meaning of `text`.

    Raises:
        QueryError: when it has none.
    """
    if len(text) > MOST_CHARACTERS:
        raise QueryError("too long")
    reader = _Reader(_tokens(text))
    node = reader.chain(0)
    if reader.at < len(reader.tokens):
        raise QueryError(f"unexpected {reader.tokens[reader.at].text}")
    return node


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # value, sign or word
    text: str


def _tokens(text: str) -> list[_Token]:
    found = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise QueryError(f"unexpected {text[at : at + 20]}")
        kind = match.lastgroup or "word"
        content = match[kind]
        if kind in ("single", "double"):
            kind, content = "value", _ESCAPED.sub(r"\1", content)
        found.append(_Token(kind, content))
        at = match.end()
    return found


@dataclass(slots=True)
class _Reader:
    tokens: list[_Token]
    at: int = 0

    def chain(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise QueryError("nested too deeply")
        node = self.single(depth)
        while (word := self._word()) in ("and", "or"):
            self.at += 1
            right = self.single(depth)
            node = Both(node, right) if word == "and" else Either(node, right)
        return node

    def single(self, depth: int) -> Node:
        token = self._next()
        if token.kind == "word" and token.text.lower() == "not":
            if depth > _MOST_DEPTH:
                raise QueryError("nested too deeply")
            return Not(self.single(depth + 1))
        if token == _Token("sign", "("):
            inner = self.chain(depth + 1)
            if self._next() != _Token("sign", ")"):
                raise QueryError("a parenthesis is left open")
            return inner
        if token.kind == "value":
            return self._within(token.text)
        if token.kind == "word":
            return self._compare(token.text)
        raise QueryError(f"unexpected {token.text}")

    def _within(self, value: str) -> Node:
        joining, collection = self._next(), self._next()
        if joining.text.lower() != "in" or collection.kind != "word":
            raise QueryError("a value stands alone")
        return Within(value, collection.text)

    def _compare(self, term: str) -> Node:
        if self.at >= len(self.tokens) or self.tokens[self.at].text.lower() not in SIGNS:
            if term not in SWITCHES:
                raise QueryError(f"{term} stands alone")
            return Compare(term, "=", "true")
        operator = self._next().text.lower()
        value = self._next()
        if value.kind == "sign":
            raise QueryError(f"unexpected {value.text}")
        return Compare(term, operator, value.text)

    def _word(self) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at].kind != "word":
            return ""
        return self.tokens[self.at].text.lower()

    def _next(self) -> _Token:
        if self.at >= len(self.tokens):
            raise QueryError("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]
