"""The methods of OneDrive: paths, scopes, answers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.drive.files import Files
from scp_sandbox.microsoft.drive.shapes import deleted, drive_kind, item_kind
from scp_sandbox.microsoft.graph.asked import MOST_TOP, Asked, Method, path
from scp_sandbox.microsoft.graph.entities import listing, owned, single
from scp_sandbox.microsoft.graph.errors import no_such_file, not_with_search
from scp_sandbox.microsoft.graph.links import opened, sealed
from scp_sandbox.world.node import Node

PLACE = "me/drive/root/delta"
DEFAULT_PAGE = 200
_SCOPES = frozenset(
    f"Files.{what}{whose}" for what in ("Read", "ReadWrite") for whose in ("", ".All")
)


class Round(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Where a round stands.

    `since` is the change known before the round (None in a first one), `start` the counter when it
    began, `after` the change of the last row given.
    """

    start: int
    select: tuple[str, ...] | None = None
    since: int | None = None
    after: int | None = None
    spice: str = "drive"


class DriveDesk:
    """Answers calls about the account's drive."""

    def __init__(self, files_of: Callable[[Account], Files]) -> None:
        self._files_of = files_of

    def drive(self, asked: Asked) -> Reply:
        """`GET /me/drive`."""
        return single(drive_kind(), self._files(asked), asked, context="drives")

    def drives(self, asked: Asked) -> Reply:
        """`GET /me/drives`: there is but the one."""
        files = [self._files(asked)]
        return listing(drive_kind(), files, asked, place="me/drives", context="drives")

    def item(self, asked: Asked) -> Reply:
        """`GET /me/drive/items/{item}` and `/me/drive/root`."""
        files = self._files(asked)
        context = owned(asked, "drive/items")
        return single(item_kind(files), self._node(asked), asked, context=context)

    def children(self, asked: Asked) -> Reply:
        """`GET …/children`: what lies directly in a folder."""
        files, node = self._files(asked), self._node(asked)
        place = f"me/drive/items/{files.id_of(node.id)}/children"
        top = asked.option("$top") or str(DEFAULT_PAGE)
        widened = replace(
            asked, call=replace(asked.call, query={**asked.call.query, "$top": [top]})
        )
        context = owned(asked, f"drive/items('{files.id_of(node.id)}')/children")
        return listing(
            item_kind(files), files.children(node), widened, place=place, context=context
        )

    def delta(self, asked: Asked) -> Reply:
        """`GET /me/drive/root/delta`: the root on every page, then the latest state of items."""
        if asked.option("$search") is not None:
            raise not_with_search("$search", "notSupported")
        files = self._files(asked)
        kind = item_kind(files)
        token = asked.option("token") or asked.option("$deltatoken") or asked.option("$skiptoken")
        if token == "latest":  # noqa: S105 - a word of Graph's
            now = files.drive.change
            ahead = Round(start=now, since=now, select=kind.selected(asked))
            return self._page(asked, [], ahead, more=False)
        at = self._round(asked, files, token, kind.selected(asked))
        after = at.after if at.after is not None else at.since or 0
        rows = [n for n in files.drive.changed_since(after) if _tells(files, at, n)]
        size = asked.number("$top", least=1, most=MOST_TOP) or asked.prefer.page or DEFAULT_PAGE
        shown, more = rows[:size], len(rows) > size
        items = [kind.show(files.drive.root, asked, at.select, typed=True)]
        items += [
            kind.show(n, asked, at.select, typed=True) if files.stands(n) else deleted(files, n)
            for n in shown
        ]
        if more:
            ahead = msgspec.structs.replace(at, after=shown[-1].change)
        else:
            ahead = msgspec.structs.replace(at, since=files.drive.change, after=None)
        return self._page(asked, items, ahead, more=more)

    def _page(self, asked: Asked, items: list[Any], ahead: Round, *, more: bool) -> Reply:
        body: dict[str, Any] = {"@odata.context": asked.context("Collection(driveItem)")}
        body["@microsoft.graph.hasMoreData"] = more
        body["@microsoft.graph.syncStatus"] = "FullData"
        top = f"%24top={t}&" if (t := asked.option("$top")) and more else ""
        name = "@odata.nextLink" if more else "@odata.deltaLink"
        body[name] = f"{asked.root}/{PLACE}?{top}token={sealed(ahead)}"
        body["value"] = items
        return asked.reply(body)

    def _round(
        self, asked: Asked, files: Files, token: str | None, select: tuple[str, ...] | None
    ) -> Round:
        fresh = Round(start=files.drive.change, select=select)
        if not token:
            return fresh
        at = opened(token, Round)
        if (at.start if at.since is None else at.since) < files.drive.floor:
            location = f"{asked.root}/{PLACE}?token={sealed(fresh)}"
            raise replace(files.loss, headers=(("location", location),))
        return at

    def _files(self, asked: Asked) -> Files:
        files = self._files_of(asked.account)
        if asked.at.get("drive", files.id) != files.id:
            raise no_such_file()
        return files

    def _node(self, asked: Asked) -> Node:
        found = self._files(asked).found(asked.at.get("item", "root"))
        if found is None:
            raise no_such_file()
        return found


def _tells(files: Files, at: Round, node: Node) -> bool:
    """What is gone is told if it may be known: in a first round what went during it."""
    if not files.own(node):
        return False
    return files.stands(node) or at.since is not None or node.change > at.start


def drive_methods(files_of: Callable[[Account], Files]) -> tuple[Method, ...]:
    """The methods, the more particular paths first; units as SharePoint counts."""
    desk = DriveDesk(files_of)
    rows: list[tuple[str, str, Callable[[Asked], Reply], int]] = [
        ("drives.list", "/me/drives", desk.drives, 1)
    ]
    for drive in ("/me/drive", "/me/drives/{drive}", "/drives/{drive}"):
        item = drive + "/items/{item}"
        rows += [
            ("drive.get", drive, desk.drive, 1),
            ("driveItem.get", f"{drive}/root", desk.item, 1),
            ("driveItem.delta", f"{drive}/root/delta", desk.delta, 2),
            ("driveItem.delta", f"{drive}/items/root/delta", desk.delta, 2),
            ("driveItem.children", f"{drive}/root/children", desk.children, 2),
            ("driveItem.get", item, desk.item, 1),
            ("driveItem.children", f"{item}/children", desk.children, 2),
        ]
    return tuple(
        Method(
            service="drive",
            name=name,
            path=path(where),
            scopes=_SCOPES,
            answer=answer,
            units=units,
        )
        for name, where, answer, units in rows
    )
