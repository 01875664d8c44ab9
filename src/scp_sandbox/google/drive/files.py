"""`files.list`, `files.get` and `about.get`."""

import hashlib
from collections.abc import Callable

import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.google.drive.ordering import Value, ordering
from scp_sandbox.google.drive.query import QueryError, parse
from scp_sandbox.google.drive.search import Searcher
from scp_sandbox.google.drive.shapes import about, file_resource, short
from scp_sandbox.google.errors import GoogleError, invalid_parameter
from scp_sandbox.google.method import Asked, number
from scp_sandbox.google.sealing import seal, unseal
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import Node
from scp_sandbox.world.world import World

CACHE = ("cache-control", "no-cache, no-store, max-age=0, must-revalidate")
# "Valid for several hours".
PAGE_TOKEN_SECONDS = 6 * 3600
CORPORA = ("user", "domain", "drive", "allDrives")


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a listing goes on: after the file of these sort values."""

    place: str
    query: str
    made_at: float
    after: tuple[Value, ...]
    spice: str = "drive page"


class Files:
    """The files of a user."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, asked: Asked) -> Reply:
        """One page of the files that `q` finds; trashed ones too, unless it says otherwise."""
        call = asked.call
        drive = self._world.drive(asked.user)
        check_corpora(call)
        limit = number(call, "pageSize", default=100, most=1000)
        order = ordering(call.one("orderBy"))
        fits = _judge(drive, call.one("q"))
        ranked = sorted(
            ((order.rank(order.values(n)), n) for n in drive if fits(n)), key=lambda pair: pair[0]
        )
        if (token := self._token(asked)) is not None:
            if len(token.after) != len(order.keys) + 1:
                raise invalid_parameter("pageToken", "Invalid Value")
            last = order.rank(token.after)
            ranked = [pair for pair in ranked if pair[0] > last]
        shown = [node for _, node in ranked[:limit]]
        body: dict[str, object] = {"kind": "drive#fileList", "incompleteSearch": False}
        if len(ranked) > limit:
            onward = PageToken(
                place=asked.user.sub,
                query=_bound(call),
                made_at=self._world.clock.now(),
                after=order.values(shown[-1]),
            )
            body["nextPageToken"] = "~!!~" + seal(onward)
        brief = call.one("fields") is None
        files = [file_resource(node, drive) for node in shown]
        body["files"] = [short(file) for file in files] if brief else files
        return asked.reply(body, headers=(CACHE,))

    def get(self, asked: Asked) -> Reply:
        """One file, trashed or not; `root` is the user's own uppermost folder."""
        drive = self._world.drive(asked.user)
        identity = asked.at["file"]
        node = drive.get(drive.root.id if identity == "root" else identity)
        if node is None:
            raise file_not_found(identity)
        if asked.call.one("alt") == "media":
            raise GoogleError(
                status=403,
                reason="fileNotDownloadable",
                message="Only metadata of files can be read here.",
                location="alt",
                location_type="parameter",
            )
        body = file_resource(node, drive)
        return asked.reply(
            short(body) if asked.call.one("fields") is None else body, headers=(CACHE,)
        )

    def about(self, asked: Asked) -> Reply:
        """The user and the storage; says nothing unless `fields` are named."""
        if not asked.call.one("fields"):
            words = "The 'fields' parameter is required for this method."
            raise invalid_parameter("fields", words, reason="required")
        return asked.reply(about(self._world.drive(asked.user)), headers=(CACHE,))

    def _token(self, asked: Asked) -> PageToken | None:
        text = asked.call.one("pageToken")
        if not text:
            return None
        token = unseal(text.removeprefix("~!!~"), PageToken)
        if (
            token is None
            or token.spice != "drive page"
            or token.place != asked.user.sub
            or token.query != _bound(asked.call)
            or self._world.clock.now() - token.made_at > PAGE_TOKEN_SECONDS
        ):
            raise invalid_parameter("pageToken", "Invalid Value")
        return token


def file_not_found(identity: str) -> GoogleError:
    """404 for a file that is not, or no longer, to be seen."""
    return GoogleError(
        status=404,
        reason="notFound",
        message=f"File not found: {identity}.",
        location="fileId",
        location_type="parameter",
    )


def check_corpora(call: Call) -> None:
    """Lets pass what is about the user's own files.

    Raises:
        GoogleError: 404 for a shared drive, 400 for corpora and spaces that are none.
    """
    check_no_shared_drive(call)
    corpora = call.one("corpora")
    if corpora is not None and corpora not in CORPORA:
        raise invalid_parameter("corpora", "Invalid Value")
    if corpora == "drive":
        words = "The driveId parameter must be specified when corpora is drive."
        raise invalid_parameter("driveId", words, reason="required")
    check_spaces(call)


def check_no_shared_drive(call: Call) -> None:
    """Lets pass what names no shared drive: there are none here.

    Raises:
        GoogleError: 404 for a shared drive.
    """
    if drive_id := call.one("driveId") or call.one("teamDriveId"):
        raise GoogleError(
            status=404,
            reason="notFound",
            message=f"Shared drive not found: {drive_id[:80]}",
            location="driveId",
            location_type="parameter",
        )


def check_spaces(call: Call) -> None:
    """Lets pass the one space there is here.

    Raises:
        GoogleError: 400 for another.
    """
    if call.one("spaces") not in (None, "", "drive"):
        raise invalid_parameter("spaces", "Invalid Value")


def _judge(drive: Drive, text: str | None) -> Callable[[Node], bool]:
    if not text or not text.strip():
        return lambda _: True
    try:
        return Searcher(drive).judge(parse(text))
    except QueryError as error:
        raise invalid_parameter("q", "Invalid Value") from error


def _bound(call: Call) -> str:
    bound = [call.one(name) for name in ("q", "orderBy", "corpora", "spaces")]
    return hashlib.sha256(repr(bound).encode()).hexdigest()[:12]
