"""Bodies: bytes of a request to a JSON value, strictly and within bounds.

Nothing is guessed: one encoding (UTF-8), one media type, no content coding, no duplicate keys
(parsers disagree on which wins, so a proxy and we could see different requests).
"""

import json
import math
from typing import Any, Final, NoReturn

from msgspec import UNSET
from starlette.requests import Request

from scp_server.api.errors import PayloadTooLarge, UnsupportedMediaType
from scp_server.domain.errors import InvalidRequest

MAX_BODY: Final = 256 * 1024
"""Bytes of a body that are read."""
MAX_DEPTH: Final = 64
"""Levels of nesting in a body."""
_DRAIN: Final = 8 * 1024 * 1024
"""Bytes beyond the limit that are read and dropped, so that the client, which may read only after
it has written all, gets to see the 413 and not a reset connection."""
_MAX_EXACT: Final = 2**53


async def read_json(request: Request, *, optional: bool) -> object:
    """The JSON value in a request's body; UNSET when it is empty and may be (`null` is a value).

    Raises: UnsupportedMediaType, PayloadTooLarge, InvalidRequest.
    """
    if (coding := request.headers.get("content-encoding")) is not None and coding != "identity":
        raise UnsupportedMediaType(
            "Bodies are read as they are. Send yours without Content-Encoding.",
            field="Content-Encoding",
        )
    raw = await _read(request)
    if not raw and optional:
        return UNSET
    _check_media_type(request.headers.getlist("content-type"))
    return parse_json(raw)


def parse_json(raw: bytes) -> object:
    """Strict JSON (RFC 8259, and I-JSON, RFC 7493): no repeats, no NaN, no lone surrogates.

    Raises: InvalidRequest saying what is wrong.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        _refuse("The body starts with a byte order mark. Send UTF-8 without one.")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        _refuse("The body is not UTF-8. Send JSON in UTF-8.")
    if not text.strip(" \t\r\n"):
        _refuse("The body is empty. Send a JSON object.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        _refuse(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).")
    except RecursionError:
        _refuse(f"The body is nested deeper than {MAX_DEPTH} levels.")
    except ValueError:  # Python reads integers of at most 4,300 digits
        _refuse("The body holds a number with too many digits.")
    _check_tree(value)
    return value


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isascii() and announced.isdigit() else 0
    waits = "expect" in request.headers
    if size > MAX_BODY and (waits or size > MAX_BODY + _DRAIN):
        raise PayloadTooLarge(MAX_BODY, drained=False)
    chunks: list[bytes] = []
    seen = 0
    # How long it may take is bounded where we listen (`listening.http`).
    async for chunk in request.stream():
        seen += len(chunk)
        if seen <= MAX_BODY:
            chunks.append(chunk)
            continue
        chunks.clear()
        if seen > MAX_BODY + _DRAIN:
            raise PayloadTooLarge(MAX_BODY, drained=False)
    if seen > MAX_BODY:
        raise PayloadTooLarge(MAX_BODY, drained=True)
    return b"".join(chunks)


def _check_media_type(values: list[str]) -> None:
    kinds = {_media_type(value) for value in values}
    if kinds - {("application/json", ""), ("application/json", "utf-8")} or len(kinds) != 1:
        raise UnsupportedMediaType(
            "Send the body as JSON, with `Content-Type: application/json`.",
            field="Content-Type",
            allowed_values=["application/json", "application/json; charset=utf-8"],
        )


def _media_type(value: str) -> tuple[str, str]:
    kind, *parameters = (part.strip().lower() for part in value.split(";"))
    charsets = [part.removeprefix("charset=").strip('"') for part in parameters if part]
    return kind, ",".join(charsets)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse("The body names a field twice. Send it once.", field=shown_name(twice))
    return found


def shown_name(name: str) -> str:
    """A field's name as an error may repeat it: short, and without lone surrogates."""
    return name[:100].encode("utf-8", "replace").decode()


def _refuse_constant(constant: str) -> NoReturn:
    _refuse(f"{constant} is not JSON. Send a number, or null.")


def _number(text: str) -> float | int:
    value = float(text)
    if not math.isfinite(value):
        _refuse("The body holds a number that is out of range.")
    # 100.0 is an integer to JSON Schema, and to the JavaScript that may have written it.
    return int(value) if value.is_integer() and abs(value) < _MAX_EXACT else value


def _check_tree(root: object) -> None:
    level = [root]
    depth = 0
    while level:
        if depth == MAX_DEPTH and any(isinstance(node, list | dict) for node in level):
            _refuse(f"The body is nested deeper than {MAX_DEPTH} levels.")
        level = [child for node in level for child in _children(node)]
        depth += 1


def _children(node: object) -> list[object]:
    if isinstance(node, str):
        if not node.isascii() and any("\ud800" <= letter <= "\udfff" for letter in node):
            _refuse("The body holds half of a surrogate pair. Send whole characters.")
        return []
    if isinstance(node, dict):
        return [*node, *node.values()]
    return node if isinstance(node, list) else []


def _refuse(message: str, **details: object) -> NoReturn:
    raise InvalidRequest(message, **details)
