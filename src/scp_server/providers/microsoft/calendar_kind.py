"""Outlook events as what is followed and listed: their requests, their window, their shape.

A calendar view spells out every occurrence of a series, but bare ones, without the words. What is
told are the single events, the masters of series, and the exceptions in them.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from scp_server.domain.changes import Change
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.foreign import identifier, text, texts
from scp_server.providers.microsoft.calendar_filters import EventJudge, Span
from scp_server.providers.microsoft.delta import PAGE, prefer
from scp_server.providers.microsoft.folders import FolderList
from scp_server.providers.microsoft.newest import short_hash
from scp_server.providers.microsoft.shapes_calendar import begin_of, calendar_event, end_of
from scp_server.providers.microsoft.values import version_of
from scp_server.providers.moments import parsed
from scp_wire.events import ChangeKind

ME: Final = "/v1.0/me"
UTC_TIMES: Final = 'outlook.timezone="UTC"'
SELECT: Final = (
    "id,changeKey,createdDateTime,lastModifiedDateTime,type,seriesMasterId,subject,body,start,end,"
    "originalStart,originalStartTimeZone,originalEndTimeZone,isAllDay,isCancelled,showAs,location,"
    "organizer,attendees,recurrence,cancelledOccurrences,responseStatus,webLink,iCalUId"
)
_BETWEEN: Final = "/"


class OutlookCalendar:
    """Collections (following) and Listed (listing): one calendar within one stream's window.

    A "folder" here is a window: its two ends with a slash between.
    """

    what = "an event"

    def __init__(self, judge: EventJudge, span: Span) -> None:
        self._judge = judge
        self._span = span
        self._calendar: str | None = None
        self.asked_at: float | None = None
        """When today's window was asked for, by the provider's clock."""
        self.own: tuple[str, ...] = ()

    # -- the window ------------------------------------------------------------------------------

    def sources(self) -> Reading[list[str]]:
        """The window of today, by the provider's clock."""
        (reply,) = yield (_CALENDAR,)
        if reply.at is None:
            raise ProviderProtocolError("Microsoft did not say when it answered (no Date header).")
        self._calendar = text(reply.body.get("id"))
        self.asked_at = reply.at
        self.own = (self.window(reply.at),)
        return list(self.own)

    def window(self, now: float) -> str:
        """The window on the day of `now`, in epoch seconds."""
        return _BETWEEN.join(self._span.on(now))

    @property
    def moves(self) -> bool:
        """Whether the window is another one tomorrow."""
        return self._span.moves

    def prepare(self) -> Reading[None]:
        """Get the calendar's id, when it is not known yet."""
        if self._calendar is None:
            (reply,) = yield (_CALENDAR,)
            self._calendar = text(reply.body.get("id")) or ""

    # -- asking ----------------------------------------------------------------------------------

    def folders(self, link: str, *, live: bool) -> Reading[FolderList]:
        """There are none."""
        del link, live
        yield from ()
        return FolderList()

    def round(self, folder: str) -> Ask:
        """The start of a window's delta query. It takes no $select (Graph, "event: delta")."""
        low, _, high = folder.partition(_BETWEEN)
        return Ask(
            method="graph.calendarView.delta",
            base="graph_url",
            path=f"{ME}/calendarView/delta",
            params=(("startDateTime", low), ("endDateTime", high)),
            headers=prefer(f"odata.maxpagesize={PAGE}", UTC_TIMES),
        )

    def listing(self, source: str) -> Ask:
        """As `round`."""
        return self.round(source)

    def touched(self, entry: Mapping[str, Any]) -> str | None:
        """Whose state an entry says something of: an occurrence speaks for its series."""
        if entry.get("type") == "occurrence":
            return identifier(entry.get("seriesMasterId"))
        return identifier(entry.get("id"))

    def get(self, item: str) -> Ask:
        """An event as it is now."""
        return Ask(
            method="graph.events.get",
            base="graph_url",
            path=f"{ME}/events/{quote(item, safe='')}",
            params=(("$select", SELECT),),
            headers=prefer(UTC_TIMES),
            absent_ok=True,
            one_of_many=True,
        )

    def is_item(self, body: Mapping[str, Any]) -> bool:
        """An occurrence can be fetched, too; it is told with its series."""
        return body.get("type") != "occurrence"

    def left(self, body: Mapping[str, Any], folder: str) -> bool:
        """Whether it is outside of the window, where Graph calls every change a removal.

        A series is when none of its occurrences is inside: then only is it called removed.
        """
        if body.get("type") == "seriesMaster":
            return True
        low, _, high = (parsed(side) for side in folder.partition(_BETWEEN))
        start, end = begin_of(body), end_of(body)
        if start is None or end is None or low is None or high is None:
            return False
        return end <= low or start >= high

    # -- items -----------------------------------------------------------------------------------

    def complete(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[dict[str, Reply]]:
        """The events of a page; occurrences are none.

        A first round holds single events and exceptions whole. Of a series it does not say which
        occurrences were deleted, so its master is fetched; so is whatever came in part.
        """
        events = {i: b for i, b in bodies.items() if b.get("type") != "occurrence"}
        wanted = [i for i, body in events.items() if not _is_whole(body)]
        replies = (yield tuple(map(self.get, wanted))) if wanted else ()
        fetched = dict(zip(wanted, replies, strict=True))
        return {i: fetched.get(i) or Reply(body=body) for i, body in events.items()}

    def fill(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[None]:
        """An event comes with all it has."""
        del bodies
        yield from ()

    def created(self, body: dict[str, Any]) -> Change | None:
        """An event of the backfill; None when it is not in the stream's filters."""
        return self.change(body, ChangeKind.CREATED)

    def change(self, body: dict[str, Any], kind: ChangeKind) -> Change | None:
        """The change; None when the event is not in the stream's filters."""
        if not self._judge.includes(body):
            return None
        item = calendar_event(body, self._calendar or None)
        return Change(kind=kind, item=item, version=_version(body), raw=body)


def _version(body: Mapping[str, Any]) -> str:
    """The change key; of a series with its called-off occurrences.

    Nothing that Microsoft documents says that calling one off gives the master a new key.
    """
    off = texts(body.get("cancelledOccurrences"))
    return version_of(body) + (f" {short_hash(' '.join(off))}" if off else "")


def _is_whole(body: Mapping[str, Any]) -> bool:
    return text(body.get("type")) in {"singleInstance", "exception"} and "subject" in body


_CALENDAR: Final = Ask(
    method="graph.calendar.get",
    base="graph_url",
    path=f"{ME}/calendar",
    params=(("$select", "id"),),
    headers=prefer(),
)
