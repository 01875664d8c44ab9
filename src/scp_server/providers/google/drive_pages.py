"""What is asked of Google Drive, and its answers as pages."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reply
from scp_server.providers.foreign import entries, identifier, text, thing
from scp_server.providers.google.shapes_file import FIELDS, file_id
from scp_server.providers.moments import parsed
from scp_server.providers.page_walk import ItemPage, by_id
from scp_server.providers.setting_aside import Unreadable

PAGE: Final = 1000
"""Most that files.list and changes.list give."""

Params = tuple[tuple[str, str], ...]

_EVERYWHERE: Final[Params] = (("supportsAllDrives", "true"), ("includeItemsFromAllDrives", "true"))

START_ASK: Final = Ask(
    method="drive.changes.getStartPageToken",
    base="drive_url",
    path="/drive/v3/changes/startPageToken",
    params=(("supportsAllDrives", "true"),),
)


def files_ask(q: str | None, page: str | None) -> Ask:
    """A page of the files that match, in an order that no change disturbs."""
    return Ask(
        method="drive.files.list",
        base="drive_url",
        path="/drive/v3/files",
        params=(
            *((("q", q),) if q else ()),
            ("orderBy", "createdTime"),
            ("pageSize", str(PAGE)),
            ("fields", f"nextPageToken,files({FIELDS})"),
            *_EVERYWHERE,
            *((("pageToken", page),) if page is not None else ()),
        ),
    )


def changes_ask(page: str) -> Ask:
    """A page of what changed."""
    changes = f"changes(changeType,time,removed,fileId,file({FIELDS}))"
    return Ask(
        method="drive.changes.list",
        base="drive_url",
        path="/drive/v3/changes",
        params=(
            ("pageToken", page),
            ("pageSize", str(PAGE)),
            ("includeRemoved", "true"),
            ("fields", f"nextPageToken,newStartPageToken,{changes}"),
            *_EVERYWHERE,
        ),
        live=True,
    )


def read_start(reply: Reply) -> str:
    """The token from which changes are followed.

    Raises: ProviderProtocolError when there is none.
    """
    token = text(reply.body.get("startPageToken"))
    if not token:
        raise ProviderProtocolError("Google's answer has no startPageToken.")
    return token


def read_files(reply: Reply, unreadable: Unreadable) -> ItemPage:
    """A page of files.

    Raises: ProviderProtocolError when it is none.
    """
    found, skipped = by_id(_listed(reply, "files"), file_id, unreadable)
    following = text(reply.body.get("nextPageToken")) or None
    return ItemPage(entries=found, next=following, skipped=skipped)


def read_changes(reply: Reply, unreadable: Unreadable) -> ItemPage:
    """A page of changes by the file's id; changes of shared drives themselves are left out.

    Raises: ProviderProtocolError when it is none, or leads nowhere.
    """
    listed = [c for c in _listed(reply, "changes") if thing(c).get("changeType") != "drive"]
    found, skipped = by_id(listed, _changed_id, unreadable)
    following = text(reply.body.get("nextPageToken")) or None
    end = text(reply.body.get("newStartPageToken")) or None
    if following is None and end is None:
        raise ProviderProtocolError("Google's last page of changes has no newStartPageToken.")
    at = max(_times(found, reply), default=None)
    return ItemPage(entries=found, next=following, end=end, at=at, skipped=skipped)


def _times(found: Mapping[str, Mapping[str, Any]], reply: Reply) -> Iterator[float]:
    """When the page was given, as its answer says to the second and its changes more exactly."""
    if reply.at is not None:
        yield reply.at
    for change in found.values():
        moment = parsed(text(change.get("time")) or "")
        if moment is not None:
            yield moment.timestamp()


def _changed_id(change: Mapping[str, Any]) -> str | None:
    return identifier(change.get("fileId"))


def _listed(reply: Reply, key: str) -> list[Any]:
    # Drive's listings have the array even when it is empty.
    if key not in reply.body:
        raise ProviderProtocolError(f"Google answered a listing of {key} with another object.")
    return entries(reply.body, key)
