"""Folders of Outlook: what those who read messages or contacts out of folders have in common.

The folders are themselves followed by a delta query. One that comes without an id cannot be read;
the others are, and the consumer is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

from scp_server.domain.changes import Followed, Step
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import identifier
from scp_server.providers.microsoft.delta import OUTLOOK, OUTLOOK_DELTA, is_removed, walk
from scp_server.providers.setting_aside import Nameless, Unreadable

S = TypeVar("S", Step, Followed)

ME: Final = "/v1.0/me"
DEFAULT: Final = ""
"""A folder that is asked for without its id."""
NAMELESS_FOLDER: Final = "Microsoft listed a folder without an id: what is in it is not read."


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderList:
    """The folders there are, or what became of them since the last list."""

    there: tuple[str, ...] = ()
    """Ids of those that are read, without any twice."""
    removed: frozenset[str] = frozenset()
    link: str = ""
    """Where what changes from now on will be listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How Graph calls a kind of item and its folders."""

    items: Literal["messages", "contacts"]
    folders: Literal["mailFolders", "contactFolders"]
    select: str
    """Fields of a whole item."""
    touched: str
    """Fields that tell that one has changed: little, but every change changes some of it."""
    of_folders: tuple[tuple[str, str], ...] = ()
    """Parameters of the list of folders."""


class InFolders:
    """What is followed (Collections) in folders, of one user."""

    own: tuple[str, ...] = ()

    def __init__(self, naming: Naming, unreadable: Unreadable) -> None:
        self._naming = naming
        self._nameless = Nameless(unreadable, NAMELESS_FOLDER)

    # -- folders ---------------------------------------------------------------------------------

    def folders(self, link: str, *, live: bool) -> Reading[FolderList]:
        """All folders, or those that came, went or changed since a list that gave this link.

        Raises: ProviderProtocolError when it is worth another try.
        """
        start = Ask(
            method=f"graph.{self._naming.folders}.delta",
            base="graph_url",
            path=f"{ME}/{self._naming.folders}/delta",
            params=self._naming.of_folders,
            headers=OUTLOOK_DELTA,
            live=live,
        )
        listed = yield from walk(start, link, "a folder")
        self._nameless.note(listed.nameless, whole=not link)
        there = (e for e in listed.bodies.values() if not is_removed(e))
        return FolderList(
            there=tuple(f for entry in there if (f := self.folder(entry)) is not None),
            removed=frozenset(i for i, entry in listed.bodies.items() if is_removed(entry)),
            link=listed.onwards,
        )

    def folder(self, entry: Mapping[str, Any]) -> str | None:
        """The folder an entry of the list names; None when it is not read."""
        return identifier(entry.get("id"))

    def told(self, step: S) -> S:
        """The step, which tells as well of folders that could not be read."""
        return replace(step, skipped=(*self._nameless.untold(), *step.skipped))

    # -- items -----------------------------------------------------------------------------------

    def round(self, folder: str) -> Ask:
        """The start of a folder's delta query, with what tells that an item changed."""
        return self._delta(folder, self._naming.touched)

    def listing(self, source: str) -> Ask:
        """The start of a folder's delta query, with whole items."""
        return self._delta(source, self._naming.select)

    def touched(self, entry: Mapping[str, Any]) -> str | None:
        """Whose state an entry of a round says something of."""
        return identifier(entry.get("id"))

    def get(self, item: str) -> Ask:
        """An item as it is now."""
        return Ask(
            method=f"graph.{self._naming.items}.get",
            base="graph_url",
            path=f"{ME}/{self._naming.items}/{quote(item, safe='')}",
            params=(("$select", self._naming.select),),
            headers=OUTLOOK,
            absent_ok=True,
            one_of_many=True,
        )

    def is_item(self, body: Mapping[str, Any]) -> bool:
        """Whatever is found by an item's id is one."""
        return bool(body)

    def left(self, body: Mapping[str, Any], folder: str) -> bool:
        """What is removed from a folder and is there has moved."""
        del body, folder
        return False

    def _delta(self, folder: str, select: str) -> Ask:
        within = "" if folder == DEFAULT else f"/{self._naming.folders}/{quote(folder, safe='')}"
        return Ask(
            method=f"graph.{self._naming.items}.delta",
            base="graph_url",
            path=f"{ME}{within}/{self._naming.items}/delta",
            params=(("$select", select),),
            headers=OUTLOOK_DELTA,
            absent_ok=folder != DEFAULT,
        )
