"""What changes in a set of collections (folders), each with a delta link of its own.

A look asks every folder for a page of its round, and for the folders that came or went. What a
round says of an item is only that something happened to it: entries hold just what changed, and an
item that left one folder may be in another. So everything touched is fetched as it is now, once a
look, and that decides: what is still there in a folder we follow has changed or moved, what is not
there is deleted.

The links move on once all that a look brought is told. Until then a restart repeats the look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from scp_server.domain.changes import Change, Followed, Skipped
from scp_server.domain.errors import PositionLost, ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.foreign import text
from scp_server.providers.microsoft.delta import (
    ask_at,
    is_removed,
    note,
    read_page,
    walk_all,
)
from scp_server.providers.microsoft.folders import FolderList
from scp_server.providers.microsoft.newest import Doubt, Newest, short_hash
from scp_server.providers.microsoft.values import identity_of, version_of
from scp_server.providers.positions import read, written
from scp_server.providers.setting_aside import Unreadable
from scp_server.providers.trail import Trail
from scp_wire.events import ChangeKind
from scp_wire.items import Gone

GROUP: Final = 100
"""Items fetched and told at a time: five batches."""
LEFT_FILTER: Final = "left_filter"


class Collections(Protocol):
    """What is followed: one kind of item in its folders."""

    what: str
    """For messages: "a message"."""
    own: tuple[str, ...]
    """Folders that are followed without being listed."""

    def folders(self, link: str, *, live: bool) -> Reading[FolderList]:
        """All other folders, or those that came, went or changed since a list with this link."""
        ...

    def round(self, folder: str) -> Ask:
        """The start of a folder's delta query."""
        ...

    def touched(self, entry: Mapping[str, Any]) -> str | None:
        """Whose state an entry of a round says something of; None: nobody's."""
        ...

    def get(self, item: str) -> Ask:
        """An item as it is now."""
        ...

    def is_item(self, body: Mapping[str, Any]) -> bool:
        """Whether what was fetched is an item of the stream's kind."""
        ...

    def left(self, body: Mapping[str, Any], folder: str) -> bool:
        """Whether an item that a round calls removed, and is there, has left the stream.

        `folder`: the newest one that is followed.
        """
        ...

    def prepare(self) -> Reading[None]:
        """Get what is needed to shape items, when it is not there yet."""
        ...

    def fill(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[None]:
        """Add to items what does not come with them."""
        ...

    def change(self, body: dict[str, Any], kind: ChangeKind) -> Change | None:
        """The change; None when the item is not in the stream's filters."""
        ...


Told = tuple[tuple[Change, ...], tuple[Skipped, ...], Newest]
"""Changes, what was set aside, and the newest item after them."""


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """How far one folder is followed."""

    folder: str
    link: str = ""
    """Empty before its first round."""
    open: bool = False
    """Whether a round is not finished."""
    home: str | None = None
    """How its items call it, where that is another name."""


class FollowPlace(msgspec.Struct, frozen=True, kw_only=True, tag="graph-folders-1"):
    """All folders of a stream. `done`: items of the look from here that are told already."""

    folders: str = ""
    walks: tuple[Walk, ...] = ()
    newest: Newest = Newest()
    """What was there before the rounds under way began."""
    coming: Newest = Newest()
    """What was there before those that begin next."""
    done: int = 0


@dataclass(slots=True, kw_only=True)
class _Look:
    """What a look brought."""

    newest: Newest
    """What was the newest item before it."""
    after: FollowPlace
    """Where it leads."""
    touched: dict[str, str | None]
    """Items in order; with a mark of the page when all that was said is that they left a folder."""
    told: int = 0
    skipped: tuple[Skipped, ...] = ()
    """Entries without an id, still to be told."""

    def touch(self, item: str, mark: str | None) -> None:
        """Note that a page spoke of an item."""
        stays = item in self.touched and self.touched[item] is None
        self.touched[item] = None if stays else mark


class FolderFollowing:
    """The following half of a connector."""

    def __init__(self, collections: Collections, unreadable: Unreadable) -> None:
        self._collections = collections
        self._unreadable = unreadable
        self._trail = Trail()
        self.doubt = Doubt()
        """To be told of every step of the backfill."""
        self._look: _Look | None = None
        self._went_to: Position | None = None
        self.looked_at: float | None = None
        """When the last look was, by the provider's clock."""

    # -- the beginning ---------------------------------------------------------------------------

    def bookmark(self, at: float | None = None) -> Reading[Position]:
        """Walk every folder to its end, for its delta link: Graph mints none otherwise.

        `at`: when it is, by the provider's clock, where that is known.
        """
        listed = yield from self._collections.folders("", live=False)
        homes: dict[str, str] = {}
        newest = Newest().looked(at)

        def take(folder: str, entry: Mapping[str, Any]) -> None:
            nonlocal newest
            newest = newest.seen(entry)
            home = text(entry.get("parentFolderId"))
            if home is not None:
                homes[folder] = home

        folders = [*self._collections.own, *listed.there]
        starts = {folder: self._collections.round(folder) for folder in folders}
        links = yield from walk_all(starts, take)
        walks = tuple(Walk(folder=f, link=links[f], home=homes.get(f)) for f in links)
        return written(FollowPlace(folders=listed.link, walks=walks, newest=newest, coming=newest))

    # -- following -------------------------------------------------------------------------------

    def follow(self, since: Position) -> Reading[Followed]:
        """The next items that were touched, as they are now."""
        place = read(since, FollowPlace)
        yield from self._collections.prepare()
        if self._look is None or since != self._went_to:
            self._look = yield from self._look_around(place)
        look = self._look
        group = list(look.touched)[look.told : look.told + GROUP]
        changes, skipped = yield from self._tell(look, group)
        look.told += len(group)
        rest = len(look.touched) - look.told
        if rest:
            self._went_to = written(msgspec.structs.replace(place, done=look.told))
        else:
            self._look, self._went_to = None, written(_settled(look.after))
        more = rest > 0 or any(walk.open for walk in look.after.walks)
        if not more:
            self.doubt.ends()
        nameless, look.skipped = look.skipped, ()
        return Followed(
            changes=changes, since=self._went_to, more=more, skipped=(*nameless, *skipped)
        )

    # -- a look ----------------------------------------------------------------------------------

    def _look_around(self, place: FollowPlace) -> Reading[_Look]:
        """A page of each folder: of those with a round under way, else of all there are now."""
        under_way = any(walk.open for walk in place.walks)
        if not under_way:
            self._trail.clear()
            self.doubt.begins()
            place = yield from self._with_folders(place)
        asked = [w for w in place.walks if w.open] or list(place.walks)
        replies = yield tuple(self._ask(walk) for walk in asked)
        look = _Look(newest=place.newest, after=place, touched={})
        read_on: dict[str, Walk | None] = {}
        self.looked_at = replies[0].at if replies else None
        failures: list[ProviderProtocolError] = []
        for one, reply in zip(asked, replies, strict=True):
            try:
                read_on[one.folder] = self._read(look, one, reply)
            except ProviderProtocolError as error:
                # All pages are looked at: what is odd in several is tried in all at once.
                failures.append(error)
        if failures:
            raise failures[0]
        walks = (read_on.get(one.folder, one) for one in place.walks)
        look.after = FollowPlace(
            folders=place.folders,
            walks=tuple(one for one in walks if one is not None),
            newest=place.newest,
            coming=place.coming if under_way else place.newest.looked(self.looked_at),
        )
        return look

    def _ask(self, walk: Walk) -> Ask:
        return replace(ask_at(self._collections.round(walk.folder), walk.link), live=True)

    def _with_folders(self, place: FollowPlace) -> Reading[FollowPlace]:
        """The place with those folders that came, at their very beginning.

        Raises: PositionLost when one went: what became of the items in it nobody tells, only a
        complete listing does.
        """
        listed = yield from self._collections.folders(place.folders, live=True)
        known = {walk.folder for walk in place.walks}
        if listed.removed & known:
            raise PositionLost("A folder is gone, and with it the place in it.")
        new = [folder for folder in listed.there if folder not in known]
        walks = (*place.walks, *(Walk(folder=folder, open=True) for folder in new))
        return msgspec.structs.replace(place, folders=listed.link, walks=walks)

    def _read(self, look: _Look, walk: Walk, reply: Reply) -> Walk | None:
        """Note what a page says; the walk after it, or None when its folder never mattered."""
        if reply.absent:
            if walk.link:
                raise PositionLost("A folder is gone, and with it the place in it.")
            return None
        page = read_page(walk.link, reply.body, self._unreadable)
        look.skipped += page.skipped
        note(self._trail, walk.folder, page)
        home = walk.home
        for entry in page.bodies.values():
            item = self._collections.touched(entry)
            if item is not None:
                look.touch(item, short_hash(page.key) if is_removed(entry) else None)
            home = home or text(entry.get("parentFolderId"))
        return Walk(folder=walk.folder, link=page.onwards, open=page.next is not None, home=home)

    # -- telling ---------------------------------------------------------------------------------

    def look_at(self, items: Sequence[str], newest: Newest) -> Reading[Told]:
        """Tell of these items as they are now, whatever any round says; those gone are left out."""
        place = FollowPlace(newest=newest, coming=newest)
        look = _Look(newest=newest, after=place, touched=dict.fromkeys(items))
        changes: list[Change] = []
        skipped: list[Skipped] = []
        for start in range(0, len(items), GROUP):
            told, aside = yield from self._tell(look, items[start : start + GROUP])
            changes += told
            skipped += aside
        return tuple(changes), tuple(skipped), look.after.coming

    def _tell(
        self, look: _Look, group: Sequence[str]
    ) -> Reading[tuple[tuple[Change, ...], tuple[Skipped, ...]]]:
        asks = (replace(self._collections.get(item), live=True) for item in group)
        replies = dict(zip(group, (yield tuple(asks)), strict=True)) if group else {}
        there = {i: r for i, r in replies.items() if r.failed or self._is_there(look.after, r)}
        yield from self._collections.fill({i: r.body for i, r in there.items() if not r.failed})
        shaped = self._unreadable.replies(there, partial(self._change, look))
        coming = look.after.coming
        for reply in there.values():
            coming = coming.seen(reply.body)
        look.after = msgspec.structs.replace(look.after, coming=coming)
        changes: list[Change] = []
        for item in group:
            mark = look.touched[item]
            change = shaped.found.get(item)
            if change is None and mark is not None and item not in there:
                change = gone(item, mark, None)
            if change is not None:
                changes.append(change)
        return tuple(changes), shaped.skipped

    def _is_there(self, place: FollowPlace, reply: Reply) -> bool:
        """Whether an item is in a folder that is followed.

        What was deleted for good may be found by its id for a while, in a place no user sees.
        """
        if reply.absent or not self._collections.is_item(reply.body):
            return False
        home = text(reply.body.get("parentFolderId"))
        if home is None:
            return True
        own = self._collections.own
        unknown = any(walk.home is None and walk.folder in own for walk in place.walks)
        return unknown or any(home in (walk.folder, walk.home) for walk in place.walks)

    def _change(self, look: _Look, item: str, body: dict[str, Any]) -> Change | None:
        if identity_of(body, self._collections.what) != item:
            raise ProviderProtocolError("Microsoft answered with another item than was asked for.")
        newest = look.after.walks[-1].folder if look.after.walks else ""
        if look.touched[item] is not None and self._collections.left(body, newest):
            return gone(item, version_of(body), LEFT_FILTER)
        new = look.newest.is_new(body)
        change = self._collections.change(body, ChangeKind.CREATED if new else ChangeKind.UPDATED)
        if change is not None or (new and not self.doubt.open):
            return change
        return gone(item, version_of(body), LEFT_FILTER)


def _settled(place: FollowPlace) -> FollowPlace:
    """The place once a look is told; when all rounds ended, what was seen is no longer new."""
    if any(walk.open for walk in place.walks):
        return place
    return msgspec.structs.replace(place, newest=place.coming)


def gone(item: str, version: str, reason: str | None) -> Change:
    """That an item is no longer in the stream."""
    return Change(kind=ChangeKind.DELETED, item=Gone(id=item), version=version, reason=reason)
