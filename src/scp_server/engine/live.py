"""What is alive of a session: its window, its seats, and the streams that run."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

import anyio

from scp_server.domain.errors import ScpError, StorageUnavailable
from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import LedgerRow, Reason, Stream
from scp_server.engine.budget import Budget
from scp_server.engine.runner import Progress, Runner
from scp_server.engine.seats import Seats
from scp_server.engine.shares import Mark, Share, ShareLimits
from scp_server.engine.signal import Signal
from scp_server.engine.views import StreamView
from scp_server.engine.window import Window
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.streams import StreamStore
from scp_wire.encode import Encoded, Envelope, encode, encode_body
from scp_wire.events import EventData, EventType
from scp_wire.stream_types import Provider

SAVE_AGAIN_AFTER: Final = 1.0
"""Seconds until a place is offered to the database again that did not answer."""


class Leaving(Enum):
    """Why a runner was told to stop."""

    STOPPED = auto()
    INACTIVE = auto()
    UNGRANTED = auto()
    """The user consented again, and left out what it needs; see `Running.fault`."""
    REWOUND = auto()
    """The session goes back to an earlier place; the stream runs again from there."""
    SHUT_DOWN = auto()


class Saver:
    """Writes a stream's newest proven place to the ledger, and never an older one after it."""

    def __init__(self, streams: StreamStore, clock: Clock, stream_id: str, base: LedgerRow) -> None:
        self._streams = streams
        self._clock = clock
        self._stream_id = stream_id
        self._unsaved = False
        self._noted: LedgerRow | None = None
        self._held = False
        self._signal = Signal()
        self._writing = anyio.Lock()
        self.newest = base
        """The newest place that was proven, saved or not."""
        self.saved = EventRef(base.epoch, base.n)
        """The newest place that is in the database."""

    def offer(self, mark: Mark) -> None:
        """A place has been proven; only the newest one matters."""
        self.newest = self._row(mark)
        self._unsaved = True
        self._signal.fire()

    def note(self, mark: Mark) -> None:
        """A place has been written to all: it may be named as proven later, after a restart too."""
        self._noted = self._row(mark)
        self._signal.fire()

    def _row(self, mark: Mark) -> LedgerRow:
        return LedgerRow(epoch=self.newest.epoch, n=mark.n, place=mark.place, items=mark.items)

    async def run(self) -> None:
        """Save what is offered, for ever."""
        while True:
            if (self._unsaved or self._noted) and not self._held:
                await self._save_patiently()
            else:
                await self._signal.wait()

    async def flush(self) -> None:
        """Save what is still offered, unless held.

        Raises: StorageUnavailable.
        """
        if self._held:
            return
        if self._unsaved:
            async with self._writing:
                row = self.newest
                await self._streams.save(self._stream_id, row, now=self._clock.now())
                self.saved = EventRef(row.epoch, row.n)
                self._unsaved = self.newest is not row
        if self._noted is not None:
            async with self._writing:
                await self._save_noted(self._noted)

    async def _save_noted(self, row: LedgerRow) -> None:
        if row.n > self.saved.n:
            await self._streams.note(self._stream_id, row, now=self._clock.now())
        if self._noted is row:
            self._noted = None

    async def hold(self) -> None:
        """Write nothing more; returns when nothing is being written."""
        self._held = True
        async with self._writing:
            pass

    def go_on(self) -> None:
        """Write again."""
        self._held = False
        self._signal.fire()

    async def _save_patiently(self) -> None:
        try:
            await self.flush()
        except StorageUnavailable:
            await anyio.sleep(SAVE_AGAIN_AFTER)


@dataclass(slots=True, kw_only=True)
class Running:
    """A stream that runs."""

    stream: Stream
    runner: Runner
    progress: Progress
    share: Share
    saver: Saver
    beginning: LedgerRow
    """The ledger row this run began from, in the numbering of its own epoch."""
    fresh: bool
    """Whether the stream's whole life is this run."""
    consented: Signal
    read_before: int = 0
    """Items read before the session was wound back; those read again are not counted again."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    leaving: Leaving | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)
    fault: ScpError | None = None
    """Why it was told to stop, where that is somebody's fault."""
    over: bool = False
    """Whether the stream itself has come to its end, not just this run."""

    @property
    def items_read(self) -> int:
        """Items of the stream read from the provider, repeats not counted."""
        return max(self.progress.items_read, self.read_before)

    def view(self, *, wanted: bool, now: float, cursor: str) -> StreamView:
        """The stream as it is right now; `wanted`: whether any consumer takes it."""
        progress = self.progress
        reason = progress.reason
        if not wanted and reason in {Reason.BACKFILLING, Reason.FOLLOWING, Reason.DELIVERING}:
            reason = Reason.WAITING_FOR_CONSUMER
        elif reason == Reason.BACKFILLING and self.runner.around.link.delayed() > 0:
            reason = Reason.RATE_LIMITED
        stream = replace(
            self.stream,
            state_reason=reason,
            items_streamed=self.share.items_written,
            last_activity=max(self.stream.last_activity, progress.last_activity),
        )
        checked = progress.last_checked_at
        return StreamView(
            stream=stream,
            items_read=max(self.items_read, self.share.items_written),
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
        """Whether nothing runs, nobody is here, is coming or is expected back."""
        return not (
            self.running
            or self.window.readers
            or self.window.shares
            or self.lock.locked()
            or not self.seats.empty
        )

    def notice(self, event_type: EventType, data: EventData, now: float) -> Encoded:
        """An event outside the order of events. `now` in epoch seconds."""
        envelope = Envelope(provider=self.provider, timestamp=now)
        return encode(event_type, envelope, encode_body(data))

    def tell(self, event_type: EventType, data: EventData, now: float) -> None:
        """Tell all consumers something outside the order of events."""
        notice = self.notice(event_type, data, now)
        for reader in self.window.readers:
            reader.notify(notice)


class LiveSessions:
    """The sessions that are alive in this process."""

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        *,
        share: ShareLimits,
        budget: Budget,
        seat_seconds: float,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._share = share
        self._budget = budget
        self._seat_seconds = seat_seconds
        self._sessions: dict[int, LiveSession] = {}

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(tuple(self._sessions.values()))

    def get(self, session_pk: int) -> LiveSession | None:
        """The session, if anything of it is alive."""
        return self._sessions.get(session_pk)

    def open(self, session_pk: int, provider: Provider) -> LiveSession:
        """The session, brought to life if need be. Take its lock before anything is awaited."""
        live = self._sessions.get(session_pk)
        if live is None:
            live = LiveSession(
                session_pk=session_pk,
                window=Window(provider, self.new_epoch(), self._share, self._budget),
                seats=Seats(self._seat_seconds),
                provider=provider,
            )
            self._sessions[session_pk] = live
        return live

    def new_epoch(self) -> str:
        """A name for a numbering that begins again."""
        return hashlib.sha256(self._chance.token(128).encode()).hexdigest()[:12]

    def forget(self, live: LiveSession) -> None:
        """Let go of a session in which nothing is left."""
        live.seats.clear_cold(now=self._clock.monotonic())
        if live.deserted and self._sessions.get(live.session_pk) is live:
            del self._sessions[live.session_pk]
            self._budget.forget(live.window)
