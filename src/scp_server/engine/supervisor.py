"""Supervisor: starts, stops and resumes streams, and lets consumers in. It owns the tasks."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio

from scp_server.domain.agents import actor_of
from scp_server.domain.errors import (
    ScpError,
    ShuttingDown,
    StorageUnavailable,
    StreamConfigError,
    StreamNotFound,
)
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import STREAM_PREFIX
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import (
    LedgerRow,
    Place,
    Reason,
    Stream,
    StreamConfig,
    StreamState,
)
from scp_server.engine.admission import check, scopes_lacking
from scp_server.engine.arrivals import Arrival
from scp_server.engine.audience import Audience
from scp_server.engine.budget import Budget
from scp_server.engine.bygones import Bygones
from scp_server.engine.courses import Courses, Machinery
from scp_server.engine.cursors import Cursors, refused
from scp_server.engine.door import Door
from scp_server.engine.live import Leaving, LiveSession, LiveSessions, Running
from scp_server.engine.readers import Reader, Subscription
from scp_server.engine.shares import ShareLimits
from scp_server.engine.tidings import Tidings
from scp_server.engine.transitions import Plan, adopted
from scp_server.engine.views import StreamView
from scp_server.ports.audit import AuditEntry
from scp_server.ports.meter import Meter
from scp_wire.codes import ErrorObject
from scp_wire.events import EventType, NoticeData

PROOF_SECONDS: Final = 1.0
"""How long a shutdown waits for consumers to prove what they were written: it is repeated else."""
DRAIN_SECONDS: Final = 15.0
"""How long a shutdown waits for places to be saved; the promise for all of it is 25 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineValues:
    """Settings of the engine. Seconds, events and bytes."""

    share: ShareLimits = field(default_factory=ShareLimits)
    window_bytes: int = 256 * 1024 * 1024
    """Of all sessions together."""
    seat_seconds: float = 120.0
    inactive_seconds: float = 3600.0
    session_seconds: float = 30 * 86400.0


