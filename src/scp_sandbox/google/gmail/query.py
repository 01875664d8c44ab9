"""Gmail's search language, `q`: text to a tree. Pure.

https://developers.google.com/workspace/gmail/api/guides/filtering

Never raises on any text: what cannot be understood is searched for as words, as Gmail does.
"""

import re
from dataclasses import dataclass

# fmt: off
OPERATORS = frozenset((
    "from", "to", "cc", "bcc", "subject", "label", "in", "is", "has", "filename", "list",
    "rfc822msgid", "larger", "smaller", "size", "category", "older_than", "newer_than", "after",
    "before", "older", "newer", "deliveredto",
))
# fmt: on
_MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Term:
    """`operator:value`; a bare word has the operator "" and is looked for everywhere."""

    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    """`-x`."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class All:
    """`a b`; without parts it is true of everything."""

    parts: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """`a OR b`, `{a b}`."""

    parts: tuple["Node", ...] = ()


Node = Term | Not | All | Some

# A quoted phrase, a sign with a meaning, or a run of anything else.
_TOKEN = re.compile(r'"([^"]*)"?|([(){}])|(-(?=[^\s-]))|([^\s"(){}]+)')


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # phrase, sign, minus or word
    text: str
    tight: bool  # nothing between it and the token before


def parse(text: str) -> Node:
    """The meaning of `text`."""
    tokens = []
    end = 0
    for found in _TOKEN.finditer(text):
        kind = ("phrase", "sign", "minus", "word")[(found.lastindex or 1) - 1]
        tokens.append(_Token(kind, found.group(found.lastindex or 1) or "", found.start() == end))
        end = found.end()
    return _Reader(tokens).everything()


def words_of(node: Node) -> tuple[Term, ...]:
    """All terms within a tree, negated ones too."""
    match node:
        case Term():
            return (node,)
        case Not():
            return words_of(node.inner)
        case All() | Some():
            return tuple(term for part in node.parts for term in words_of(part))


@dataclass(slots=True)
class _Reader:
    tokens: list[_Token]
    at: int = 0
    depth: int = 0

    def everything(self) -> Node:
        parts = []
        while self.at < len(self.tokens):
            parts.append(self.listing(closing=""))
            self.at += 1  # a closing sign that nothing opened
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def listing(self, closing: str) -> Node:
        """Terms up to `closing`, with OR binding tighter than standing side by side."""
        groups: list[list[Node]] = []
        joined = False
        while (token := self._peek()) and not (token.kind == "sign" and token.text in ")}"):
            if token.kind == "word" and token.text in ("OR", "|"):
                joined = bool(groups)
                self.at += 1
                continue
            if token.kind == "word" and token.text == "AND":
                self.at += 1
                continue
            node = self.single()
            if joined:
                groups[-1].append(node)
            else:
                groups.append([node])
            joined = False
        parts = tuple(g[0] if len(g) == 1 else Some(tuple(g)) for g in groups)
        if closing == "}":
            return Some(parts) if parts else All()
        return parts[0] if len(parts) == 1 else All(parts)

    def single(self) -> Node:
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "minus":
            following = self._peek()
            if following is None or (following.kind == "sign" and following.text in ")}"):
                return All()
            return Not(self.single())
        if token.kind == "sign":
            return self._group("}" if token.text == "{" else ")")
        if token.kind == "phrase":
            return Term("", token.text) if token.text.strip() else All()
        return self._word(token.text)

    def _word(self, text: str) -> Node:
        name, colon, value = text.partition(":")
        operator = name.lower()
        if not colon or operator not in OPERATORS:
            return Term("", text)
        if value:
            return Term(operator, value)
        following = self._peek()
        # `from: x` still means from:x, and an operator without any value means nothing (measured).
        if following is None or following.kind == "minus":
            return All()
        if following.kind == "sign":
            return self._spread(operator, following)
        if following.kind == "word" and ":" in following.text:
            return All()
        self.at += 1
        return Term(operator, following.text) if following.text.strip() else All()

    def _spread(self, operator: str, opening: _Token) -> Node:
        """`from:(a b)` and `from:{a b}`: the operator goes to each word inside."""
        if opening.text in ")}":
            return All()
        self.at += 1
        return _under(operator, self._group("}" if opening.text == "{" else ")"))

    def _group(self, closing: str) -> Node:
        if self.depth >= _MAX_DEPTH:
            return All()
        self.depth += 1
        inner = self.listing(closing)
        self.depth -= 1
        if self._peek() is not None:
            self.at += 1
        return inner

    def _peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None


def _under(operator: str, node: Node) -> Node:
    match node:
        case Term(operator="", value=value):
            return Term(operator, value)
        case Term():
            return node
        case Not(inner=inner):
            return Not(_under(operator, inner))
        case All(parts=parts):
            return All(tuple(_under(operator, part) for part in parts))
        case Some(parts=parts):
            return Some(tuple(_under(operator, part) for part in parts))
