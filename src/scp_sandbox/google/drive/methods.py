"""Drive's methods as a table: path, price in units, scopes.

Prices as published since 2026-05-01: 5 units to read, 100 to list, 5 for other calls.
"""

import re
from collections.abc import Callable

from scp_sandbox.call import Reply
from scp_sandbox.google.drive.changes import Changes
from scp_sandbox.google.drive.files import Files
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

GRANTED = frozenset((scopes.DRIVE, scopes.DRIVE_READONLY, scopes.DRIVE_METADATA_READONLY))
READ, LIST, OTHER = 5, 100, 5


def drive_methods(world: World) -> tuple[Method, ...]:
    """Every Drive method there is here, but for the push channels."""
    files, changes = Files(world), Changes(world)
    return (
        _method("files.list", "files", LIST, files.list),
        _method("files.get", "files/(?P<file>[^/]+)", READ, files.get),
        _method("changes.getStartPageToken", "changes/startPageToken", READ, changes.start),
        _method("changes.list", "changes", LIST, changes.list),
        _method("about.get", "about", OTHER, files.about),
    )


def _method(name: str, path: str, units: int, answer: Callable[[Asked], Reply]) -> Method:
    resource, _, verb = name.partition(".")
    return Method(
        service="drive",
        name=f"drive.{name}",
        rpc=f"google.apps.drive.v3.Drive{resource.capitalize()}.{verb[0].upper()}{verb[1:]}",
        http="GET",
        path=re.compile(f"/drive/v3/{path}"),
        units=units,
        scopes=GRANTED,
        answer=answer,
    )
