"""What a connector learned: items that are there, changed, or are gone."""

from dataclasses import dataclass, field
from typing import Any

from scp_server.domain.streams import Position
from scp_wire.events import ChangeKind
from scp_wire.items import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One item and what happened to it."""

    kind: ChangeKind
    item: Item
    version: str
    """The provider's version of the item (history id, etag): the same however it was found."""
    raw: Any = None
    """The provider's own object, for `include_raw`."""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An item that could not be read however often it was tried: it is set aside, and told."""

    id: str | None
    """The provider's; None when it has not even that."""
    reason: str
    """For people; holds no content of the user's."""
    fault: str | None = field(default=None, compare=False)
    """Of an error in this server's own code: its kind and where it was raised, nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A few items of a backfill, and where to go on; `resume` None means all is read."""

    changes: tuple[Change, ...]
    resume: Position | None
    skipped: tuple[Skipped, ...] = ()
    current: bool = False
    """Whether the items are as they were when the step was asked for, in all steps alike.

    Where they are not (pages of a round that was frozen at its start, a page that is kept for
    several steps), what changed since the backfill began is told once more after it.
    """
    capped: bool = False
    """Whether it is the last because the provider gives no more, though there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What changed since; `since` is the new place. `more`: ask again at once."""

    changes: tuple[Change, ...]
    since: Position
    more: bool
    skipped: tuple[Skipped, ...] = ()
