"""A Drive file's JSON to a File. What is missing or odd becomes null; nothing raises but a file
without an id.
"""

from collections.abc import Mapping
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import flag, identifier, items, text, texts, thing, whole
from scp_server.providers.lengths import capped
from scp_server.providers.moments import parsed, utc
from scp_wire.items import File

LINE_LIMIT: Final = 4096
PARENT_LIMIT: Final = 100
FIELDS: Final = (
    "id,name,mimeType,size,parents,trashed,createdTime,modifiedTime,owners(emailAddress),"
    "webViewLink,version"
)
"""What is asked of a file."""


def drive_file(body: Mapping[str, Any]) -> File:
    """The file or folder.

    Raises: ProviderProtocolError when it has no id.
    """
    owners = [thing(owner) for owner in items(body.get("owners"))]
    size = whole(body.get("size"))
    identity = file_id(body)
    if identity is None:
        raise ProviderProtocolError("Google sent a file without an id.")
    return File(
        id=identity,
        subject=_line(body.get("name")),
        # A file in a shared drive has no owner.
        owner=_line(owners[0].get("emailAddress")) if owners else None,
        mime_type=_line(body.get("mimeType")),
        size=size if size is not None and size >= 0 else None,
        parent_ids=texts(body.get("parents"))[:PARENT_LIMIT],
        trashed=flag(body.get("trashed")),
        created=_moment(body.get("createdTime")),
        modified=_moment(body.get("modifiedTime")),
        url=_line(body.get("webViewLink")),
    )


def file_id(body: Mapping[str, Any]) -> str | None:
    """Its id; None when it has none."""
    return identifier(body.get("id"))


def file_version(body: Mapping[str, Any]) -> str:
    """Its version, which every change raises."""
    version = whole(body.get("version"))
    return _moment(body.get("modifiedTime")) or "" if version is None else str(version)


def _line(value: object) -> str | None:
    line = text(value)
    return None if line is None else capped(line, LINE_LIMIT)[0]


def _moment(value: object) -> str | None:
    at = parsed(text(value) or "")
    return None if at is None else utc(at)
