"""Whether a message is in a filter (odata), and whether Graph can be asked for it."""

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from scp_server.providers.foreign import flag, items, text, thing
from scp_server.providers.microsoft.odata import (
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
from scp_server.providers.moments import parsed

_ORDERED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_UNASKED: Final = frozenset({"body/content", "bodyPreview", "id", "parentFolderId"})
"""Properties that Graph searches by reading every message, or not at all."""


def includes(expression: Expression, message: Mapping[str, Any]) -> bool:
    """Whether the filter includes a message, as Graph's JSON has it."""
    return _holds(expression, message, PROPERTIES)


def askable(expression: Expression) -> bool:
    """Whether Graph is known to judge it as we do."""
    match expression:
        case Compare(path, _, value):
            return path not in _UNASKED and value is not None
        case Call(name, path, _):
            return name != "endswith" and path not in _UNASKED
        case AnyOf(_, condition):
            return condition is not None and askable(condition)
        case Not():
            return False
        case All(parts) | Either(parts):
            return all(askable(part) for part in parts)


def _holds(expression: Expression, subject: object, known: Mapping[str, Kind]) -> bool:
    match expression:
        case Compare(path, comparison, value):
            return _compares(_value(subject, path, known), comparison, value)
        case Call(name, path, wanted):
            held = _value(subject, path, known)
            return isinstance(held, str) and _matches(name, held, wanted.casefold())
        case AnyOf(path, condition):
            return _any(_elements(subject, path), condition)
        case Not(part):
            return not _holds(part, subject, known)
        case All(parts):
            return all(_holds(part, subject, known) for part in parts)
        case Either(parts):
            return any(_holds(part, subject, known) for part in parts)


def _any(elements: Iterator[object], condition: Expression | None) -> bool:
    if condition is None:
        return any(True for _ in elements)
    return any(_holds(condition, element, {}) for element in elements)


def _elements(subject: object, path: str) -> Iterator[object]:
    yield from items(thing(subject).get(path))


def _value(subject: object, path: str, known: Mapping[str, Kind]) -> Literal:
    held = subject
    for step in filter(None, path.split("/")):
        held = thing(held).get(step)
    kind = known.get(path, Kind.TEXT)
    if kind is Kind.TRUTH:
        return flag(held)
    words = text(held)
    if kind is Kind.TIME:
        return parsed(words or "")
    return None if words is None else words.casefold()


def _compares(held: Literal, comparison: str, wanted: Literal) -> bool:
    wanted = wanted.casefold() if isinstance(wanted, str) else wanted
    if comparison == "eq":
        return held == wanted
    if comparison == "ne":
        return held != wanted
    if isinstance(held, str) and isinstance(wanted, str):
        return _ORDERED[comparison](held, wanted)
    if isinstance(held, datetime) and isinstance(wanted, datetime):
        return _ORDERED[comparison](held, wanted)
    return False


def _matches(name: str, held: str, wanted: str) -> bool:
    match name:
        case "startswith":
            return held.startswith(wanted)
        case "endswith":
            return held.endswith(wanted)
        case _:
            return wanted in held
