"""Runner: drives one stream. The only loop that awaits a provider.

Two tasks, so that the next step is read while the last one is delivered: `_read` asks the provider
and decides, `_emit` puts what was decided into the window, which holds it back when it is full.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from scp_server.domain.backoff import delay
from scp_server.domain.changes import Change, Skipped
from scp_server.domain.errors import ProviderError
from scp_server.domain.event_ref import EventRef
from scp_server.domain.sliding_log import Policy, SlidingLog
from scp_server.domain.streams import Phase, Place, Reason, Stream
from scp_server.engine import cadence, transitions
from scp_server.engine.shares import Draft, Share
from scp_server.engine.signal import Signal
from scp_server.engine.spelling import update_body
from scp_server.engine.transitions import (
    Announce,
    Announcement,
    Bookmarked,
    ChangesRead,
    Command,
    Emit,
    Event,
    Failed,
    GiveUp,
    Park,
    Plan,
    Retry,
    SetAside,
    StepRead,
)
from scp_server.engine.window import Window
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.connector import Connector
from scp_server.ports.link import Link
from scp_wire.codes import ErrorCode
from scp_wire.encode import encode_body
from scp_wire.events import EventData, EventType, GapData, Origin, StreamData, StreamErrorData

COMPLETED: Final = Announce(Announcement.COMPLETED)
GAP: Final = Announce(Announcement.GAP)
LOOK_FOR_CONSENT: Final = 60.0
"""Seconds after which a waiting stream looks for a renewed consent by itself: it costs no call."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a runner lets others see. Times in epoch seconds."""

    reason: str = Reason.BACKFILLING
    items_read: int = 0
    last_checked_at: float | None = None
    next_check_at: float | None = None
    last_activity: float = 0.0
    delivering_since: float | None = None
    """When all had been read and only proof was missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What was decided about one answer of the provider."""

    commands: tuple[Command, ...]
    place: Place
    retry_at: float | None = None
    """When the provider is asked again, after a failure. Epoch seconds."""


class StreamFailed(Exception):
    """The stream cannot go on. `error` says why."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__(str(error.code))
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a runner works with."""

    window: Window
    share: Share
    connector: Connector
    link: Link
    clock: Clock
    chance: Chance
    cursor: Callable[[EventRef], str]
    mending: Callable[[ProviderError], Awaitable[dict[str, Any]]]
    """What consumers are told about how a failure is mended."""
    consented: Signal
    """Fires when the user has consented again."""


