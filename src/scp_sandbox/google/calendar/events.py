"""`events.list`, `events.get` and `events.instances`."""

from datetime import timedelta

from scp_sandbox.call import Call, Reply
from scp_sandbox.google.calendar.asking import Asking, asking, asking_for_instances
from scp_sandbox.google.calendar.recurrence import instance, occurrences
from scp_sandbox.google.calendar.rows import Key, instance_rows, page, rows
from scp_sandbox.google.calendar.shapes import event_resource, events_head
from scp_sandbox.google.calendar.tokens import (
    PageToken,
    SyncToken,
    digest,
    page_token,
    sealed,
    sync_token,
)
from scp_sandbox.google.errors import invalid_parameter, not_found
from scp_sandbox.google.method import Asked
from scp_sandbox.google.refusals import full_sync_required
from scp_sandbox.world.diary import Diary
from scp_sandbox.world.event import Event
from scp_sandbox.world.world import World

CACHE = ("cache-control", "private, max-age=0, must-revalidate, no-transform")
_UNBOUND = ("pageToken", "maxResults", "fields", "prettyPrint", "alt", "access_token", "quotaUser")


class Events:
    """The events of a calendar."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, asked: Asked) -> Reply:
        """One page. Pages may be short or empty while a token says that there is more."""
        diary = find_diary(self._world, asked)
        now = self._world.clock.moment()
        what = asking(asked.call, now)
        here = digest(asked.user.sub, diary.card.id)
        start = _start(diary, what, here, digest_of(asked.call))
        found = rows(diary, what, start.since, now)
        shown, after = page(found, what, tuple(start.after), syncing=start.since is not None)
        zone = what.zone or diary.card.zone
        body = events_head(diary, zone)
        if after is not None:
            body["nextPageToken"] = sealed(_onward(start, after))
        elif what.followable:
            body["nextSyncToken"] = sealed(SyncToken(here, start.change))
        body["items"] = [event_resource(e, diary, zone, what.most_attendees) for e in shown]
        return asked.reply(body, headers=(CACHE,))

    def get(self, asked: Asked) -> Reply:
        """One event, also an instance of a series; answers 304 to its own ETag."""
        diary = find_diary(self._world, asked)
        event = diary.get(asked.at["event"]) or _instance(diary, asked.at["event"])
        if event is None:
            raise not_found("calendar")
        headers = (("etag", event.etag), CACHE)
        if asked.call.headers.get("if-none-match") == event.etag:
            return Reply(status=304, headers=headers)
        zone = asked.call.one("timeZone") or diary.card.zone
        return asked.reply(event_resource(event, diary, zone, None), headers=headers)

    def instances(self, asked: Asked) -> Reply:
        """The instances of one series, by their starts."""
        diary = find_diary(self._world, asked)
        series = diary.get(asked.at["event"])
        if series is None:
            raise not_found("calendar")
        now = self._world.clock.moment()
        what = asking_for_instances(asked.call, now)
        here = digest(asked.user.sub, diary.card.id, series.id)
        start = _start(diary, what, here, digest_of(asked.call))
        found = instance_rows(diary, series, what, now)
        shown, after = page(found, what, tuple(start.after), syncing=True)
        zone = what.zone or diary.card.zone
        body = events_head(diary, zone)
        if after is not None:
            body["nextPageToken"] = sealed(_onward(start, after))
        body["items"] = [event_resource(e, diary, zone, what.most_attendees) for e in shown]
        return asked.reply(body, headers=(CACHE,))


def find_diary(world: World, asked: Asked) -> Diary:
    """The calendar a call names.

    Raises:
        GoogleError: 404 when the user has no such calendar.
    """
    diary = world.diary(asked.user, asked.at["calendar"])
    if diary is None:
        raise not_found("calendar")
    return diary


def digest_of(call: Call) -> str:
    """A name for a call's query, without what may differ from page to page."""
    bound = sorted((k, v) for k, v in call.query.items() if k not in _UNBOUND)
    return digest(repr(bound))


def _start(diary: Diary, what: Asking, here: str, query: str) -> PageToken:
    """From where this page reads."""
    if what.page_token is not None:
        token = page_token(what.page_token)
        if token is None or token.place != here or token.query != query:
            raise invalid_parameter("pageToken", "Invalid page token value.")
        if token.change < diary.floor:
            raise full_sync_required()
        return token
    since = None
    if what.sync_token is not None:
        known = sync_token(what.sync_token)
        if known is None or known.place != here or not diary.floor <= known.change:
            raise full_sync_required()
        since = known.change
    return PageToken(here, diary.change, since, (), query)


def _onward(start: PageToken, after: Key) -> PageToken:
    return PageToken(start.place, start.change, start.since, after, start.query)


def _instance(diary: Diary, identity: str) -> Event | None:
    series_id, _, stamp = identity.rpartition("_")
    series = diary.get(series_id)
    if series is None or not series.recurrence:
        return None
    length = series.end.moment - series.start.moment
    far = series.start.moment + timedelta(days=3650)
    for when in occurrences(series.start, series.recurrence, far):
        if when.stamp == stamp:
            return instance(series, when, length)
    return None
