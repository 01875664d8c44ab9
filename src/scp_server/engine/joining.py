"""Where a consumer that comes (back) begins, and what has to be read again for that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import LedgerRow, Place
from scp_server.engine.arrivals import Arrival
from scp_server.engine.cursors import Cursors, refused
from scp_server.engine.live import LiveSession, Running
from scp_server.engine.readers import Subscription
from scp_server.ports.streams import StreamStore
from scp_wire.events import GapData

ALL_AGAIN: Final = LedgerRow(epoch="", n=0, place=Place(recovering=True), items=0)
"""Where a stream goes back to when no place of it is old enough; `stream_resumed` tells the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How to let a consumer in."""

    after: int | None
    """The event of the (new) epoch to begin after; None: at what nobody has proven yet."""
    floors: Mapping[str, int] | None = None
    """By stream id: up to where nothing is needed although it lies after `after`."""
    rows: Mapping[str, LedgerRow] | None = None
    """Places to wind streams back to first, by stream id; None when the window reaches."""
    gaps: tuple[GapData, ...] = ()
    """What must be told before anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """One consumer that comes to one session."""

    live: LiveSession
    streams: StreamStore
    wanted: Subscription
    arrival: Arrival

    async def start(self, cursors: Cursors) -> Start:
        """Decide where the consumer begins.

        Raises: InvalidRequest for a place that was never given out; CursorInvalid.
        """
        place, window = self.arrival.place, self.live.window
        if place is not None and place.epoch == window.epoch and place.n > window.head:
            raise InvalidRequest(
                "last_event_id names an event that was never sent. Leave it out to go on at the "
                "last place that is known.",
                field="last_event_id",
            )
        if self.arrival.cursors:
            return await self._from_cursors(cursors, self.arrival.cursors)
        if place is None:
            # Nobody is here whom it would disturb to read again what was let go.
            lacking = window.lacks_unproven and not window.readers
            return Start(after=0, rows={}) if lacking else Start(after=None)
        floors = self.arrival.floors
        if place.epoch == window.epoch and window.reaches(self.wanted, place.n, floors):
            return self._in_the_window(place.n, floors or {})
        return await self._from_ledger(place)

    def _in_the_window(self, n: int, floors: Mapping[str, int]) -> Start:
        # A place says nothing of streams that were not wanted then: what nobody had of those is
        # still due, and were it passed over, the next proof would stand for it.
        unheard = self.live.window.unheard(self.wanted, n)
        if not unheard:
            return Start(after=n, floors=floors)
        reached = {key: max(n, floors.get(key, 0)) for key in self.live.window.shares}
        return Start(after=min(unheard.values()), floors=reached | unheard)

    async def _from_ledger(self, place: EventRef) -> Start:
        rows, gaps = await self._rows_at(place, skip=frozenset())
        in_these_runs = all(
            self._is_in(self.live.running[stream_id], row) for stream_id, row in rows.items()
        )
        if in_these_runs and self.live.window.reaches(self.wanted, 0):
            return Start(after=0, gaps=gaps)
        if not rows:
            # Only streams that are over are wanted: what the window still has of them is given.
            same = place.epoch == self.live.window.epoch
            return Start(after=place.n if same else 0, gaps=gaps)
        return Start(after=0, rows=rows, gaps=gaps)

    async def _from_cursors(self, cursors: Cursors, given: Mapping[str, str]) -> Start:
        rows: dict[str, LedgerRow] = {}
        for stream_id, cursor in given.items():
            ref = cursors.place_of(cursor, self.live.session_pk, stream_id)
            row = await self.streams.place_at(stream_id, ref.epoch, ref.n)
            if row is None:
                raise refused()
            if stream_id in self.live.running:
                rows[stream_id] = row
        place = self.arrival.place
        gaps: tuple[GapData, ...] = ()
        if place is not None:
            others, gaps = await self._rows_at(place, skip=frozenset(given))
            rows |= others
        return Start(after=0, rows=rows, gaps=gaps) if rows else Start(after=None, gaps=gaps)

    async def _rows_at(
        self, place: EventRef, skip: frozenset[str]
    ) -> tuple[dict[str, LedgerRow], tuple[GapData, ...]]:
        """The places that lie at or before an event, of the streams that are wanted."""
        rows: dict[str, LedgerRow] = {}
        gaps: list[GapData] = []
        for stream_id, running in list(self.live.running.items()):
            wants = self.wanted.wants(running.share)
            if not wants or stream_id in skip:
                continue
            n = max(place.n, (self.arrival.floors or {}).get(stream_id, 0))
            row = self._unproven(running, place.epoch, n)
            row = row or await self.streams.place_at(stream_id, place.epoch, n)
            if row is None and not running.fresh:
                row = ALL_AGAIN
                complete = running.stream.config.max_results is None
                gaps.append(_again_gap(stream_id, place, complete=complete))
            # A stream that began after that place: all of it is still to come.
            rows[stream_id] = row or running.beginning
        gaps += self._over(place, winding=bool(rows))
        return {k: row for k, row in rows.items() if k in self.live.running}, tuple(gaps)

    def _is_in(self, running: Running, row: LedgerRow) -> bool:
        """Whether a stream's run began at that row, so that it gives all that follows.

        Where it began before, it does so as well; but when nobody is here yet whom it would take
        further than they are, it goes on from the row instead of repeating what lies between.
        """
        began = running.beginning
        if row.epoch != began.epoch:
            return False
        return row.n == began.n or (row.n > began.n and bool(self.live.window.readers))

    def _unproven(self, running: Running, epoch: str, n: int) -> LedgerRow | None:
        """A place that was written, and is proven by being named now."""
        if epoch != self.live.window.epoch:
            return None
        mark = running.share.mark_at(n)
        if mark is None:
            return None
        return LedgerRow(epoch=epoch, n=mark.n, place=mark.place, items=mark.items)

    def _over(self, place: EventRef, *, winding: bool) -> list[GapData]:
        """Gaps of streams that have ended: what is not in the window will not be read again."""
        window = self.live.window
        return [
            over_gap(share.stream_id, str(place))
            for share in window.shares.values()
            if share.stream_id not in self.live.running
            and self.wanted.wants(share)
            and not (
                place.epoch == window.epoch
                and share.keeps_after(place.n)
                and not (winding and share.last_n > place.n)
            )
        ]


def over_gap(stream_id: str, place: str) -> GapData:
    """Of a stream that is over, what came after that event is gone."""
    return GapData(
        stream_id=stream_id,
        reason="window",
        after_event_id=place,
        reread=False,
        complete_listing=False,
    )


def _again_gap(stream_id: str, place: EventRef, *, complete: bool) -> GapData:
    return GapData(
        stream_id=stream_id,
        reason="window",
        after_event_id=str(place),
        reread=True,
        complete_listing=complete,
    )
