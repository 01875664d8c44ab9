"""Google's discovery documents as they come with its client, and validators made from them."""

import json
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

Json = dict[str, Any]

API_NAMES = {"gmail": "v1", "calendar": "v3", "people": "v1", "drive": "v3", "pubsub": "v1"}
_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_BASE64 = r"^[A-Za-z0-9_-]*={0,2}$"
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$"
_KEPT = ("type", "enum", "pattern", "format")


@cache
def _text(name: str) -> str:
    folder = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    return (folder / f"{name}.{API_NAMES[name]}.json").read_text(encoding="utf-8")


def document(name: str) -> Json:
    """A fresh copy of an API's document."""
    found: Json = json.loads(_text(name))
    return found


@cache
def methods(name: str) -> dict[str, Json]:
    """An API's methods by id, such as `gmail.users.messages.list`."""
    return {method["id"]: method for method in _methods(document(name))}


@cache
def common_parameters(name: str) -> frozenset[str]:
    """The parameters that every method of an API takes."""
    return frozenset(document(name)["parameters"])


def _methods(node: Json) -> Iterator[Json]:
    yield from node.get("methods", {}).values()
    for inner in node.get("resources", {}).values():
        yield from _methods(inner)


@cache
def validator(name: str, schema: str) -> Draft202012Validator:
    """What a resource of an API has to be like: no property that the document does not know."""
    schemas = document(name)["schemas"]
    definitions = {key: _converted(value) for key, value in schemas.items()}
    whole = {"$defs": definitions, "$ref": f"#/$defs/{schema}"}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole, format_checker=_formats())


def complaints(method_id: str, answer: object) -> list[str]:
    """What is wrong with an answer of a method by its document; empty when nothing is."""
    name = method_id.partition(".")[0]
    response = methods(name)[method_id].get("response")
    if response is None:
        return [] if answer in (None, "", {}) else ["there should be no answer at all"]
    found = validator(name, response["$ref"]).iter_errors(answer)
    return [_spelled(error) for error in found]


def _spelled(error: ValidationError) -> str:
    return f"{'/'.join(map(str, error.absolute_path)) or '.'}: {error.message[:200]}"


def _converted(schema: Json) -> Json:
    """One discovery schema in the words of JSON Schema."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kind = schema.get("type")
    if kind == "any":
        return {}
    if kind == "array":
        return {"type": "array", "items": _converted(schema["items"])}
    if kind == "object":
        return _object(schema)
    # int64 is a decimal string in JSON; the document says so with type `string`.
    return {key: schema[key] for key in _KEPT if key in schema}


def _object(schema: Json) -> Json:
    properties = {key: _converted(value) for key, value in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties")
    rest: Json | bool = _converted(more) if more is not None else False
    return {"type": "object", "properties": properties, "additionalProperties": rest}


@cache
def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name in _RANGES:
        checker.checks(name)(_range(name))
    checker.checks("byte")(_matches(_BASE64))
    for name in ("date-time", "google-datetime"):
        checker.checks(name)(_matches(_MOMENT))
    checker.checks("date")(_matches(r"^\d{4}-\d\d-\d\d$"))
    for name in ("double", "float"):
        checker.checks(name)(lambda value: isinstance(value, int | float) and math.isfinite(value))
    return checker


def _range(name: str) -> Callable[[object], bool]:
    least, most = _RANGES[name]

    def fits(value: object) -> bool:
        text = value if isinstance(value, str) else str(value)
        digits = text.removeprefix("-")
        return digits.isascii() and digits.isdecimal() and least <= int(text) <= most

    return fits


def _matches(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern)
    return lambda value: not isinstance(value, str) or compiled.fullmatch(value) is not None
