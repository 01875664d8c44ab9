"""A file or folder as the drive keeps it, for both providers."""

from dataclasses import dataclass

from scp_sandbox.world.people import Person

FOLDER = "application/vnd.google-apps.folder"
NATIVE = "application/vnd.google-apps."


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A file or folder, as it is now.

    `id` (33 characters, case-sensitive) never changes. `parent` is a folder's id; None only for the
    root and for what others share with the user, which lies in no folder of the user's own.
    `size` is None for folders and for documents that are no files. `binned` says that it was itself
    put in the bin; `trashed`, that it or a folder above it was. `change` is the drive's counter at
    the last change, `version` counts the node's own changes; times are microseconds since the
    epoch, `changed_us` that of any change, `modified_us` that of the content or name. `removed`
    nodes are what is left of one deleted for good, or no longer shared.
    """

    id: str
    name: str
    mime_type: str
    parent: str | None
    owner: Person
    change: int
    created_us: int
    modified_us: int
    changed_us: int
    size: int | None = None
    md5: str | None = None
    words: str = ""
    description: str | None = None
    starred: bool = False
    shared: bool = False
    shared_us: int | None = None
    version: int = 1
    binned: bool = False
    trashed: bool = False
    removed: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether other nodes may lie in it."""
        return self.mime_type == FOLDER
