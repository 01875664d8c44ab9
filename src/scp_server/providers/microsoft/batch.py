"""Graph's JSON batches: many requests in one, and the answers to them.

A granted batch says nothing of its parts: each has a status of its own, and they come back in any
order, told apart by their ids (Graph, "Combine multiple requests"). Parts inherit no header but
the token's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.answers import Answer
from scp_server.providers.dialect import BatchPart, BatchPost

MOST_PARTS: Final = 20
"""More are refused as a whole (MaximumValueExceeded)."""
VERSION: Final = "/v1.0"
BATCH_PATHS: Final[Mapping[str, str]] = {"graph_url": f"{VERSION}/$batch"}

_INHERITED: Final = ("date",)
"""What an answer as a whole says for each of its parts."""


def write_batch(parts: Sequence[BatchPart]) -> BatchPost:
    """A batch of GETs, numbered in order; their addresses are relative to the API's version."""
    requests = [
        {
            "id": str(number),
            "method": "GET",
            "url": part.target.removeprefix(VERSION),
            **({"headers": dict(part.headers)} if part.headers else {}),
        }
        for number, part in enumerate(parts)
    ]
    body = msgspec.json.encode({"requests": requests})
    return BatchPost(content_type="application/json", body=body)


class _Batch(msgspec.Struct):
    responses: list[msgspec.Raw]


class _Part(msgspec.Struct):
    id: str
    status: int
    headers: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.Raw()


def read_batch(answer: Answer, count: int) -> list[Answer | None]:
    """The answers of a granted batch by part; None for one that is missing or unreadable.

    Raises: ProviderProtocolError when it is no batch answer at all.
    """
    try:
        parts = msgspec.json.decode(answer.body, type=_Batch).responses
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProviderProtocolError(
            "Microsoft answered a batch request with something else."
        ) from None
    answers: list[Answer | None] = [None] * count
    for raw in parts:
        part = _read_part(raw)
        if part is None or not part.id.isascii() or not part.id.isdecimal() or len(part.id) > 4:
            continue
        number = int(part.id)
        if number < count and answers[number] is None:
            answers[number] = _answer(part, answer.headers)
    return answers


def _read_part(raw: msgspec.Raw) -> _Part | None:
    try:
        return msgspec.json.decode(raw, type=_Part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _answer(part: _Part, outer: Mapping[str, str]) -> Answer:
    inherited = {name: outer[name] for name in _INHERITED if name in outer}
    own = {name.lower(): str(value) for name, value in (part.headers or {}).items()}
    # Bytes, not the Raw: what refers to a part must not keep the whole batch alive.
    return Answer(status=part.status, headers={**inherited, **own}, body=bytes(part.body))
