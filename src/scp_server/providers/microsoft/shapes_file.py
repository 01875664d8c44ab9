"""A driveItem's JSON to a File. What is missing or odd becomes null."""

from collections.abc import Mapping
from typing import Any, Final

from scp_server.providers.foreign import text, thing, whole
from scp_server.providers.microsoft.values import identity_of, moment_of, short
from scp_wire.items import File

SELECT: Final = (
    "id,name,size,eTag,cTag,webUrl,createdDateTime,lastModifiedDateTime,createdBy,parentReference,"
    "file,folder,root,deleted"
)


def file_of(body: Mapping[str, Any]) -> File:
    """The file or folder. OneDrive keeps nothing that is in its bin in sight: never trashed.

    Raises: ProviderProtocolError when it has no id.
    """
    parent = text(thing(body.get("parentReference")).get("id"))
    owner = thing(thing(body.get("createdBy")).get("user"))
    return File(
        id=identity_of(body, "a file"),
        subject=short(body.get("name")),
        owner=text(owner.get("email")),
        mime_type=text(thing(body.get("file")).get("mimeType")),
        size=None if is_folder(body) else whole(body.get("size")),
        parent_ids=[] if parent is None else [parent],
        trashed=False,
        created=moment_of(body.get("createdDateTime")),
        modified=moment_of(body.get("lastModifiedDateTime")),
        url=text(body.get("webUrl")),
    )


def is_folder(body: Mapping[str, Any]) -> bool:
    """Whether it holds others instead of bytes."""
    return isinstance(body.get("folder"), dict)
