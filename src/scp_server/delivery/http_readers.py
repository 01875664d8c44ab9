"""HTTP readers: one stream's events as the body of a response, for as long as both ends want.

    open --attended--> Reading --carry--> opening, events, beats ... end

Three tasks while it lasts: one writes, one waits for the client to go away, one watches whether it
still reads. A client that takes nothing is dropped: its own request brings it back.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio
import structlog

from scp_server.delivery.body import Body, Line, Patience, Send
from scp_server.delivery.courier import Consumer, Courier
from scp_server.delivery.forms import Form
from scp_server.delivery.pump import Outlet, pump
from scp_server.domain.errors import ReadersLimitReached, ScpError
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session
from scp_server.engine.audience import Attendance
from scp_server.engine.readers import Reader
from scp_wire import encode
from scp_wire.codes import ErrorCode
from scp_wire.encode import Envelope, encode_body
from scp_wire.events import EventType, StreamErrorData

_LOG: Final = structlog.get_logger("scp.delivery")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

READERS_OF_A_SESSION: Final = 5
"""Open at the same time."""
TRY_AGAIN_SECONDS: Final = 5
"""After which a reader that was one too many may ask again."""
FAREWELL_SECONDS: Final = 2.0
"""How long who reads nothing holds up an end: then it is dropped."""
LOOK_EVERY: Final = 1.0
"""Seconds between looks at whether a client still reads, at most."""


class Audience(Protocol):
    """What is needed of `engine.audience`, which says what is raised."""

    async def attend(
        self,
        session: Session,
        stream_id: str,
        *,
        place: EventRef | None,
        batch: bool,
        agent_pk: int | None = None,
    ) -> Attendance:
        """Let a reader in."""
        ...

    def leave(self, session_pk: int, reader: Reader) -> None:
        """It is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request asks for. `timeout` in seconds; None: no end of its own."""

    stream_id: str
    form: Form
    place: EventRef | None = None
    batch: bool = False
    max_events: int | None = None
    timeout: float | None = None
    agent_pk: int | None = None
    """The agent whose key was presented."""


class HttpReaders:
    """Opens readings, so many a session at once."""

    def __init__(self, audience: Audience, outlet: Outlet, stall_seconds: float) -> None:
        self.audience = audience
        self.outlet = outlet
        self.stall_seconds = stall_seconds
        self._open: Counter[int] = Counter()

    async def open(self, session: Session, shown: Secret, wanted: Wanted) -> "Reading | None":
        """A reading, to be carried or closed; None when the reader has all there is.

        `shown` is the session id that its events show.

        Raises: StreamNotFound, InvalidRequest, ReadersLimitReached, ShuttingDown,
        StorageUnavailable.
        """
        if self._open[session.pk] >= READERS_OF_A_SESSION:
            raise ReadersLimitReached(
                retry_after=TRY_AGAIN_SECONDS,
                limit=READERS_OF_A_SESSION,
                reset_time=self.outlet.clock.now() + TRY_AGAIN_SECONDS,
            )
        self._open[session.pk] += 1
        reading: Reading | None = None
        try:
            attendance = await self.audience.attend(
                session,
                wanted.stream_id,
                place=wanted.place,
                batch=wanted.batch,
                agent_pk=wanted.agent_pk,
            )
            if not attendance.empty:
                reading = Reading(self, session, shown, wanted, attendance)
        finally:
            if reading is None:
                self.closed(session.pk)
        if reading is not None:
            await self._record(reading, wanted.stream_id)
        return reading

    async def _record(self, reading: "Reading", stream_id: str) -> None:
        try:
            row = reading.consumer.connected(self.outlet.clock.now(), stream_id)
            await self.outlet.audit.record(row)
        except BaseException:
            reading.close()
            raise

    def closed(self, session_pk: int) -> None:
        """One reading less."""
        self._open[session_pk] -= 1
        if not self._open[session_pk]:
            del self._open[session_pk]


class Reading:
    """One response. `carry` or `close` it."""

    def __init__(
        self,
        readers: HttpReaders,
        session: Session,
        shown: Secret,
        wanted: Wanted,
        attendance: Attendance,
    ) -> None:
        self._readers = readers
        self._session = session
        self._shown = shown
        self._wanted = wanted
        self._attendance = attendance
        self._closed = False
        self._ending = attendance.reader is None

    @property
    def began(self) -> EventRef | None:
        """The event after which it begins."""
        return self._attendance.began

    def close(self) -> None:
        """It is over, or was never carried."""
        if self._closed:
            return
        self._closed = True
        if self._attendance.reader is not None:
            self._readers.audience.leave(self._session.pk, self._attendance.reader)
        self._readers.closed(self._session.pk)

    async def carry(self, start: Message, receive: Receive, send: Send, line: Line | None) -> None:
        """Write the response that `start` begins, until one of its ends comes."""
        clock = self._readers.outlet.clock
        body = Body(self._wanted.form, send, self._shown, clock, self._wanted.max_events)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
                tasks.start_soon(self._watch, body, line, tasks.cancel_scope)
                await self._write(start, body)
                tasks.cancel_scope.cancel()
        finally:
            self.close()

    async def _write(self, start: Message, body: Body) -> None:
        try:
            await body.open(start, self.began)
            await self._deliver(body)
            self._ending = True
            await body.end()
        except OSError:
            # The client is gone (ASGI 2.4).
            return

    async def _deliver(self, body: Body) -> None:
        try:
            with anyio.move_on_after(self._wanted.timeout):
                await self._events(body)
        except ScpError as error:
            await self._complain(body, error)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  (the boundary: the response has begun, and ends in our words)
            _LOG.exception("reading_crashed")
            await self._complain(body, ScpError("The server failed. Ask again."))

    async def _events(self, body: Body) -> None:
        attended, shown = self._attendance, self._shown.reveal()
        if attended.reader is not None:
            courier = Courier(attended.reader, self.consumer, None)
            reason = await pump(courier, body, self._readers.outlet)
            if reason is not None:
                _LOG.info("reading_closed", reason=reason)
            return
        if attended.gap is not None:
            await body.say(encode.event(attended.gap, shown), None)
        if attended.last_word is not None:
            await body.say(encode.event(attended.last_word, shown), attended.ended)

    @property
    def consumer(self) -> Consumer:
        """Who reads."""
        return Consumer(
            connection="http",
            session_pk=self._session.pk,
            session_id=self._shown,
            agent_id=self._session.agent_id,
            provider=self._session.provider,
        )

    async def _complain(self, body: Body, error: ScpError) -> None:
        """Say why it ends; the stream itself goes on."""
        data = StreamErrorData(
            code=error.code, message=error.message, fatal=False, details=dict(error.details)
        )
        envelope = Envelope(
            provider=self._session.provider,
            timestamp=self._readers.outlet.clock.now(),
            stream_id=self._wanted.stream_id,
        )
        event = encode.encode(EventType.STREAM_ERROR, envelope, encode_body(data))
        await body.say(encode.event(event, self._shown.reveal()), None)

    async def _watch(self, body: Body, line: Line | None, scope: anyio.CancelScope) -> None:
        """Drop a client that does not read: after a while, or soon when all is to end."""
        clock, patience = self._readers.outlet.clock, Patience(body, line)
        stall, reader = self._readers.stall_seconds, self._attendance.reader
        while True:
            await anyio.sleep(min(LOOK_EVERY, stall / 4))
            ending = self._ending or (reader is not None and reader.closed is not None)
            allowed = min(stall, FAREWELL_SECONDS) if ending else stall
            if patience.waiting(clock.monotonic()) >= allowed:
                break
        self._readers.outlet.meter.failed(ErrorCode.SLOW_CONSUMER)
        _LOG.info("reading_stalled", seconds=allowed)
        if line is None:
            scope.cancel()
        else:
            line.abort()


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
