"""The watches and stops of the three APIs that have them, as a table."""

import re
from collections.abc import Callable

from scp_sandbox.call import Reply
from scp_sandbox.google.drive.methods import GRANTED, OTHER
from scp_sandbox.google.errors import Service
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.google.push.board import Board
from scp_sandbox.google.push.channels import Channels
from scp_sandbox.google.push.mailwatch import MailWatch
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

_MAIL = frozenset(
    (scopes.FULL_MAIL, scopes.GMAIL_MODIFY, scopes.GMAIL_READONLY, scopes.GMAIL_METADATA)
)
_CALENDARS = frozenset((scopes.CALENDAR, scopes.CALENDAR_READONLY))
_EVENTS = _CALENDARS | {scopes.EVENTS, scopes.EVENTS_READONLY}
_LIST = _CALENDARS | {scopes.CALENDAR_LIST, scopes.CALENDAR_LIST_READONLY}
_MAIL_UNITS = 100


def push_methods(world: World, board: Board) -> tuple[Method, ...]:
    """Every method that begins or ends a watch."""
    mail, channels = MailWatch(world, board), Channels(world, board)
    user = "/gmail/v1/users/(?P<user>[^/]+)"
    calendar, drive = "/calendar/v3", "/drive/v3"
    one = f"{calendar}/calendars/(?P<calendar>[^/]+)/events/watch"
    return (
        _method("gmail.users.watch", f"{user}/watch", _MAIL, mail.watch, _MAIL_UNITS),
        _method("gmail.users.stop", f"{user}/stop", _MAIL, mail.stop, _MAIL_UNITS),
        _method("calendar.events.watch", one, _EVENTS, channels.events),
        _method(
            "calendar.calendarList.watch",
            f"{calendar}/users/me/calendarList/watch",
            _LIST,
            channels.calendar_list,
        ),
        _method(
            "calendar.channels.stop",
            f"{calendar}/channels/stop",
            _EVENTS | _LIST,
            channels.stop("calendar"),
        ),
        _method("drive.changes.watch", f"{drive}/changes/watch", GRANTED, channels.changes, OTHER),
        _method(
            "drive.files.watch",
            f"{drive}/files/(?P<file>[^/]+)/watch",
            GRANTED,
            channels.file,
            OTHER,
        ),
        _method(
            "drive.channels.stop", f"{drive}/channels/stop", GRANTED, channels.stop("drive"), OTHER
        ),
    )


def _method(
    name: str,
    path: str,
    granted: frozenset[str],
    answer: Callable[[Asked], Reply],
    units: int = 1,
) -> Method:
    services: dict[str, Service] = {"gmail": "gmail", "calendar": "calendar", "drive": "drive"}
    service = services[name.partition(".")[0]]
    return Method(
        service=service,
        name=name,
        rpc=name,
        http="POST",
        path=re.compile(path),
        units=units,
        scopes=granted,
        answer=answer,
    )
