"""`calendarList` and `calendars`."""

from scp_sandbox.call import Reply
from scp_sandbox.google.calendar.events import CACHE, digest_of, find_diary
from scp_sandbox.google.calendar.shapes import calendar_resource, list_entry
from scp_sandbox.google.calendar.tokens import (
    PageToken,
    SyncToken,
    digest,
    page_token,
    sealed,
    sync_token,
)
from scp_sandbox.google.errors import invalid_parameter, not_found
from scp_sandbox.google.method import Asked, number
from scp_sandbox.google.refusals import full_sync_required
from scp_sandbox.world.world import World

_ROLES = ("freeBusyReader", "reader", "writer", "owner")


class Calendars:
    """The calendars of a user."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, asked: Asked) -> Reply:
        """`calendarList.list`; with a sync token only what changed, which here is nothing."""
        here = digest(asked.user.sub, "calendarList")
        epoch = self._world.list_epoch(asked.user)
        entries = [
            list_entry(diary, place)
            for place, diary in enumerate(self._world.diaries(asked.user).values())
        ]
        if token := asked.call.one("syncToken"):
            known = sync_token(token)
            if known is None or known.place != here or known.change != epoch:
                raise full_sync_required()
            entries = []
        least = asked.call.one("minAccessRole")
        if least in _ROLES:
            able = _ROLES[_ROLES.index(least) :]
            entries = [entry for entry in entries if entry["accessRole"] in able]
        start = self._after(asked, here)
        limit = number(asked.call, "maxResults", default=100, most=250)
        body: dict[str, object] = {"kind": "calendar#calendarList", "etag": f'"p{epoch:012x}l"'}
        if len(entries) > start + limit:
            after = PageToken(here, epoch, None, (start + limit,), digest_of(asked.call))
            body["nextPageToken"] = sealed(after)
        else:
            body["nextSyncToken"] = sealed(SyncToken(here, epoch))
        body["items"] = entries[start : start + limit]
        return asked.reply(body, headers=(CACHE,))

    def entry(self, asked: Asked) -> Reply:
        """`calendarList.get`."""
        wanted = find_diary(self._world, asked)
        for place, diary in enumerate(self._world.diaries(asked.user).values()):
            if diary is wanted:
                return asked.reply(list_entry(diary, place), headers=(CACHE,))
        raise not_found("calendar")

    def get(self, asked: Asked) -> Reply:
        """`calendars.get`."""
        diary = find_diary(self._world, asked)
        return asked.reply(calendar_resource(diary), headers=(CACHE,))

    def _after(self, asked: Asked, here: str) -> int:
        text = asked.call.one("pageToken")
        if not text:
            return 0
        token = page_token(text)
        if token is None or token.place != here or not isinstance(token.after[0], int):
            raise invalid_parameter("pageToken", "Invalid page token value.")
        return token.after[0]
