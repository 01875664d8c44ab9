"""Answers: what a provider sent back, and the JSON object in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What it says instead may quote the user's data: it goes into no message and no chain.
        raise ProviderProtocolError(
            "The provider granted a request and sent something that is not JSON; it is asked again."
        ) from None
    if not isinstance(body, dict):
        raise ProviderProtocolError(
            f"The provider sent a JSON {type(body).__name__} where its API has an object."
        )
    return body