@dataclass(slots=True, kw_only=True)
class Runner:
    """One stream from `place` on. `run` returns when all is read and proven to have arrived."""

    stream: Stream
    around: Surroundings
    progress: Progress
    place: Place
    items: int
    """Items of the stream emitted so far, over all epochs."""
    again: bool = False
    """Whether it begins again from the start: all is listed, and that is announced first."""
    _pace: SlidingLog = field(init=False)
    _in_batch: int = field(init=False, default=0)
    _followed_at: float = field(init=False, default=-math.inf)
    _interval: float = field(init=False, default=cadence.QUICK)
    _attempt: int = field(init=False, default=0)
    _faults: int = field(init=False, default=0)
    _renewals: int = field(init=False, default=0)
    """The consents given when the provider was last asked: a later one is worth another try."""
    _losses: int = field(init=False, default=0)
    """Positions lost since one was last good to follow from."""
    _read_in_epoch: int = field(init=False, default=0)
    _told: ErrorCode | None = field(init=False, default=None)
    """The trouble that consumers know of."""
    _set_aside: int = field(init=False, default=0)
    """Items that could not be read, in this epoch."""

    def __post_init__(self) -> None:
        """Set up what follows from the configuration."""
        policy = Policy("stream", self.stream.config.rate_limit_per_minute, 60.0)
        self._pace = SlidingLog(policy)
        self._in_batch = self.stream.config.batch_size
        self.progress.items_read = self.items

    async def run(self) -> None:
        """Read, emit, mark, until the end or cancellation.

        Raises: StreamFailed.
        """
        if self.place == Place() or self.again:
            await self._announce(EventType.STREAM_STARTED, self._stream_data("active"))
        if self.again:
            await self._announce(EventType.STREAM_GAP, self._gap("window"))
        sending, receiving = anyio.create_memory_object_stream[Parcel](1)
        with sending, receiving:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, sending)
                failure = await self._emit(receiving)
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise StreamFailed(failure)
        await self._delivered()

    # -- reading -------------------------------------------------------------------------------

    async def _read(self, sending: MemoryObjectSendStream[Parcel]) -> None:
        config = self.stream.config
        plan = Plan(real_time=config.real_time, max_results=config.max_results)
        place = self.place
        with sending:
            if place.phase is Phase.READ:
                # Everything was read before a restart, but nobody has proven to know it.
                await sending.send(Parcel(commands=(COMPLETED,), place=place))
            while place.phase is not Phase.READ:
                await self._turn(place)
                event = await self._ask(place)
                place, commands = transitions.step(place, event, plan)
                self._count(commands)
                wait = self._wait_after(commands)
                retry_at = None if wait is None else self.around.clock.now() + wait
                await sending.send(Parcel(commands=commands, place=place, retry_at=retry_at))
                if any(isinstance(command, GiveUp) for command in commands):
                    return
                await self._sit_out(commands, wait)

    async def _turn(self, place: Place) -> None:
        """Wait until this stream may ask: for a consumer, for the time, for its own pace."""
        around = self.around
        while (
            self._read_in_epoch >= self.stream.config.batch_size or place.phase is Phase.FOLLOWING
        ):
            if around.window.wanted(around.share):
                break
            self.progress.reason = Reason.WAITING_FOR_CONSUMER
            await around.share.changed.wait()
        if place.phase is Phase.FOLLOWING:
            self.progress.reason = Reason.FOLLOWING
            await self._until_next_look()
        if place.phase is Phase.FOLLOWING or self._in_batch >= self.stream.config.batch_size:
            await self._keep_pace()
            self._in_batch = 0
        self.progress.reason = (
            Reason.FOLLOWING if place.phase is Phase.FOLLOWING else Reason.BACKFILLING
        )

    async def _until_next_look(self) -> None:
        clock = self.around.clock
        wait = self._followed_at + self._interval - clock.monotonic()
        self.progress.next_check_at = clock.now() + max(wait, 0.0)
        await anyio.sleep(max(wait, 0.0))

    async def _keep_pace(self) -> None:
        clock = self.around.clock
        while not (verdict := self._pace.hit(clock.monotonic())).allowed:
            self.progress.reason = Reason.RATE_LIMITED
            await anyio.sleep(verdict.reset_in)

    async def _ask(self, place: Place) -> Event:
        self._renewals = self.around.consented.turn
        try:
            event = await self._ask_provider(place)
        except ProviderError as error:
            self._attempt += 1
            self._faults += not transitions.passes(error)
            return Failed(error, self._attempt, self._faults)
        self._attempt = self._faults = 0
        self.progress.last_checked_at = self.around.clock.now()
        self.progress.last_activity = self.progress.last_checked_at
        return event

    async def _ask_provider(self, place: Place) -> Event:
        connector, link = self.around.connector, self.around.link
        if place.phase is Phase.STARTING:
            if not self.stream.config.real_time:
                return Bookmarked(None)
            since = await link.perform(connector.bookmark())
            self._followed_at = self.around.clock.monotonic()
            return Bookmarked(since)
        if place.since is not None and self._look_is_due(place):
            followed = await link.perform(connector.follow(place.ahead or place.since))
            self._looked(changed=bool(followed.changes), more=followed.more)
            return ChangesRead(followed)
        return StepRead(await link.perform(connector.backfill(place.resume)))

    def _look_is_due(self, place: Place) -> bool:
        if place.phase is Phase.FOLLOWING:
            return True
        return self.around.clock.monotonic() - self._followed_at >= cadence.DURING_BACKFILL

    def _looked(self, *, changed: bool, more: bool) -> None:
        self._losses = 0
        # More to come: the next look is due at once.
        self._interval = 0.0 if more else cadence.next_interval(self._interval, changed=changed)
        self._followed_at = self.around.clock.monotonic()

    def _count(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            if isinstance(command, Emit):
                self._in_batch += len(command.changes)
                self._read_in_epoch += len(command.changes)
                self.progress.items_read += len(command.changes)
            elif command == GAP:
                self._losses += 1

    def _wait_after(self, commands: tuple[Command, ...]) -> float | None:
        """Seconds until the provider is asked again, when it failed."""
        for command in commands:
            if isinstance(command, Retry):
                return delay(command.error, command.attempt, self.around.chance.uniform())
            if command == GAP and self._losses > 1:
                # It refuses even a fresh position: do not hammer it.
                return cadence.SLOW
        return None

    async def _sit_out(self, commands: tuple[Command, ...], wait: float | None) -> None:
        for command in commands:
            if isinstance(command, Retry):
                self.progress.reason = str(command.error.code)
            elif isinstance(command, Park):
                await self._until_consent(command.error)
        if wait is not None:
            await anyio.sleep(wait)

    async def _until_consent(self, error: ProviderError) -> None:
        missing = error.code is ErrorCode.TOKEN_EXPIRED
        self.progress.reason = Reason.NEEDS_CONSENT if missing else str(error.code)
        with anyio.move_on_after(LOOK_FOR_CONSENT):
            await self.around.consented.after(self._renewals)

    # -- emitting ------------------------------------------------------------------------------

    async def _emit(self, receiving: MemoryObjectReceiveStream[Parcel]) -> ProviderError | None:
        async for parcel in receiving:
            if not any(isinstance(command, (Retry, Park)) for command in parcel.commands):
                self._told = None
            for command in parcel.commands:
                if isinstance(command, GiveUp):
                    return command.error
                await self._carry_out(command, parcel)
            if parcel.place != self.place or COMPLETED in parcel.commands:
                self.place = parcel.place
                self.around.window.mark(self.around.share, parcel.place, self.items)
        return None

    async def _carry_out(self, command: Command, parcel: Parcel) -> None:
        match command:
            case Emit(changes, origin):
                for i, change in enumerate(changes):
                    await self._emit_item(change, origin, last=i == len(changes) - 1)
            case SetAside(skipped):
                await self._announce_skipped(skipped)
            case Announce(what):
                await self._announce(*self._announcement(what))
            case Retry(error, attempt) if attempt > 1 or error.lasting:
                # The first failure may be a hiccup, the link has already tried again.
                await self._announce_trouble(error, parcel.retry_at)
            case Park(error):
                await self._announce_trouble(error, None)
            case Retry() | GiveUp():
                pass

    def _announcement(self, what: Announcement) -> tuple[EventType, EventData]:
        match what:
            case Announcement.COMPLETED:
                return EventType.STREAM_COMPLETED, self._stream_data("completed")
            case Announcement.RESUMED:
                return EventType.STREAM_RESUMED, self._stream_data("active")
            case Announcement.GAP:
                return EventType.STREAM_GAP, self._gap("position_lost")

    async def _emit_item(self, change: Change, origin: Origin, *, last: bool) -> None:
        self.items += 1
        draft = Draft(
            event_type=EventType.DATA_UPDATE,
            body=update_body(self.stream.config, change, origin),
            timestamp=self.around.clock.now(),
            agent_id=self.stream.config.agent_id,
            cursor=self.around.cursor if last else None,
            ordinal=self.items,
            item_id=change.item.id,
        )
        await self._put(draft)
        self.progress.last_activity = draft.timestamp

    async def _announce_trouble(self, error: ProviderError, retry_at: float | None) -> None:
        if self._told is error.code:
            return
        self._told = error.code
        data = StreamErrorData(
            code=error.code,
            message=error.message,
            fatal=False,
            details=await self.around.mending(error),
            retry_at=retry_at,
        )
        await self._announce(EventType.STREAM_ERROR, data)

    async def _announce_skipped(self, skipped: Skipped) -> None:
        self._set_aside += 1
        data = StreamErrorData(
            code=ErrorCode.PROVIDER_ERROR,
            message=f"One item could not be read and was set aside: {skipped.reason}",
            fatal=False,
            details={"item_id": skipped.id, "set_aside": self._set_aside},
        )
        await self._announce(EventType.STREAM_ERROR, data)

    async def _announce(self, event_type: EventType, data: EventData) -> None:
        draft = Draft(
            event_type=event_type,
            body=encode_body(data),
            timestamp=self.around.clock.now(),
            agent_id=self.stream.config.agent_id,
            cursor=self.around.cursor,
        )
        await self._put(draft)

    async def _put(self, draft: Draft) -> None:
        await self.around.window.reserve(self.around.share, draft.room)
        self.around.window.append(self.around.share, draft)

    async def _delivered(self) -> None:
        self.progress.reason = Reason.DELIVERING
        self.progress.delivering_since = self.around.clock.now()
        self.progress.next_check_at = None
        while not self.around.share.all_proven:
            await self.around.share.changed.wait()

    def _stream_data(self, status: str) -> StreamData:
        return StreamData(
            stream_type=self.stream.config.stream_type, status=status, items=self.items
        )

    def _gap(self, reason: str) -> GapData:
        window, share = self.around.window, self.around.share
        return GapData(
            stream_id=self.stream.stream_id,
            reason=reason,
            after_event_id=str(EventRef(window.epoch, share.last_n)),
            reread=True,
            # A bounded listing does not say of what is not in it that it is gone.
            complete_listing=self.stream.config.max_results is None,
        )