class Supervisor:
    """The engine's public face."""

    def __init__(self, machinery: Machinery, values: EngineValues) -> None:
        self._machinery = machinery
        self._values = values
        self._cursors = Cursors(machinery.seals)
        self._live = LiveSessions(
            machinery.clock,
            machinery.chance,
            share=values.share,
            budget=Budget(values.window_bytes),
            seat_seconds=values.seat_seconds,
        )
        self._courses = Courses(machinery, self._cursors, self._live)
        bygones = Bygones(machinery.streams, self._cursors)
        self._door = Door(self._live, self._courses, machinery, self._cursors, bygones)
        self.audience = Audience(self._live, self._door, machinery.streams, bygones)
        self.tidings = Tidings(self._live, machinery, self._leave)
        self._draining = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Resume what was active, and run until the context is left; then save and stop all."""
        async with anyio.create_task_group() as tasks:
            self._courses.tasks = tasks
            await self._resume()
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self.drain()
                tasks.cancel_scope.cancel()

    @property
    def draining(self) -> bool:
        """Whether no new work is taken."""
        return self._draining

    async def _resume(self) -> None:
        machinery = self._machinery
        for stream in await machinery.streams.in_state(StreamState.ACTIVE):
            session = await machinery.sessions.get(stream.session_pk)
            if session is None or session.state is SessionState.ENDED:
                await self._end(stream, StreamState.STOPPED, "session_ended")
                continue
            lacking = scopes_lacking(session, stream.config, machinery.links)
            if session.state is SessionState.ACTIVE and lacking is not None:
                await self._end(stream, StreamState.FAILED, str(lacking.code), lacking)
                continue
            row = await machinery.streams.latest(stream.stream_id)
            try:
                await self._launch(session, stream, row or _beginning(), fresh=row is None)
            except StreamConfigError as error:
                # It was set up by a server that could more than this one.
                await self._end(stream, StreamState.FAILED, str(error.code), error)

    async def _end(
        self, stream: Stream, state: StreamState, reason: str, error: ScpError | None = None
    ) -> None:
        told = None if error is None else ErrorObject(code=error.code, message=error.message)
        now = self._machinery.clock.now()
        await self._machinery.streams.end(stream.stream_id, state, reason, told, now=now)

    async def drain(self) -> None:
        """Refuse new work, tell everyone where to go on, save every proven place."""
        if self._draining:
            return
        self._draining = True
        self._door.shut()
        written = [(live.window, self._tell_draining(live)) for live in self._live]
        with anyio.move_on_after(PROOF_SECONDS):
            for window, places in written:
                while any(reader.lacks_proof_of(ref) for reader, ref in places):
                    await window.proved.wait()
        with anyio.move_on_after(DRAIN_SECONDS):
            async with anyio.create_task_group() as tasks:
                for live in self._live:
                    for running in list(live.running.values()):
                        tasks.start_soon(self._leave, running.stream, Leaving.SHUT_DOWN)
        for live in self._live:
            for reader in live.window.readers:
                reader.close(EventType.SERVER_DRAINING)

    def _tell_draining(self, live: LiveSession) -> list[tuple[Reader, EventRef]]:
        """Tell a session's consumers; up to where each of them was written to."""
        for reader in live.window.readers:
            data = NoticeData(
                message="The server is going down. Connect again in a few seconds.",
                resume_event_id=str(reader.written_ref),
            )
            now = self._machinery.clock.now()
            reader.notify(live.notice(EventType.SERVER_DRAINING, data, now))
        return [(reader, reader.written_ref) for reader in live.window.readers]

    # -- streams -------------------------------------------------------------------------------

    async def start(
        self, session: Session, config: StreamConfig, *, cursor: str | None
    ) -> StreamView:
        """Start a stream, from the beginning or from where a cursor points.

        Raises: StreamAlreadyActive, CursorInvalid, InsufficientScope, TokenExpired,
        SessionPending, StreamConfigError, ShuttingDown, StorageUnavailable.
        """
        if self._draining:
            raise ShuttingDown("The server is going down. Try again in a few seconds.")
        check(session, config, self._machinery.links)
        row = await self._row_of(cursor, session, config) if cursor else _beginning()
        machinery = self._machinery
        now = machinery.clock.now()
        stream = Stream(
            stream_id=STREAM_PREFIX + machinery.chance.token(128),
            session_pk=session.pk,
            config=config,
            state=StreamState.ACTIVE,
            state_reason=Reason.BACKFILLING,
            items_streamed=0,
            started_at=now,
            last_activity=now,
            ended_at=None,
            error=None,
        )
        with anyio.CancelScope(shield=True):
            await machinery.streams.create(stream)
            try:
                await machinery.audit.record(_audited(stream, "stream.started", now))
                running = await self._launch(session, stream, row, fresh=True)
            except (ShuttingDown, StorageUnavailable) as error:
                await self._take_back(stream, error)
                raise
        return await self._view(stream, running)

    async def _take_back(self, stream: Stream, error: ScpError) -> None:
        with contextlib.suppress(StorageUnavailable):
            # If that fails as well, the stream is resumed at the next start, or stopped by hand.
            await self._end(stream, StreamState.FAILED, str(error.code), error)

    async def _row_of(self, cursor: str, session: Session, config: StreamConfig) -> LedgerRow:
        stream_id, ref = self._cursors.open(cursor, session.pk, config)
        row = await self._machinery.streams.place_at(stream_id, ref.epoch, ref.n)
        if row is None:
            raise refused()
        plan = Plan(real_time=config.real_time, max_results=config.max_results)
        return replace(_beginning(), place=adopted(row.place, plan))

    async def stop(self, stream_id: str) -> StreamView:
        """Stop a stream and drop what is not delivered. Stopping a stream twice changes nothing.

        Raises: StreamNotFound, StorageUnavailable.
        """
        stream = await self._stored(stream_id)
        await self._leave(stream, Leaving.STOPPED)
        stream = await self._stored(stream_id)
        if stream.state is StreamState.ACTIVE:
            # It does not run: the database was away when it was to start, or to end.
            await self._end(stream, StreamState.STOPPED, Reason.REQUESTED)
        return await self.status(stream_id)

    async def _leave(self, stream: Stream, why: Leaving) -> None:
        live = self._live.get(stream.session_pk)
        if live is None:
            return
        async with live.lock:
            running = live.running.get(stream.stream_id)
            if running is not None:
                await running.leave(why)

    async def status(self, stream_id: str) -> StreamView:
        """A stream as it is now.

        Raises: StreamNotFound, StorageUnavailable.
        """
        stream = await self._stored(stream_id)
        return await self._view(stream, self._running_of(stream))

    async def _stored(self, stream_id: str) -> Stream:
        stream = await self._machinery.streams.get(stream_id)
        if stream is None:
            raise StreamNotFound("There is no such stream. Streams are forgotten after seven days.")
        return stream

    async def of_session(self, session_pk: int) -> list[StreamView]:
        """All streams of a session, newest first."""
        streams = await self._machinery.streams.of_session(session_pk)
        return [await self._view(s, self._running_of(s)) for s in streams]

    async def all(self) -> list[StreamView]:
        """All streams there are, those that ended within a week included."""
        streams = [
            s for state in StreamState for s in await self._machinery.streams.in_state(state)
        ]
        return [await self._view(s, self._running_of(s)) for s in streams]

    def _running_of(self, stream: Stream) -> Running | None:
        live = self._live.get(stream.session_pk)
        return live.running.get(stream.stream_id) if live else None

    async def _view(self, stream: Stream, running: Running | None) -> StreamView:
        maker = self._cursors.maker(stream.session_pk, stream.stream_id, stream.config)
        live = self._live.get(stream.session_pk)
        if running is None or live is None:
            row = await self._machinery.streams.latest(stream.stream_id)
            return StreamView(
                stream=stream,
                items_read=stream.items_streamed,
                cursor=maker(EventRef(row.epoch, row.n)) if row else None,
            )
        return running.view(
            wanted=live.window.wanted(running.share),
            now=self._machinery.clock.now(),
            cursor=maker(running.saver.saved),
        )

    async def _launch(
        self, session: Session, stream: Stream, row: LedgerRow, *, fresh: bool
    ) -> Running:
        live = self._live.open(session.pk, session.provider)
        async with live.lock:
            if self._draining:
                raise ShuttingDown("The server is going down. Try again in a few seconds.")
            return await self._courses.launch(live, session, stream, row, fresh=fresh)

    # -- consumers -----------------------------------------------------------------------------

    def seat_waits(self, session_pk: int, agent_id: str | None) -> bool:
        """Whether this agent's next connection takes a seat again instead of a new one."""
        return self._door.seat_waits(session_pk, agent_id)

    async def attach(self, session: Session, arrival: Arrival) -> Reader:
        """Let a consumer in: after its seat's place, the place it names, or what is unproven.

        Raises: InvalidRequest (a place that was never given out), CursorInvalid, ShuttingDown,
        StorageUnavailable.
        """
        return await self._door.attach(session, arrival)

    async def resubscribe(self, session: Session, reader: Reader, wanted: Subscription) -> None:
        """Replace a consumer's subscription, also backwards to what nobody has had yet.

        Raises: StorageUnavailable; then the subscription is as it was.
        """
        await self._door.resubscribe(session, reader, wanted)

    def leave(self, session_pk: int, reader: Reader, agent_id: str | None, *, seat: bool) -> None:
        """A consumer is gone; one that did not say goodbye leaves a seat."""
        self._door.leave(session_pk, reader, agent_id, seat=seat)

    def connections(self, session_pk: int | None) -> int:
        """How many consumers are attached: a session's, or all."""
        return self._door.connections(session_pk)

    def measure(self, meter: Meter) -> None:
        """Tell a meter how much there is right now."""
        lives = list(self._live)
        meter.streams_active(sum(len(live.running) for live in lives))
        meter.connections(self.connections(None))
        meter.window_bytes(
            sum(share.size for live in lives for share in live.window.shares.values())
        )

    # -- housekeeping --------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Once in a while: stop streams nobody reads, note open connections as use of a session.

        Raises: StorageUnavailable.
        """
        machinery, now = self._machinery, self._machinery.clock.now()
        for live in self._live:
            if live.window.readers and await self._is_over(live.session_pk):
                # It ended while they were let in.
                await self.tidings.session_ended(live.session_pk)
            elif live.window.readers:
                until = now + self._values.session_seconds
                await machinery.sessions.touch(live.session_pk, now=now, expires_at=until)
            for running in list(live.running.values()):
                if self._is_inactive(live, running, now):
                    await self._leave(running.stream, Leaving.INACTIVE)
            self._live.forget(live)
            live.window.stir()
        await machinery.streams.tidy(now=now)

    async def _is_over(self, session_pk: int) -> bool:
        session = await self._machinery.sessions.get(session_pk)
        return session is None or session.state is SessionState.ENDED

    def _is_inactive(self, live: LiveSession, running: Running, now: float) -> bool:
        progress, patience = running.progress, self._values.inactive_seconds
        if live.window.wanted(running.share):
            progress.last_activity = now
        proving = progress.delivering_since
        return now - progress.last_activity > patience or (
            proving is not None and now - proving > patience
        )


def _beginning() -> LedgerRow:
    return LedgerRow(epoch="", n=0, place=Place(), items=0)


def _audited(stream: Stream, action: str, now: float) -> AuditEntry:
    config = stream.config
    return AuditEntry(
        at=now,
        session_pk=stream.session_pk,
        action=action,
        actor=actor_of(config.agent_id, verified=config.agent_verified),
        stream_id=stream.stream_id,
        stream_type=stream.config.stream_type,
    )
