"""Courses: the tasks that carry streams from their launch to their recorded end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import anyio
import structlog
from anyio.abc import TaskGroup

from scp_server.domain.errors import ShuttingDown, StorageUnavailable
from scp_server.domain.secrets import short_stream
from scp_server.domain.sessions import Session
from scp_server.domain.streams import LedgerRow, Place, Reason, Stream, StreamState
from scp_server.engine.cursors import Cursors
from scp_server.engine.endings import Ending, failed
from scp_server.engine.live import (
    SAVE_AGAIN_AFTER,
    Leaving,
    LiveSession,
    LiveSessions,
    Running,
    Saver,
)
from scp_server.engine.mending import mending
from scp_server.engine.runner import Progress, Runner, StreamFailed, Surroundings
from scp_server.engine.shares import Draft
from scp_server.engine.signal import Signal
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.links import Links
from scp_server.ports.renewals import Renewals
from scp_server.ports.seals import Seals
from scp_server.ports.sessions import SessionStore
from scp_server.ports.streams import StreamStore
from scp_wire.encode import encode_body
from scp_wire.events import EventType, StreamData

_LOG: Final = structlog.get_logger("scp.engine")

LINGER_SECONDS: Final = 3600.0
"""How long the last words of an ended stream wait for its consumers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """The ports the engine works with."""

    streams: StreamStore
    sessions: SessionStore
    links: Links
    renewals: Renewals
    audit: AuditTrail
    seals: Seals
    clock: Clock
    chance: Chance


