"""Dialect: what the link must know of one provider, as data and pure functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scp_server.domain.errors import ProviderError
from scp_server.ports.connector import Ask
from scp_server.providers.answers import Answer
from scp_server.providers.quota import Tariff

Refusal = Callable[[Ask, Answer, float], ProviderError]
"""What a refused request means: the ask, the answer, and now in epoch seconds (for dates)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPost:
    """A batch request ready to be sent."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """One GET in a batch."""

    target: str
    """Path and query, from the endpoint's own root."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one provider is talked to."""

    name: str
    """For messages: "Google"."""
    tariff: Tariff
    """What each method costs, and of which allowance."""
    refusal: Refusal
    batch_paths: Mapping[str, str]
    """Endpoint setting to the path of its batch API; without an entry there is none."""
    write_batch: Callable[[Sequence[BatchPart]], BatchPost]
    """Requests to one batch."""
    read_batch: Callable[[Answer, int], list[Answer | None]]
    """The answers of a granted batch in the order of its parts; None for one that is missing.

    Raises ProviderProtocolError when it is no batch answer at all.
    """
