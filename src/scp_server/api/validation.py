"""Validation: a JSON value to a typed one, and errors that name the field and its rule."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from scp_server.api.bodies import shown_name
from scp_server.domain.errors import RequestError
from scp_server.domain.secrets import AGENT_PREFIX, OPERATOR_PREFIX, SESSION_PREFIX

T = TypeVar("T")
Path = tuple[str | int, ...]

_SECRET_FIELDS: Final = frozenset(
    {"session_id", "tokens", "access_token", "refresh_token", "code", "cursor", "return_to"}
)
_SECRET_PREFIXES: Final = (SESSION_PREFIX, AGENT_PREFIX, OPERATOR_PREFIX)
_MAX_SHOWN: Final = 200
_MAX_EXACT: Final = 2**53

_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`$")

_PLAIN_RULES: Final[Mapping[type[inspect.Type], str]] = MappingProxyType(
    {
        inspect.FloatType: "a number",
        inspect.BoolType: "true or false",
        inspect.DateTimeType: "a time with its zone as in RFC 3339, like 2026-11-23T07:45:00Z",
    }
)


def validate(
    document: object, shape: type[T], refusal: type[RequestError], *, within: str = ""
) -> T:
    """`document` as a `shape`; `within` is the field it was found in.

    Raises: `refusal`, with `details.field`, the value where it is no secret, and the rule.
    """
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise _refused(str(error), document, shape, refusal, within=within) from None


def _refused(
    message: str, document: object, shape: type[Any], refusal: type[RequestError], *, within: str
) -> RequestError:
    place = _PLACE.search(message)
    path = _path(place["path"]) if place else ()
    what = message[: place.start()] if place else message
    if unknown := _UNKNOWN.match(what):
        known = _names(_info_at(shape, path))
        field = _dotted(within, (*path, shown_name(unknown["name"])))
        return refusal(
            f"{field} is not known here. Leave it out, or use one of: {', '.join(known)}.",
            field=field,
            allowed_values=known,
        )
    if missing := _MISSING.match(what):
        field = _dotted(within, (*path, missing["name"]))
        rule = _rule(_info_at(shape, (*path, missing["name"])))
        return refusal(f"{field} is missing: it must be {rule}.", field=field)
    info = _info_at(shape, path)
    field = _dotted(within, path) or "body"
    return refusal(
        f"{field} must be {_rule(info)}.", field=field, **_shown(document, path), **_bounds(info)
    )


def _path(text: str) -> Path:
    return tuple(
        step["name"] if step["name"] is not None else int(step["index"].strip(".") or 0)
        for step in _STEP.finditer(text)
    )


def _dotted(within: str, path: Path) -> str:
    text = within
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _shown(document: object, path: Path) -> dict[str, object]:
    value: Any = document
    for step in path:
        if step in _SECRET_FIELDS:
            return {}
        try:
            value = value[step]
        except (LookupError, TypeError):
            return {}
    return shown_value(value)


def shown_value(value: object) -> dict[str, object]:
    """`{"value": ...}` where the value is short, plain and not a credential; else nothing."""
    match value:
        case bool() | None:
            return {"value": value}
        case int():
            return {"value": value if abs(value) <= _MAX_EXACT else "out of range"}
        case float():
            return {"value": value}
        case str() if not value.startswith(_SECRET_PREFIXES):
            return {"value": value[:_MAX_SHOWN]}
        case _:
            return {}


def _info_at(shape: type[Any], path: Path) -> inspect.Type:
    info = _inner(inspect.type_info(shape))
    for step in path:
        match info:
            case inspect.StructType():
                found = [field.type for field in info.fields if field.encode_name == step]
                info = _inner(found[0]) if found else inspect.AnyType()
            case inspect.ListType() | inspect.VarTupleType():
                info = _inner(info.item_type)
            case _:
                return inspect.AnyType()
    return info


def _inner(info: inspect.Type) -> inspect.Type:
    """Without metadata and without `| None`."""
    if isinstance(info, inspect.Metadata):
        return _inner(info.type)
    if isinstance(info, inspect.UnionType):
        inner = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        return _inner(inner[0])
    return info


def _names(info: inspect.Type) -> list[str]:
    if isinstance(info, inspect.StructType):
        return [field.encode_name for field in info.fields]
    return []


def _rule(info: inspect.Type) -> str:
    match info:
        case inspect.IntType():
            rule = "an integer" + _span(info.ge, info.le)
        case inspect.StrType():
            rule = "a text" + _span(info.min_length, info.max_length, unit=" characters")
            if info.pattern is not None:
                rule += f" that matches {info.pattern}"
        case inspect.ListType() | inspect.VarTupleType():
            rule = "a list" + _span(info.min_length, info.max_length, unit=" entries")
        case inspect.LiteralType():
            rule = "one of " + ", ".join(str(value) for value in info.values)
        case _:
            rule = _PLAIN_RULES.get(type(info), "an object")
    return rule


def _span(low: float | None, high: float | None, *, unit: str = "") -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f" of at most {high}{unit}"
    if high is None:
        return f" of at least {low}{unit}"
    return f" of {low} to {high}{unit}" if unit else f" from {low} to {high}"


def _bounds(info: inspect.Type) -> dict[str, object]:
    match info:
        case inspect.IntType():
            bounds: dict[str, object] = {"minimum": info.ge, "maximum": info.le}
        case inspect.StrType() | inspect.ListType() | inspect.VarTupleType():
            bounds = {"min_length": info.min_length, "max_length": info.max_length}
        case inspect.LiteralType():
            bounds = {"allowed_values": list(info.values)}
        case inspect.BoolType():
            bounds = {"allowed_values": [True, False]}
        case _:
            bounds = {}
    return {name: bound for name, bound in bounds.items() if bound is not None}