class Courses:
    """Launches streams into a task group and sees each of them to its end."""

    def __init__(self, machinery: Machinery, cursors: Cursors, sessions: LiveSessions) -> None:
        self._machinery = machinery
        self._cursors = cursors
        self._sessions = sessions
        self.tasks: TaskGroup | None = None
        """Where streams run; none before the server runs."""

    async def launch(
        self, live: LiveSession, session: Session, stream: Stream, row: LedgerRow, *, fresh: bool
    ) -> Running:
        """Run a stream on from a place of its ledger. The caller holds the session's lock.

        The place is written down under the new epoch first, so that a consumer that names any
        event of this epoch can be wound back at least to its beginning.

        Raises: ShuttingDown, StorageUnavailable.
        """
        if self.tasks is None:
            raise ShuttingDown("The server is not running. Try again in a few seconds.")
        base = replace(row, epoch=live.window.epoch, n=live.window.head)
        machinery = self._machinery
        await machinery.streams.save(stream.stream_id, base, now=machinery.clock.now())
        running = self._assemble(live, session, stream, base, before=not fresh)
        running.beginning, running.fresh = row, fresh
        running.share.items_written = max(base.items, stream.items_streamed)
        self._start(self.tasks, live, running)
        return running

    async def wind_back(
        self,
        live: LiveSession,
        session: Session,
        rows: Mapping[str, LedgerRow],
        tell: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> None:
        """Begin a new epoch: every stream of the session goes on from a place it had before.

        Streams not in `rows` go on from what was proven last; none goes further than where the
        furthest back of its consumers stands. The caller holds the session's lock. `tell` is called
        when the old epoch has come to its end, with the ids of the streams that will go on: until
        then consumers are written its events.

        Raises: StorageUnavailable; then everything is as it was.
        """
        if self.tasks is None:
            raise ShuttingDown("The server is not running. Try again in a few seconds.")
        with anyio.CancelScope(shield=True):
            epoch = self._sessions.new_epoch()
            runs = list(live.running.values())
            places = await self._note_places(live, runs, rows, epoch)
            for run in runs:
                await run.leave(Leaving.REWOUND)
            tell(frozenset(run.stream.stream_id for run in runs if not run.over))
            live.window.rewind(epoch)
            for before in runs:
                if not before.over:
                    row = places[before.stream.stream_id]
                    self._start(self.tasks, live, self._gone_back(live, session, before, row))

    async def _note_places(
        self,
        live: LiveSession,
        runs: Sequence[Running],
        rows: Mapping[str, LedgerRow],
        epoch: str,
    ) -> dict[str, LedgerRow]:
        """Write down where each stream goes on, before anything is changed."""
        machinery = self._machinery
        places: dict[str, LedgerRow] = {}
        try:
            for run in runs:
                # What is proven from here on belongs to the epoch that ends: were it written after
                # the place that is gone back to, a crash would skip what lies between.
                await run.saver.hold()
                row = await self._good_for_all(live, run, rows.get(run.stream.stream_id))
                places[run.stream.stream_id] = row
                base = replace(row, epoch=epoch, n=0)
                await machinery.streams.save(run.stream.stream_id, base, now=machinery.clock.now())
        except StorageUnavailable:
            for run in runs:
                run.saver.go_on()
            raise
        return places

    async def _good_for_all(
        self, live: LiveSession, run: Running, asked: LedgerRow | None
    ) -> LedgerRow:
        """A place that is as far back as one asks, and skips nothing for those who are here."""
        own, window = run.saver.newest, live.window
        reached = window.least_reached(run.share)
        if reached is None:
            return asked or own
        if reached < own.n:
            stream_id = run.stream.stream_id
            own = await self._machinery.streams.place_at(stream_id, window.epoch, reached) or own
        if asked is None:
            return own
        if asked.epoch == window.epoch:
            return asked if asked.n < own.n else own
        # Places of different epochs are compared at the one where this run branched off: whoever
        # is here came by there or later.
        began = run.beginning
        if asked.epoch == began.epoch:
            return asked if asked.n < began.n else began
        # They are told apart by what came before them, not by when they were written down: a run
        # that had gone back writes earlier places later. Of two after the same items the one that
        # is asked for goes, as its gap may have been told already.
        return asked if asked.items <= began.items else began

    def _gone_back(
        self, live: LiveSession, session: Session, before: Running, row: LedgerRow
    ) -> Running:
        base = replace(row, epoch=live.window.epoch, n=0)
        running = self._assemble(live, session, before.stream, base, before=before.runner.items > 0)
        running.beginning = row
        running.share.items_written = max(row.items, before.share.items_written)
        running.read_before = before.items_read
        return running

    def _start(self, tasks: TaskGroup, live: LiveSession, running: Running) -> None:
        live.running[running.stream.stream_id] = running
        tasks.start_soon(self._course, live, running)

    def _assemble(
        self,
        live: LiveSession,
        session: Session,
        stream: Stream,
        base: LedgerRow,
        *,
        before: bool,
    ) -> Running:
        # It told of items that nobody has proven to have, and will take a new position to follow
        # from: what vanished in between would never be called deleted.
        again = before and base.place == Place()
        machinery = self._machinery
        saver = Saver(machinery.streams, machinery.clock, stream.stream_id, base)
        around = self._around(live, session, stream, saver)
        around.share.on_noted = saver.note
        progress = Progress(last_activity=machinery.clock.now())
        runner = Runner(
            stream=stream,
            around=around,
            progress=progress,
            place=Place(recovering=True) if again else base.place,
            items=base.items,
            again=again,
        )
        return Running(
            stream=stream,
            runner=runner,
            progress=progress,
            share=around.share,
            saver=saver,
            beginning=base,
            fresh=False,
            consented=around.consented,
        )

    def _around(
        self, live: LiveSession, session: Session, stream: Stream, saver: Saver
    ) -> Surroundings:
        machinery, config = self._machinery, stream.config
        return Surroundings(
            window=live.window,
            share=live.window.open(stream, saver.offer, saver.newest.items),
            connector=machinery.links.connector(config),
            link=machinery.links.link(session),
            clock=machinery.clock,
            chance=machinery.chance,
            cursor=self._cursors.maker(session.pk, stream.stream_id, config),
            mending=partial(mending, renewals=machinery.renewals, session=session),
            consented=Signal(),
        )

    async def _course(self, live: LiveSession, running: Running) -> None:
        ending: Ending | None = None
        try:
            with running.scope:
                ending = await self._run(running)
            ending = ending or self._left(running)
        finally:
            # Also when all is torn down at once: whoever waits for this run is let go.
            with anyio.CancelScope(shield=True):
                await self._conclude(live, running, ending)
        if ending is not None:
            with anyio.move_on_after(LINGER_SECONDS):
                await self._last_words_heard(live, running, ending)
            live.window.close(running.share)
            self._sessions.forget(live)

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
            return failed(failure.error)
        except Exception as fault:  # noqa: BLE001  (the boundary: one stream's fault stays its own)
            _LOG.exception("stream_crashed", stream=short_stream(running.stream.stream_id))
            return failed(fault)
        capped = running.runner.place.capped
        reason = Reason.PROVIDER_RESULT_CAP if capped else Reason.COMPLETED
        return Ending(state=StreamState.COMPLETED, reason=reason)

    def _left(self, running: Running) -> Ending | None:
        match running.leaving:
            case Leaving.STOPPED:
                return self._stopped(running, Reason.REQUESTED)
            case Leaving.INACTIVE:
                return self._stopped(running, Reason.INACTIVE)
            case Leaving.UNGRANTED if running.fault is not None:
                return failed(running.fault)
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
            if ending is not None:
                running.over = True
                if ending.state is StreamState.STOPPED:
                    live.window.drop(running.share)
                self._say_last_words(live, running, ending)
            await self._record_patiently(running, ending)
        except StorageUnavailable:
            # The stream stays active in the database and is resumed at the next start.
            _LOG.error("stream_end_not_recorded", stream=short_stream(running.stream.stream_id))
        finally:
            live.running.pop(running.stream.stream_id, None)
            running.ended.set()

    async def _record_patiently(self, running: Running, ending: Ending | None) -> None:
        """Try until it is recorded; twice only when somebody waits for it."""
        attempt = 1
        while True:
            try:
                await running.saver.flush()
                if running.leaving is not Leaving.REWOUND:
                    await self._record_count(running)
                if ending is not None:
                    await self._record(running, ending)
            except StorageUnavailable:
                if running.leaving is not None and attempt > 1:
                    raise
                attempt += 1
                await anyio.sleep(SAVE_AGAIN_AFTER)
            else:
                return

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

    async def _record_count(self, running: Running) -> None:
        # From here on the database alone knows how many were streamed.
        written = running.share.items_written
        if written > running.saver.newest.items:
            await self._machinery.streams.count(running.stream.stream_id, written)

    async def _record(self, running: Running, ending: Ending) -> None:
        machinery, stream = self._machinery, running.stream
        now = machinery.clock.now()
        if ending.event_type is not None:
            # Who names the last event has all there is, and is known by it after a restart, too.
            last = replace(running.saver.newest, n=running.share.last_n)
            await machinery.streams.save(stream.stream_id, last, now=now)
        elif running.share.last_item_n:
            # Who names the last item misses nothing but the last word.
            whole = replace(running.saver.newest, n=running.share.last_item_n)
            await machinery.streams.note(stream.stream_id, whole, now=now)
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

    async def _last_words_heard(self, live: LiveSession, running: Running, ending: Ending) -> None:
        while self._somebody_listens(live, running, ending):
            await running.share.changed.wait()
            if live.window.shares.get(running.stream.stream_id) is not running.share:
                # The session was wound back, and the new epoch began without them.
                before = running.share.items_written
                running.share = live.window.open(running.stream, running.saver.offer, before)
                self._say_last_words(live, running, ending)

    def _somebody_listens(self, live: LiveSession, running: Running, ending: Ending) -> bool:
        """Whether anyone is owed, or may still come for, what is left of a stream."""
        if not live.seats.empty or live.window.owes(running.share):
            return True
        # A failure waits for its first consumer: nobody asked for it.
        return ending.state is StreamState.FAILED and not running.share.all_proven
