"""Supervisor: starts, stops and resumes streams, and lets consumers in. It owns the tasks."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from scp_server.domain.errors import (
    InsufficientScope,
    SessionPending,
    ShuttingDown,
    StreamNotFound,
    TokenExpired,
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
from scp_server.engine.arrivals import Arrival, seated
from scp_server.engine.courses import Courses, Machinery
from scp_server.engine.cursors import Cursors, refused
from scp_server.engine.joining import Start, find_start
from scp_server.engine.live import Leaving, LiveSession, Running
from scp_server.engine.readers import Reader, Subscription
from scp_server.engine.seats import Seats
from scp_server.engine.views import StreamView
from scp_server.engine.window import ShareLimits, Window
from scp_server.ports.audit import AuditEntry
from scp_wire.encode import Encoded, Envelope, encode, encode_body
from scp_wire.events import EventData, EventType, NoticeData, TokenRefreshData
from scp_wire.stream_types import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineValues:
    """Settings of the engine. Seconds, events and bytes."""

    share: ShareLimits = field(default_factory=ShareLimits)
    seat_seconds: float = 120.0
    inactive_seconds: float = 3600.0
    session_seconds: float = 30 * 86400.0


class Supervisor:
    """The engine's public face. Implements `SessionNotices` for consent."""

    def __init__(self, machinery: Machinery, values: EngineValues) -> None:
        self._machinery = machinery
        self._values = values
        self._cursors = Cursors(machinery.seals)
        self._live: dict[int, LiveSession] = {}
        self._courses: Courses | None = None
        self._draining = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Resume what was active, and run until the context is left; then save and stop all."""
        async with anyio.create_task_group() as tasks:
            self._courses = Courses(self._machinery, self._cursors, tasks, self._forget)
            await self._resume(tasks)
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

    async def _resume(self, tasks: TaskGroup) -> None:
        for stream in await self._machinery.streams.in_state(StreamState.ACTIVE):
            session = await self._machinery.sessions.get(stream.session_pk)
            if session is None or session.state is SessionState.ENDED:
                await self._machinery.streams.end(
                    stream.stream_id,
                    StreamState.STOPPED,
                    "session_ended",
                    None,
                    now=self._machinery.clock.now(),
                )
                continue
            row = await self._machinery.streams.latest(stream.stream_id)
            await self._launch(session, stream, row or _beginning())

    async def drain(self) -> None:
        """Refuse new work, tell everyone where to go on, save every proven place."""
        self._draining = True
        for live in list(self._live.values()):
            self._tell_draining(live)
            for running in list(live.running.values()):
                await self._leave(running.stream, Leaving.SHUT_DOWN)
            for reader in live.window.readers:
                reader.close(EventType.SERVER_DRAINING)

    def _tell_draining(self, live: LiveSession) -> None:
        for reader in live.window.readers:
            data = NoticeData(
                message="The server is going down. Connect again in a few seconds.",
                resume_event_id=str(EventRef(live.window.epoch, reader.taken)),
            )
            reader.notify(self._notice(live, EventType.SERVER_DRAINING, data))

    # -- streams -------------------------------------------------------------------------------

    async def start(
        self, session: Session, config: StreamConfig, *, cursor: str | None
    ) -> StreamView:
        """Start a stream, from the beginning or from where a cursor points.

        Raises: StreamAlreadyActive, CursorInvalid, InsufficientScope, TokenExpired,
        SessionPending, StreamConfigError, ShuttingDown, StorageUnavailable.
        """
        self._check(session, config)
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
        await machinery.streams.create(stream)
        await machinery.audit.record(_audited(stream, "stream.started", now))
        running = await self._launch(session, stream, replace(row, items=0))
        return await self._view(stream, running)

    def _check(self, session: Session, config: StreamConfig) -> None:
        if self._draining:
            raise ShuttingDown("The server is going down. Try again in a few seconds.")
        if session.state is SessionState.PENDING:
            raise SessionPending(
                "The user has not consented yet. Open the authorization URL first."
            )
        if session.state is not SessionState.ACTIVE:
            raise TokenExpired("The user's consent is gone. Renew it at the authorization URL.")
        self._machinery.links.check(config)
        missing = self._machinery.links.scopes(config.stream_type, session) - session.scopes
        if missing:
            raise InsufficientScope(
                "The user did not grant what this stream type needs. Renew the consent and leave "
                "these scopes ticked.",
                missing_scopes=sorted(missing),
            )

    async def _row_of(self, cursor: str, session: Session, config: StreamConfig) -> LedgerRow:
        stream_id, ref = self._cursors.open(cursor, session.pk, config)
        row = await self._machinery.streams.place_at(stream_id, ref.epoch, ref.n)
        if row is None:
            raise refused()
        return row

    async def stop(self, stream_id: str) -> StreamView:
        """Stop a stream and drop what is not delivered. Stopping a stream twice changes nothing.

        Raises: StreamNotFound, StorageUnavailable.
        """
        stream = await self._stored(stream_id)
        await self._leave(stream, Leaving.STOPPED)
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
        """All streams that run."""
        return [
            await self._view(running.stream, running)
            for live in self._live.values()
            for running in live.running.values()
        ]

    def _running_of(self, stream: Stream) -> Running | None:
        live = self._live.get(stream.session_pk)
        return live.running.get(stream.stream_id) if live else None

    async def _view(self, stream: Stream, running: Running | None) -> StreamView:
        maker = self._cursors.maker(stream.session_pk, stream.stream_id, stream.config)
        if running is None:
            row = await self._machinery.streams.latest(stream.stream_id)
            return StreamView(
                stream=stream,
                items_read=stream.items_streamed,
                cursor=maker(EventRef(row.epoch, row.n)) if row else None,
            )
        return running.view(
            wanted=self._live[stream.session_pk].window.wanted(running.share),
            now=self._machinery.clock.now(),
            cursor=maker(running.saver.saved),
        )

    async def _launch(self, session: Session, stream: Stream, row: LedgerRow) -> Running:
        if self._courses is None:
            raise ShuttingDown("The server is not running yet. Try again in a few seconds.")
        live = self._live_session(session.pk, session.provider)
        return await self._courses.launch(live, session, stream, row)

    def _live_session(self, session_pk: int, provider: Provider) -> LiveSession:
        live = self._live.get(session_pk)
        if live is None:
            live = LiveSession(
                session_pk=session_pk,
                window=Window(provider, self._new_epoch(), self._values.share),
                seats=Seats(self._values.seat_seconds),
                provider=provider,
            )
            self._live[session_pk] = live
        return live

    def _new_epoch(self) -> str:
        return hashlib.sha256(self._machinery.chance.token(128).encode()).hexdigest()[:12]

    def _forget(self, live: LiveSession) -> None:
        live.seats.clear_cold(now=self._machinery.clock.monotonic())
        if live.deserted and live.seats.empty and self._live.get(live.session_pk) is live:
            del self._live[live.session_pk]

    # -- consumers -----------------------------------------------------------------------------

    def seat_waits(self, session_pk: int, agent_id: str | None) -> bool:
        """Whether this agent's next connection takes a seat again instead of a new one."""
        live = self._live.get(session_pk)
        now = self._machinery.clock.monotonic()
        return live is not None and live.seats.occupied(agent_id, now=now)

    async def attach(self, session: Session, arrival: Arrival) -> Reader:
        """Let a consumer in: after its seat's place, the place it names, or what is unproven.

        Raises: InvalidRequest (a place that was never given out), CursorInvalid, ShuttingDown.
        """
        if self._draining:
            raise ShuttingDown("The server is going down. Connect again in a few seconds.")
        live = self._live_session(session.pk, session.provider)
        async with live.lock:
            seat = live.seats.take(arrival.agent_id, now=self._machinery.clock.monotonic())
            known = seated(arrival, seat)
            wanted = known.wanted or Subscription()
            start = await find_start(live, self._machinery.streams, self._cursors, wanted, known)
            if start.rows is not None:
                await self._rewind(live, session, start.rows)
            reader = live.window.attach(wanted, start.after)
            self._announce_gaps(live, reader, start)
        return reader

    def _announce_gaps(self, live: LiveSession, reader: Reader, start: Start) -> None:
        for gap in start.gaps:
            reader.notify(self._notice(live, EventType.STREAM_GAP, gap))

    async def resubscribe(self, session: Session, reader: Reader, wanted: Subscription) -> None:
        """Replace a consumer's subscription, also backwards to what nobody has had yet."""
        live = self._live_session(session.pk, session.provider)
        async with live.lock:
            behind = live.window.behind(reader, wanted)
            reader.subscribe(wanted)
            if behind:
                await self._rewind(live, session, {})

    def leave(self, session_pk: int, reader: Reader, agent_id: str | None, *, seat: bool) -> None:
        """A consumer is gone; one that did not say goodbye leaves a seat."""
        reader.detach()
        live = self._live.get(session_pk)
        if live is None:
            return
        if seat:
            now = self._machinery.clock.monotonic()
            live.seats.leave(agent_id, reader.subscription, reader.proven_ref, now=now)
        self._forget(live)

    def connections(self, session_pk: int | None) -> int:
        """How many consumers are attached: a session's, or all."""
        return sum(
            len(live.window.readers)
            for pk, live in self._live.items()
            if session_pk is None or pk == session_pk
        )

    async def _rewind(
        self, live: LiveSession, session: Session, rows: Mapping[str, LedgerRow]
    ) -> None:
        """Begin a new epoch: every stream of the session goes on from a place it had before."""
        streams = []
        for running in list(live.running.values()):
            await running.leave(Leaving.REWOUND)
            streams.append(running.stream)
        live.window.rewind(self._new_epoch())
        for stream in streams:
            row = rows.get(stream.stream_id)
            latest = await self._machinery.streams.latest(stream.stream_id)
            await self._launch(session, stream, row or latest or _beginning())

    # -- what consent tells --------------------------------------------------------------------

    async def token_refreshed(self, session_pk: int, *, expires_at: float) -> None:
        """Consumers of the session get a `token_refresh`."""
        live = self._live.get(session_pk)
        if live is None:
            return
        left = int(expires_at - self._machinery.clock.now())
        data = TokenRefreshData(new_expires_at=expires_at, expires_in=left)
        for reader in live.window.readers:
            reader.notify(self._notice(live, EventType.TOKEN_REFRESH, data))

    async def consent_lost(self, session_pk: int) -> None:
        """Streams find out by themselves: their next call asks for a token and is refused one."""

    async def consent_renewed(self, session_pk: int) -> None:
        """Streams that wait for the user go on."""
        live = self._live.get(session_pk)
        for running in live.running.values() if live else ():
            running.consented.fire()

    async def session_ended(self, session_pk: int) -> None:
        """Consumers are told and disconnected, streams stopped."""
        live = self._live.get(session_pk)
        if live is None:
            return
        data = NoticeData(message="The session has ended. A new consent makes a new one.")
        for reader in live.window.readers:
            reader.notify(self._notice(live, EventType.SESSION_EXPIRED, data))
            reader.close(EventType.SESSION_EXPIRED)
        for running in list(live.running.values()):
            await self._leave(running.stream, Leaving.STOPPED)

    def _notice(self, live: LiveSession, event_type: EventType, data: EventData) -> Encoded:
        envelope = Envelope(provider=live.provider, timestamp=self._machinery.clock.now())
        return encode(event_type, envelope, encode_body(data))

    # -- housekeeping --------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Once in a while: stop streams nobody reads, note open connections as use of a session."""
        machinery, now = self._machinery, self._machinery.clock.now()
        for live in list(self._live.values()):
            if live.window.readers:
                until = now + self._values.session_seconds
                await machinery.sessions.touch(live.session_pk, now=now, expires_at=until)
            for running in list(live.running.values()):
                if live.window.wanted(running.share):
                    running.progress.last_activity = now
                elif now - running.progress.last_activity > self._values.inactive_seconds:
                    await self._leave(running.stream, Leaving.INACTIVE)
            self._forget(live)
        await machinery.streams.tidy(now=now)


def _beginning() -> LedgerRow:
    return LedgerRow(epoch="", n=0, place=Place(), items=0)


def _audited(stream: Stream, action: str, now: float) -> AuditEntry:
    label = stream.config.agent_id
    return AuditEntry(
        at=now,
        session_pk=stream.session_pk,
        action=action,
        actor=f"agent:{label}" if label else "session",
        stream_id=stream.stream_id,
        stream_type=stream.config.stream_type,
    )
