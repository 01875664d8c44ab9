"""`changes.getStartPageToken` and `changes.list`.

https://developers.google.com/workspace/drive/api/guides/manage-changes
"""

from itertools import islice

from scp_sandbox.call import Call, Reply
from scp_sandbox.google.drive.files import CACHE, check_no_shared_drive, check_spaces
from scp_sandbox.google.drive.shapes import change_resource
from scp_sandbox.google.errors import GoogleError, invalid_parameter
from scp_sandbox.google.method import Asked, number
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import Node
from scp_sandbox.world.world import World

_MOST_DIGITS = 18


class Changes:
    """What changed among the files of a user. Page tokens are numbers, and never expire."""

    def __init__(self, world: World) -> None:
        self._world = world

    def start(self, asked: Asked) -> Reply:
        """The token for what will change from now on."""
        check_no_shared_drive(asked.call)
        token = str(self._world.drive(asked.user).change)
        body = {"kind": "drive#startPageToken", "startPageToken": token}
        return asked.reply(body, headers=(CACHE,))

    def list(self, asked: Asked) -> Reply:
        """One page: each file that changed once, in its latest state, latest change last."""
        call = asked.call
        check_no_shared_drive(call)
        check_spaces(call)
        drive = self._world.drive(asked.user)
        since = change_token(call, drive)
        limit = number(call, "pageSize", default=100, most=1000)
        found = list(islice(drive.changed_since(since), limit + 1))
        page = found[:limit]
        brief = call.one("fields") is None
        body: dict[str, object] = {"kind": "drive#changeList"}
        if len(found) > limit:
            body["nextPageToken"] = str(page[-1].change)
        else:
            body["newStartPageToken"] = str(drive.change)
        shown = [node for node in page if _wanted(node, call)]
        body["changes"] = [change_resource(node, drive, brief=brief) for node in shown]
        return asked.reply(body, headers=(CACHE,))


def change_token(call: Call, drive: Drive) -> int:
    """The position that a call names.

    Raises:
        GoogleError: 400 when it names none, or one that was never given out.
    """
    text = call.one("pageToken")
    if not text:
        raise GoogleError(
            status=400,
            reason="required",
            message="Required parameter: pageToken",
            location="pageToken",
            location_type="parameter",
        )
    digits = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    if not digits or not 1 <= int(text) <= drive.change:
        raise invalid_parameter("pageToken", "Invalid Value")
    return int(text)


def _wanted(node: Node, call: Call) -> bool:
    if node.removed and not call.flag("includeRemoved", default=True):
        return False
    return node.shared_us is None or not call.flag("restrictToMyDrive")
