"""`$filter`: OData's grammar as far as Outlook takes it. Pure.

`and`, `or`, `not`, parentheses; `eq ne gt ge lt le`; `startswith`, `endswith`, `contains`;
`categories/any(c:c eq 'Red')`; strings in single quotes, doubled within; bare moments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scp_sandbox.microsoft.graph.errors import bad_filter
from scp_sandbox.microsoft.graph.zones import instant

# Gives the value at a path such as `from/emailAddress/address`.
Look = Callable[[str], Any]
Test = Callable[[Look], bool]

MOST_DEPTH = 30
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_@][\w.@]*(?:/[A-Za-z_$][\w.$]*)*)"
    r"|(?P<mark>[(),:]))"
)
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": lambda whole, part: part in whole,
}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, read: the test, and the property paths in it in the order they are named."""

    test: Test
    paths: tuple[str, ...]


def parse_filter(text: str) -> Filter:
    """Reads a filter.

    Raises:
        GraphError: 400 when it cannot be read.
    """
    parser = _Parser(_tokens(text))
    test = parser.either(0)
    if parser.left():
        raise bad_filter(f"Syntax error at '{parser.peek()[1][:40]}' in the filter.")
    return Filter(test, tuple(parser.paths))


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise bad_filter(f"Syntax error at position {at} in the filter.")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    if not found:
        raise bad_filter("The filter is empty.")
    return found


@dataclass(slots=True)
class _Parser:
    tokens: list[tuple[str, str]]
    at: int = 0
    paths: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)

    def left(self) -> bool:
        return self.at < len(self.tokens)

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.left() else ("end", "the end")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def mark(self, wanted: str) -> None:
        kind, text = self.take()
        if kind != "mark" or text != wanted:
            raise bad_filter(f"'{wanted}' is expected in the filter instead of '{text[:40]}'.")

    def word(self, wanted: str) -> bool:
        if self.peek() == ("name", wanted):
            self.at += 1
            return True
        return False

    def either(self, depth: int) -> Test:
        if depth > MOST_DEPTH:
            raise bad_filter("The filter is nested too deeply.")
        tests = [self.both(depth)]
        while self.word("or"):
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda look: any(t(look) for t in tests)

    def both(self, depth: int) -> Test:
        tests = [self.negated(depth)]
        while self.word("and"):
            tests.append(self.negated(depth))
        return tests[0] if len(tests) == 1 else lambda look: all(t(look) for t in tests)

    def negated(self, depth: int) -> Test:
        if self.word("not"):
            inner = self.negated(depth + 1)
            return lambda look: not inner(look)
        if self.peek() == ("mark", "("):
            self.take()
            inside = self.either(depth + 1)
            self.mark(")")
            return inside
        return self.simple(depth)

    def simple(self, depth: int) -> Test:
        kind, text = self.take()
        if kind != "name":
            raise bad_filter(f"A property is expected in the filter instead of '{text[:40]}'.")
        if self.peek() == ("mark", "("):
            if text in _FUNCTIONS:
                return self.function(_FUNCTIONS[text])
            owner, _, lambda_name = text.rpartition("/")
            if lambda_name in ("any", "all") and owner:
                return self.over(owner, every=lambda_name == "all", depth=depth)
            raise bad_filter(f"An unknown function with name '{text[:40]}' was found.")
        return self.comparison(self.named(text))

    def function(self, judge: Callable[[str, str], bool]) -> Test:
        self.mark("(")
        kind, path = self.take()
        if kind != "name":
            raise bad_filter("A property is expected as a function's first argument.")
        path = self.named(path)
        self.mark(",")
        kind, text = self.take()
        if kind != "text":
            raise bad_filter("A string is expected as a function's second argument.")
        self.mark(")")
        wanted = _unquoted(text).lower()
        return lambda look: judge(str(look(path) or "").lower(), wanted)

    def over(self, owner: str, *, every: bool, depth: int) -> Test:
        """`owner/any(x:…)`: the inside is looked at with `x` standing for each element."""
        owner = self.named(owner)
        self.mark("(")
        kind, variable = self.take()
        if kind != "name":
            raise bad_filter("A range variable is expected after any( or all(.")
        self.mark(":")
        self.variables.append(variable)
        inside = self.either(depth + 1)
        self.variables.pop()
        self.mark(")")

        def test(look: Look) -> bool:
            found = (inside(_bound(variable, each, look)) for each in look(owner) or ())
            return all(found) if every else any(found)

        return test

    def comparison(self, path: str) -> Test:
        _, name = self.take()
        judge = _OPERATORS.get(name)
        if judge is None:
            raise bad_filter(f"An operator is expected in the filter instead of '{name[:40]}'.")
        wanted = self.literal()
        return lambda look: _compared(judge, look(path), wanted)

    def literal(self) -> Any:  # noqa: ANN401
        kind, text = self.take()
        match kind:
            case "text":
                return _unquoted(text)
            case "moment":
                moment = instant(text)
                if moment is None:
                    raise bad_filter(f"'{text[:40]}' is no moment.")
                return moment
            case "number":
                return float(text)
            case "name" if text in _WORDS:
                return _WORDS[text]
            case _:
                raise bad_filter(f"A value is expected in the filter instead of '{text[:40]}'.")

    def named(self, path: str) -> str:
        if path.partition("/")[0] not in self.variables:
            self.paths.append(path)
        return path


def _bound(variable: str, element: Any, outer: Look) -> Look:  # noqa: ANN401
    def look(path: str) -> Any:  # noqa: ANN401
        first, _, rest = path.partition("/")
        return within(element, rest) if first == variable else outer(path)

    return look


def within(value: Any, path: str) -> Any:  # noqa: ANN401
    """The value at a path within JSON; None where it leads nowhere."""
    for step in path.split("/") if path else ():
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _compared(judge: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:  # noqa: ANN401
    if isinstance(value, str):
        value, wanted = _alike(value, wanted)
    if value is None or wanted is None:
        if judge is _OPERATORS["ne"]:
            return value is not wanted
        return judge is _OPERATORS["eq"] and value is wanted
    try:
        return judge(value, wanted)
    except TypeError:
        return False


def _alike(value: str, wanted: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Texts that are moments are compared as such; others whatever their case."""
    if isinstance(wanted, datetime):
        return instant(value), wanted
    if not isinstance(wanted, str):
        return value, wanted
    if len(value) > 18 and value[4:5] == "-" and "T" in value and (there := instant(wanted)):
        return instant(value), there
    return value.lower(), wanted.lower()


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")
