"""Page walk: a listing whose pages hold the items themselves, taken a few items at a time.

A place is "page P, with so much of it behind us" (`behind`). The page at hand is remembered, so
that steps can be small and requests few; after a restart it is asked for again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scp_server.domain.changes import Change, Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.behind import Behind, recognised
from scp_server.providers.foreign import thing
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail

Json = dict[str, Any]
Shape = Callable[[str, Json], tuple[Change, ...]]
"""What became of an item, by its id and what the page has of it: nothing, one or several changes.

Raises ProviderProtocolError when it cannot be read."""

NAMELESS: Final = "The provider listed an entry without an id."


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """A page: each item once, in its last state."""

    entries: dict[str, Json]
    next: str | None
    """The token of the page after it."""
    end: str | None = None
    """On the last page, where to follow from, in listings that say so."""
    at: float | None = None
    """When it was given, by the provider's clock in epoch seconds."""
    skipped: tuple[Skipped, ...] = ()
    """Entries that have no id to go by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the next few items of a page gave."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    page: ItemPage
    onwards: tuple[str | None, str | None] | None
    """Page to go on with, and the mark of what is behind us of it; None at the listing's end."""


class PageWalk:
    """One run through one listing, or one list of changes, `group` items at a time."""

    def __init__(
        self,
        ask: Callable[[str | None], Ask],
        read: Callable[[Reply], ItemPage],
        unreadable: Unreadable,
        group: int,
        *,
        listing: bool = False,
    ) -> None:
        self._ask = ask
        self._read = read
        self._unreadable = unreadable
        self._group = group
        self._is_listing = listing
        self._trail = Trail()
        self._at_hand: tuple[str | None, ItemPage] | None = None
        self._behind = Behind()

    def remember(self, token: str | None, page: ItemPage) -> None:
        """Take a page that was read already."""
        self._trail.page(token, list(page.entries), page.next)
        self._at_hand = token, page
        self._behind = Behind()

    def page(self, token: str | None) -> Reading[ItemPage]:
        """The page of that token."""
        if self._at_hand is not None and self._at_hand[0] == token:
            return self._at_hand[1]
        (reply,) = yield (self._ask(token),)
        page = self._read(reply)
        self.remember(token, page)
        return page

    def part(self, token: str | None, after: str | None, shape: Shape) -> Reading[Part]:
        """The items after a mark; all of the page when it is not recognised (`behind`)."""
        page = yield from self.page(token)
        if self._behind.mark != after:
            self._behind = recognised(page.entries, after, listing=self._is_listing)
        start = self._behind.count
        taken = list(page.entries.items())[start : start + self._group]
        try:
            shaped = self._unreadable.shaped(dict(taken), shape)
        except ProviderProtocolError:
            # What is odd may have been garbled on its way: the next try asks for it anew.
            self._at_hand = None
            raise
        onwards: tuple[str | None, str | None] | None = None
        self._behind = self._behind.plus(taken)
        if self._behind.count < len(page.entries):
            onwards = token, self._behind.mark
        elif page.next is not None:
            onwards = page.next, None
        # Entries without an id are told with the first part of their page.
        nameless = page.skipped if start == 0 else ()
        return Part(
            changes=tuple(change for found in shaped.found.values() for change in found),
            skipped=(*nameless, *shaped.skipped),
            page=page,
            onwards=onwards,
        )


def by_id(
    listed: Sequence[Any], identify: Callable[[Mapping[str, Any]], str | None], odd: Unreadable
) -> tuple[dict[str, Json], tuple[Skipped, ...]]:
    """The entries of a page, each once in its last state, and those without an id.

    Raises: ProviderProtocolError while the page is worth another try for their sake.
    """
    found, skipped = identified(listed, identify)
    if skipped:
        odd.give_up({f"nameless beside {next(iter(found), '')}": NAMELESS})
    return found, skipped


def identified(
    listed: Sequence[Any], identify: Callable[[Mapping[str, Any]], str | None]
) -> tuple[dict[str, Json], tuple[Skipped, ...]]:
    """The entries of a page, each once in its last state, and those without an id."""
    found: dict[str, Json] = {}
    nameless = 0
    for raw in listed:
        entry = thing(raw)
        identity = identify(entry)
        if not identity:
            nameless += 1
            continue
        found.pop(identity, None)
        found[identity] = dict(entry)
    return found, (Skipped(id=None, reason=NAMELESS),) * nameless
