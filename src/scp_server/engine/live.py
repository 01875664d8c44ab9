"""What is alive of a session: its window, its seats, and the streams that run."""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

import anyio

from scp_server.domain.errors import StorageUnavailable
from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import LedgerRow, Reason, Stream
from scp_server.engine.runner import Progress, Runner
from scp_server.engine.seats import Seats
from scp_server.engine.signal import Signal
from scp_server.engine.views import StreamView
from scp_server.engine.window import Mark, Share, Window
from scp_server.ports.clock import Clock
from scp_server.ports.streams import StreamStore
from scp_wire.stream_types import Provider

SAVE_AGAIN_AFTER: Final = 1.0
"""Seconds until a place is offered to the database again that did not answer."""


class Leaving(Enum):
    """Why a runner was told to stop."""

    STOPPED = auto()
    INACTIVE = auto()
    REWOUND = auto()
    """The session goes back to an earlier place; the stream runs again from there."""
    SHUT_DOWN = auto()


class Saver:
    """Writes a stream's newest proven place to the ledger, and never an older one after it."""

    def __init__(self, streams: StreamStore, clock: Clock, stream_id: str, base: LedgerRow) -> None:
        self._streams = streams
        self._clock = clock
        self._stream_id = stream_id
        self._epoch = base.epoch
        self._offered: Mark | None = None
        self._signal = Signal()
        self.saved = EventRef(base.epoch, base.n)
        """The newest place that is in the database."""

    def offer(self, mark: Mark) -> None:
        """A place has been proven; only the newest one matters."""
        self._offered = mark
        self._signal.fire()

    async def run(self) -> None:
        """Save what is offered, for ever."""
        while True:
            if self._offered is None:
                await self._signal.wait()
            else:
                await self._save_patiently()

    async def flush(self) -> None:
        """Save what is still offered.

        Raises: StorageUnavailable.
        """
        if self._offered is not None:
            await self._save(self._offered)

    async def _save_patiently(self) -> None:
        try:
            await self.flush()
        except StorageUnavailable:
            await anyio.sleep(SAVE_AGAIN_AFTER)

    async def _save(self, mark: Mark) -> None:
        row = LedgerRow(epoch=self._epoch, n=mark.n, place=mark.place, items=mark.items)
        await self._streams.save(self._stream_id, row, now=self._clock.now())
        self.saved = EventRef(self._epoch, mark.n)
        if self._offered is mark:
            self._offered = None


@dataclass(slots=True, kw_only=True)
class Running:
    """A stream that runs."""

    stream: Stream
    runner: Runner
    progress: Progress
    share: Share
    saver: Saver
    base: EventRef
    """The ledger row this run began from, in the numbering of its own epoch."""
    consented: Signal
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    leaving: Leaving | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)

    def view(self, *, wanted: bool, now: float, cursor: str) -> StreamView:
        """The stream as it is right now; `wanted`: whether any consumer takes it."""
        progress = self.progress
        reason = progress.reason
        if not wanted and reason in {Reason.BACKFILLING, Reason.FOLLOWING, Reason.DELIVERING}:
            reason = Reason.WAITING_FOR_CONSUMER
        stream = replace(
            self.stream,
            state_reason=reason,
            items_streamed=self.share.items_written,
            last_activity=max(self.stream.last_activity, progress.last_activity),
        )
        checked = progress.last_checked_at
        return StreamView(
            stream=stream,
            items_read=progress.items_read,
            last_checked_at=checked,
            next_check_at=progress.next_check_at,
            lag_seconds=None if checked is None else max(now - checked, 0.0),
            cursor=cursor,
        )

    async def leave(self, why: Leaving) -> None:
        """Cancel the runner and wait until its end is recorded."""
        if self.leaving is None:
            self.leaving = why
            self.scope.cancel()
        await self.ended.wait()


@dataclass(slots=True, kw_only=True)
class LiveSession:
    """One session's window and everything around it."""

    session_pk: int
    provider: Provider
    window: Window
    seats: Seats
    running: dict[str, Running] = field(default_factory=dict)
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    """Held while consumers come or the session is rewound, so that neither sees the other half."""

    @property
    def deserted(self) -> bool:
        """Whether nothing runs and nobody is here."""
        return not self.running and not self.window.readers and not self.window.shares
