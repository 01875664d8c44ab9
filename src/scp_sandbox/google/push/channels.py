"""Notification channels of Calendar and Drive, and their end.

https://developers.google.com/workspace/calendar/api/guides/push
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.google.calendar.events import find_diary
from scp_sandbox.google.drive.changes import change_token
from scp_sandbox.google.drive.files import check_no_shared_drive, check_spaces, file_not_found
from scp_sandbox.google.errors import GoogleError, Service, invalid
from scp_sandbox.google.method import Asked
from scp_sandbox.google.push.board import Board, Channel, resource_id
from scp_sandbox.world.world import World

DAY = 86_400
Body = TypeVar("Body", bound=msgspec.Struct)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a watch."""

    id: str = ""
    type: str = ""
    address: str = ""
    token: str | None = None
    expiration: str | int | None = None
    params: dict[str, str] = msgspec.field(default_factory=dict)
    payload: bool | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a stop."""

    id: str = ""
    resource_id: str = msgspec.field(default="", name="resourceId")


@dataclass(frozen=True, slots=True)
class _Watched:
    """What is to be watched, and for how many seconds, usually and at most."""

    service: Service
    resource: str
    path: str
    usual: int = 7 * DAY
    most: int = 7 * DAY


class Channels:
    """Opens and stops channels; what would be sent over them is not."""

    def __init__(self, world: World, board: Board) -> None:
        self._world = world
        self._board = board

    def events(self, asked: Asked) -> Reply:
        """`events.watch`: seven days, unless less is asked for."""
        diary = find_diary(self._world, asked)
        path = f"/calendar/v3/calendars/{asked.at['calendar']}/events"
        return self._open(asked, _Watched("calendar", f"events/{diary.card.id}", path))

    def calendar_list(self, asked: Asked) -> Reply:
        """`calendarList.watch`."""
        path = "/calendar/v3/users/me/calendarList"
        return self._open(asked, _Watched("calendar", "calendarList", path))

    def changes(self, asked: Asked) -> Reply:
        """Drive's `changes.watch`: an hour, or up to seven days."""
        check_no_shared_drive(asked.call)
        check_spaces(asked.call)
        token = change_token(asked.call, self._world.drive(asked.user))
        path = f"/drive/v3/changes?pageToken={token}&alt=json"
        return self._open(asked, _Watched("drive", "changes", path, usual=3600))

    def file(self, asked: Asked) -> Reply:
        """Drive's `files.watch`: an hour, or up to a day."""
        identity = asked.at["file"]
        if self._world.drive(asked.user).get(identity) is None:
            raise file_not_found(identity)
        path = f"/drive/v3/files/{identity}"
        return self._open(asked, _Watched("drive", f"files/{identity}", path, 3600, DAY))

    def stop(self, service: Service) -> Callable[[Asked], Reply]:
        """`channels.stop` of one API; 204, or 404 for a channel that is not."""

        def answer(asked: Asked) -> Reply:
            ended = read(asked, Ended)
            channel = self._board.find(service, ended.id)
            if (
                channel is None
                or channel.resource_id != ended.resource_id
                or channel.email != asked.user.email
            ):
                words = f"Channel '{ended.id[:80]}' not found for project 'sandbox'"
                raise GoogleError(status=404, reason="notFound", message=words)
            self._board.close(channel)
            return Reply(status=204)

        return answer

    def _open(self, asked: Asked, watched: _Watched) -> Reply:
        wanted = read(asked, Wanted)
        self._check(wanted, watched.service)
        now = self._board.clock.now_ms()
        channel = Channel(
            id=wanted.id,
            email=asked.user.email,
            service=watched.service,
            resource=watched.resource,
            resource_id=resource_id(asked.user, watched.resource),
            address=wanted.address,
            token=wanted.token,
            expires_ms=min(_end(wanted, now, watched.usual), now + watched.most * 1000),
        )
        self._board.open(channel)
        body = {
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource_id,
            "resourceUri": asked.call.base + watched.path,
            "expiration": str(channel.expires_ms),
        }
        if channel.token is not None:
            body["token"] = channel.token
        return asked.reply(body)

    def _check(self, wanted: Wanted, service: Service) -> None:
        if not wanted.id:
            raise invalid("Missing channel id.", reason="required")
        if wanted.type not in ("web_hook", "webhook"):
            raise invalid(f"Unknown channel type: {wanted.type[:40]}", reason="unknownChannelType")
        if not wanted.address.startswith("https://"):
            words = f"WebHook callback must be HTTPS: {wanted.address[:200]}"
            raise invalid(words, reason="push.webhookUrlNotHttps")
        if self._board.find(service, wanted.id) is not None:
            words = f"Channel id {wanted.id[:80]} not unique"
            raise invalid(words, reason="channelIdNotUnique")


def read(asked: Asked, kind: type[Body]) -> Body:
    """The JSON body of a call.

    Raises:
        GoogleError: 400 when it is of another shape.
    """
    try:
        return msgspec.json.decode(asked.call.body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise invalid("Invalid JSON payload received.", reason="parseError") from error


def _end(wanted: Wanted, now: int, usual: int) -> int:
    ttl = wanted.params.get("ttl", "")
    if ttl.isascii() and ttl.isdecimal():
        return now + int(ttl[:9]) * 1000
    asked_for = str(wanted.expiration or "")
    if asked_for.isascii() and asked_for.isdecimal():
        end = int(asked_for[:15])
        if end <= now:
            raise invalid("Channel expiration must be in the future.", reason="invalid")
        return end
    return now + usual * 1000
