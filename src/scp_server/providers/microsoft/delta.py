"""Graph's delta queries: what all that follow with them share.

A round is a chain of pages; each but the last names the next by `@odata.nextLink`, the last names
where the next round begins by `@odata.deltaLink`. Both are absolute addresses, followed as they
are; the link sees to it that they stay at Graph. A page may be empty and name a
next one all the same, and an item may come several times: its last state counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import entries, identifier, text
from scp_server.providers.page_walk import by_id, identified
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail

PAGE: Final = 200
"""Items of a delta page, where Outlook follows the wish; up to 200 are known to be given."""

Headers = tuple[tuple[str, str], ...]


def prefer(*wishes: str) -> Headers:
    """The Prefer header of an Outlook request. It has to be on every one, links included."""
    return (("Prefer", ", ".join(('IdType="ImmutableId"', *wishes))),)


OUTLOOK: Final = prefer()
"""Without it an item's id changes whenever it moves."""
OUTLOOK_DELTA: Final = prefer(f"odata.maxpagesize={PAGE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaPage:
    """A page of a round, each item once in its last state."""

    key: str
    """The link it was asked for with; empty at the start of the first round."""
    bodies: dict[str, dict[str, Any]]
    next: str | None
    delta: str | None
    """Where the next round begins; only on the last page of one."""
    skipped: tuple[Skipped, ...] = ()
    """Entries without an id."""

    @property
    def onwards(self) -> str:
        """Where to go on, within this round or with the next."""
        return self.next or self.delta or ""


def is_removed(body: Mapping[str, Any]) -> bool:
    """Whether an entry says that an item is no longer in this collection."""
    return body.get("@removed") is not None


def read_page(key: str, body: Mapping[str, Any], odd: Unreadable | None = None) -> DeltaPage:
    """A page of a round.

    Entries without an id are set aside by `odd`; without it they are no reason for another try.

    Raises: ProviderProtocolError when it is none, names no way on, or is worth another try.
    """
    if "value" not in body:
        raise ProviderProtocolError("Microsoft answered a delta query with another object.")
    listed = entries(body, "value")
    bodies, skipped = identified(listed, _id) if odd is None else by_id(listed, _id, odd)
    page = DeltaPage(
        key=key,
        bodies=bodies,
        next=text(body.get("@odata.nextLink")) or None,
        delta=text(body.get("@odata.deltaLink")) or None,
        skipped=skipped,
    )
    if not page.onwards:
        raise ProviderProtocolError("Microsoft sent a page of a delta query without a link.")
    return page


def _id(entry: Mapping[str, Any]) -> str | None:
    return identifier(entry.get("id"))


def ask_at(start: Ask, link: str) -> Ask:
    """The same question, asked where a link leads; as it stands when there is none yet."""
    return replace(start, link=link, params=()) if link else start


def note(trail: Trail, name: str, page: DeltaPage) -> None:
    """Note a page of the walk of that name.

    Raises: ProviderProtocolError when the walk goes in circles or nowhere.
    """
    following = None if page.next is None else f"{name} {page.next}"
    trail.page(f"{name} {page.key}", [f"{name} {i}" for i in page.bodies], following)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A whole round."""

    bodies: dict[str, dict[str, Any]]
    """All its entries in their last states."""
    nameless: int
    """How many came without an id."""
    onwards: str
    """Where the next one begins."""


def walk(start: Ask, link: str, what: str) -> Reading[Round]:
    """A round from a link on; from its start when there is none."""
    trail = Trail()
    found: dict[str, dict[str, Any]] = {}
    nameless = 0
    while True:
        (reply,) = yield (ask_at(start, link),)
        page = read_page(link, reply.body)
        note(trail, what, page)
        nameless += len(page.skipped)
        for identity, body in page.bodies.items():
            found.pop(identity, None)
            found[identity] = body
        if page.next is None:
            return Round(bodies=found, nameless=nameless, onwards=page.onwards)
        link = page.next


Take = Callable[[str, Mapping[str, Any]], None]
"""Is handed the name of a collection and an entry of it."""


def walk_all(starts: Mapping[str, Ask], take: Take) -> Reading[dict[str, str]]:
    """A whole first round of each collection, side by side; the links of their next rounds.

    Collections that are gone by now are left out.
    """
    trails = {name: Trail() for name in starts}
    links = dict.fromkeys(starts, "")
    ended: dict[str, str] = {}
    while links:
        names = list(links)
        replies = yield tuple(ask_at(starts[name], links[name]) for name in names)
        for name, reply in zip(names, replies, strict=True):
            link = links.pop(name)
            if reply.absent:
                continue
            page = read_page(link, reply.body)
            note(trails[name], name, page)
            for body in page.bodies.values():
                take(name, body)
            if page.next is None:
                ended[name] = page.onwards
            else:
                links[name] = page.next
    return ended
