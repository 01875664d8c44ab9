"""Where a consumer that comes (back) begins, and what has to be read again for that."""

from collections.abc import Mapping
from dataclasses import dataclass

from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import LedgerRow
from scp_server.engine.arrivals import Arrival
from scp_server.engine.cursors import Cursors, refused
from scp_server.engine.live import LiveSession, Running
from scp_server.engine.readers import Subscription
from scp_server.ports.streams import StreamStore
from scp_wire.events import GapData


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How to let a consumer in."""

    after: int | None
    """The event of the (new) epoch to begin after; None: at what nobody has proven yet."""
    rows: Mapping[str, LedgerRow] | None = None
    """Places to wind streams back to first, by stream id; None when the window reaches."""
    gaps: tuple[GapData, ...] = ()
    """What cannot be given again."""


async def find_start(
    live: LiveSession,
    streams: StreamStore,
    cursors: Cursors,
    wanted: Subscription,
    arrival: Arrival,
) -> Start:
    """Decide where a consumer begins.

    Raises: InvalidRequest for a place that was never given out; CursorInvalid.
    """
    window = live.window
    if arrival.cursors:
        return await _from_cursors(live, streams, cursors, arrival.cursors)
    place = arrival.place
    if place is None:
        return Start(after=None)
    if place.epoch == window.epoch:
        if place.n > window.head:
            raise InvalidRequest(
                "last_event_id names an event that was never sent. Leave it out to go on at the "
                "last place that is known.",
                field="last_event_id",
            )
        if window.reaches(wanted, place.n):
            return Start(after=place.n)
    return await _from_ledger(live, streams, wanted, place)


async def _from_ledger(
    live: LiveSession, streams: StreamStore, wanted: Subscription, place: EventRef
) -> Start:
    rows: dict[str, LedgerRow] = {}
    gaps: list[GapData] = []
    at_base = True
    for running in live.running.values():
        if not wanted.wants(running.stream.config.stream_type):
            continue
        row = await streams.place_at(running.stream.stream_id, place.epoch, place.n)
        if row is None:
            if not _began_after(running, place):
                gaps.append(_gap(running, place))
            continue
        rows[running.stream.stream_id] = row
        at_base = at_base and EventRef(row.epoch, row.n) == running.base
    if (at_base and live.window.reaches(wanted, 0)) or not rows:
        return Start(
            after=0 if at_base and live.window.reaches(wanted, 0) else None, gaps=tuple(gaps)
        )
    return Start(after=0, rows=rows, gaps=tuple(gaps))


def _began_after(running: Running, place: EventRef) -> bool:
    """Whether the stream's very first event is still to come for somebody standing at `place`."""
    return running.base.epoch == "" and running.share.evicted_n == running.share.first_n


async def _from_cursors(
    live: LiveSession, streams: StreamStore, cursors: Cursors, given: Mapping[str, str]
) -> Start:
    rows: dict[str, LedgerRow] = {}
    for stream_id, cursor in given.items():
        ref = cursors.place_of(cursor, live.session_pk, stream_id)
        row = await streams.place_at(stream_id, ref.epoch, ref.n)
        if row is None:
            raise refused()
        if stream_id in live.running:
            rows[stream_id] = row
    return Start(after=0, rows=rows) if rows else Start(after=None)


def _gap(running: Running, place: EventRef) -> GapData:
    return GapData(
        stream_id=running.stream.stream_id,
        reason="window",
        after_event_id=str(place),
        reread=False,
        complete_listing=False,
    )
