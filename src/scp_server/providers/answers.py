"""Answers: what a provider sent back, and the JSON object in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from scp_server.domain.errors import ProviderProtocolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP response, whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was granted."""
        return 200 <= self.status < 300


def json_object(answer: Answer) -> dict[str, Any]:
    """The object that a granted request is answered with.

    Raises: ProviderProtocolError when it is anything else, such as a login page.
    """
    try:
        body = _decoded(answer.body)
    except (ValueError, RecursionError):
        # What it says instead may quote the user's data: it goes into no message and no chain.
        raise ProviderProtocolError(
            "The provider granted a request and sent something that is not JSON; it is asked again."
        ) from None
    if not isinstance(body, dict):
        raise ProviderProtocolError(
            f"The provider sent a JSON {type(body).__name__} where its API has an object."
        )
    return body


_HALVES: Final = re.compile(
    r"\\(?:u[dD](?:[89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    r"|[c-fC-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape sequence; a pair of surrogates is one, and so is half of a pair."""
_HALF_LENGTH: Final = 6
_MOST_DIGITS: Final = 400


def _decoded(octets: bytes) -> object:
    """The JSON in an answer.

    One text that was cut within a character must not make a page of others unreadable: what is no
    JSON at first sight is read again with its flaws replaced (RFC 8259, 8.2).

    Raises: ValueError, RecursionError when it is none for all that.
    """
    try:
        return msgspec.json.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if not octets.lstrip()[:1] == b"{":
            raise
    whole = _HALVES.sub(_without_halves, octets.decode("utf-8", "replace"))
    return json.loads(whole, strict=False, parse_int=_whole, parse_constant=_no_number)


def _without_halves(escape: re.Match[str]) -> str:
    return "\\ufffd" if len(escape[0]) == _HALF_LENGTH else escape[0]


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _no_number(_name: str) -> None:
    return None
