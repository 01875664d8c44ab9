"""Connector: how one stream type of one provider is read.

A connector does no I/O. Each method is a reading: a generator that yields the requests it wants
made, is sent the replies in the same order, and returns what it learned. The link performs the
requests, so that tokens, timeouts, quotas, batches and retries are written once.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from scp_server.domain.changes import Followed, Step
from scp_server.domain.streams import Position

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One GET at a provider."""

    method: str
    """The provider's own name of it ("gmail.messages.get"): what quota and audit count."""
    base: str
    """The endpoint setting it is joined to: "gmail_url", "calendar_url", ..."""
    path: str
    params: tuple[tuple[str, str], ...] = ()
    absent_ok: bool = False
    """Whether 404 and 410 are answers (`Reply.absent`) rather than failures; a 410 that says that
    a place in the data is lost is a failure still."""
    headers: tuple[tuple[str, str], ...] = ()
    """Request headers of its own, such as Graph's Prefer."""
    link: str | None = field(default=None, repr=False)
    """An absolute address the provider gave, asked for as it is instead of path and parameters.
    The link performs it only at the endpoint `base` names: a token goes nowhere else."""
    live: bool = False
    """Whether it follows changes: then it goes ahead of backfills where quota is short."""
    one_of_many: bool = False
    """Whether it fetches a single item that others can do without: when it alone goes on failing,
    the reply says so (`Reply.failed`), and the reading goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: a JSON object as Python values, `{}` when absent."""

    body: dict[str, Any]
    absent: bool = False
    failed: str | None = None
    """Why an item cannot be read, when it was tried in vain while others were answered."""
    at: float | None = field(default=None, compare=False)
    """When it was given, by the provider's own clock in epoch seconds; None when it did not say."""


Reading = Generator[tuple[Ask, ...], tuple[Reply, ...], T]


class Connector(Protocol):
    """Takes a bookmark, backfills to the end, follows from the bookmark.

    One object serves one stream and may remember what it has just read, but whatever is needed to
    go on after a restart is in the positions it returns.
    """

    def bookmark(self) -> Reading[Position]:
        """Return the place from which `follow` misses nothing that happens from now on."""
        ...

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """Return the next few items of what is there; `Step.resume` is None on the last.

        Never more at once than the stream's `max_results`: a step that is cut short is given
        again to whoever goes on from there, who would else come no further.

        A place within a page that is gone means the page is read whole again.
        """
        ...

    def follow(self, since: Position) -> Reading[Followed]:
        """Return what changed since, in the provider's order.

        Raises (through the link): PositionLost when `since` is too old.
        """
        ...
