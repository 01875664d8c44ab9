"""Courses: the tasks that carry streams from their launch to their recorded end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
import structlog
from anyio.abc import TaskGroup

from scp_server.domain.errors import ScpError, StorageUnavailable
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import short_stream
from scp_server.domain.sessions import Session
from scp_server.domain.streams import LedgerRow, Reason, Stream, StreamState
from scp_server.engine.cursors import Cursors
from scp_server.engine.live import SAVE_AGAIN_AFTER, Leaving, LiveSession, Running, Saver
from scp_server.engine.runner import Progress, Runner, StreamFailed, Surroundings
from scp_server.engine.signal import Signal
from scp_server.engine.window import Draft
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.links import Links
from scp_server.ports.seals import Seals
from scp_server.ports.sessions import SessionStore
from scp_server.ports.streams import StreamStore
from scp_wire.codes import ErrorCode, ErrorObject
from scp_wire.encode import encode_body
from scp_wire.events import EventData, EventType, StreamData, StreamErrorData

_LOG: Final = structlog.get_logger("scp.engine")

LINGER_SECONDS: Final = 3600.0
"""How long the last words of an ended stream wait for its consumers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """The ports the engine works with."""

    streams: StreamStore
    sessions: SessionStore
    links: Links
    audit: AuditTrail
    seals: Seals
    clock: Clock
    chance: Chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a stream ended, and what its consumers are told last."""

    state: StreamState
    reason: str
    error: ErrorObject | None = None
    event_type: EventType | None = None
    data: EventData | None = None


class Courses:
    """Launches streams into a task group and sees each of them to its end."""

    def __init__(
        self,
        machinery: Machinery,
        cursors: Cursors,
        tasks: TaskGroup,
        forget: Callable[[LiveSession], None],
    ) -> None:
        self._machinery = machinery
        self._cursors = cursors
        self._tasks = tasks
        self._forget = forget

    async def launch(
        self, live: LiveSession, session: Session, stream: Stream, row: LedgerRow
    ) -> Running:
        """Run a stream on from a place of its ledger.

        The place is written down under the new epoch first, so that a consumer that names any
        event of this epoch can be wound back at least to its beginning.

        Raises: StorageUnavailable.
        """
        base = LedgerRow(
            epoch=live.window.epoch, n=live.window.head, place=row.place, items=row.items
        )
        machinery = self._machinery
        await machinery.streams.save(stream.stream_id, base, now=machinery.clock.now())
        saver = Saver(machinery.streams, machinery.clock, stream.stream_id, base)
        running = self._assemble(live, session, stream, saver, row)
        live.running[stream.stream_id] = running
        self._tasks.start_soon(self._course, live, running)
        return running

    def _assemble(
        self, live: LiveSession, session: Session, stream: Stream, saver: Saver, row: LedgerRow
    ) -> Running:
        machinery, config = self._machinery, stream.config
        share = live.window.open(stream, saver.offer, row.items)
        consented = Signal()
        around = Surroundings(
            window=live.window,
            share=share,
            connector=machinery.links.connector(config),
            link=machinery.links.link(session),
            clock=machinery.clock,
            chance=machinery.chance,
            cursor=self._cursors.maker(session.pk, stream.stream_id, config),
            consented=consented,
        )
        progress = Progress(last_activity=machinery.clock.now())
        runner = Runner(
            stream=stream, around=around, progress=progress, place=row.place, items=row.items
        )
        return Running(
            stream=stream,
            runner=runner,
            progress=progress,
            share=share,
            saver=saver,
            base=EventRef(row.epoch, row.n),
            consented=consented,
        )

    async def _course(self, live: LiveSession, running: Running) -> None:
        ending: Ending | None = None
        with running.scope:
            ending = await self._run(running)
        if ending is None:
            ending = self._left(running)
        with anyio.CancelScope(shield=True):
            await self._conclude(live, running, ending)
        if ending is not None:
            with anyio.move_on_after(LINGER_SECONDS):
                await self._last_words_heard(live, running)
            live.window.close(running.share)
            self._forget(live)

    async def _run(self, running: Running) -> Ending:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.saver.run)
            ending = await self._guarded(running)
            tasks.cancel_scope.cancel()
        return ending

    async def _guarded(self, running: Running) -> Ending:
        try:
            await running.runner.run()
        except StreamFailed as failure:
            return _failed(failure.error)
        except Exception as fault:  # noqa: BLE001  (the boundary: one stream's fault stays its own)
            _LOG.exception("stream_crashed", stream=short_stream(running.stream.stream_id))
            return _failed(fault)
        return Ending(state=StreamState.COMPLETED, reason="completed")

    def _left(self, running: Running) -> Ending | None:
        match running.leaving:
            case Leaving.STOPPED:
                return self._stopped(running, Reason.REQUESTED)
            case Leaving.INACTIVE:
                return self._stopped(running, Reason.INACTIVE)
            case _:
                return None

    def _stopped(self, running: Running, reason: Reason) -> Ending:
        data = StreamData(
            stream_type=running.stream.config.stream_type,
            status=StreamState.STOPPED,
            items=running.share.items_written,
            reason=reason,
        )
        return Ending(
            state=StreamState.STOPPED,
            reason=reason,
            event_type=EventType.STREAM_STOPPED,
            data=data,
        )

    async def _conclude(self, live: LiveSession, running: Running, ending: Ending | None) -> None:
        """Record the end, then let go of whoever waits for it."""
        try:
            await self._patiently_save(running)
            if ending is not None:
                if ending.state is StreamState.STOPPED:
                    live.window.drop(running.share)
                self._say_last_words(live, running, ending)
                await self._record(running, ending)
        except StorageUnavailable:
            # The stream stays active in the database and is resumed at the next start.
            _LOG.error("stream_end_not_recorded", stream=short_stream(running.stream.stream_id))
        finally:
            live.running.pop(running.stream.stream_id, None)
            running.ended.set()

    async def _patiently_save(self, running: Running) -> None:
        try:
            await running.saver.flush()
        except StorageUnavailable:
            await anyio.sleep(SAVE_AGAIN_AFTER)
            await running.saver.flush()

    def _say_last_words(self, live: LiveSession, running: Running, ending: Ending) -> None:
        if ending.event_type is None or ending.data is None:
            return
        config, stream_id = running.stream.config, running.stream.stream_id
        cursor = self._cursors.maker(running.stream.session_pk, stream_id, config)
        saved = running.saver.saved
        draft = Draft(
            event_type=ending.event_type,
            body=encode_body(ending.data),
            timestamp=self._machinery.clock.now(),
            agent_id=config.agent_id,
            cursor=lambda _: cursor(saved),
        )
        live.window.append(running.share, draft)

    async def _record(self, running: Running, ending: Ending) -> None:
        machinery, stream = self._machinery, running.stream
        now = machinery.clock.now()
        await machinery.streams.end(
            stream.stream_id, ending.state, ending.reason, ending.error, now=now
        )
        entry = AuditEntry(
            at=now,
            session_pk=stream.session_pk,
            action=f"stream.{ending.state}",
            actor="server",
            result=str(ending.error.code) if ending.error else "ok",
            stream_id=stream.stream_id,
            stream_type=stream.config.stream_type,
            items=running.share.items_written,
        )
        await machinery.audit.record(entry)

    async def _last_words_heard(self, live: LiveSession, running: Running) -> None:
        share = running.share
        while live.window.shares.get(share.stream_id) is share and not share.all_proven:
            if not live.window.wanted(share):
                return
            await share.changed.wait()


def _failed(fault: Exception) -> Ending:
    """Our own errors speak for themselves; a foreign one's words may hold content."""
    code = fault.code if isinstance(fault, ScpError) else ErrorCode.INTERNAL_ERROR
    message = (
        fault.message
        if isinstance(fault, ScpError)
        else "The stream stopped on a fault of the server. Start it again from its cursor."
    )
    return Ending(
        state=StreamState.FAILED,
        reason=str(code),
        error=ErrorObject(code=code, message=message),
        event_type=EventType.STREAM_ERROR,
        data=StreamErrorData(code=code, message=message, fatal=True),
    )
