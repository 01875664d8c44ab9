"""Dispatch: carries the events of all Socket.IO consumers, in one task.

    woken readers --courier.next--> flushes --one group of audit rows--> written, merged per socket

A task, queue or timer for each connection would cost more than the events do. So whoever may have
something to take is noted, and once a turn of the loop all of them are served together: what they
share is spelled once, and their audit rows are one commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import anyio
import structlog

from scp_server.delivery.courier import Courier, End, Flush, Wait
from scp_server.delivery.proof import Proof
from scp_server.delivery.pump import Outlet
from scp_server.delivery.stream_events import STREAM_EVENT, message_of, notice_of
from scp_server.domain.errors import ScpError, SlowConsumer
from scp_server.domain.event_ref import EventRef
from scp_server.engine.readers import Proves, Reader
from scp_server.engine.signal import Signal
from scp_server.ports.audit import AuditEntry
from scp_socketio import Message
from scp_wire import encode

_LOG: Final = structlog.get_logger("scp.delivery")

LOOK_EVERY: Final = 0.25
"""Seconds between looks at who is paced, full, owes proof, or stalls."""
LOOKS: Final = 25
"""Parts in which they are looked at: pings to all of them at once would hold events up."""
AT_ONCE: Final = 64
"""Consumers served before others of the loop get their turn."""
BREATH: Final = 7
"""Turns of the loop that those have where there is always more to serve: so more is served at once,
which costs little more than one event does."""

# Looking members of an Enum up costs more than what is done with them.
_PONG: Final = Proves.PONG
_ACK: Final = Proves.ACK


class Line(Protocol):
    """A connection to one consumer: `scp_socketio.Client` is one."""

    on_writable: Callable[[], None] | None

    @property
    def open(self) -> bool: ...
    @property
    def backlog(self) -> int: ...
    @property
    def pings_sent(self) -> int: ...
    def write(self, message: Message) -> None: ...
    def emit(self, event: str, *args: object) -> None: ...
    def ping(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(slots=True, eq=False)
class Recipient:
    """One Socket.IO consumer and what is on its way to it."""

    client: Line
    courier: Courier
    proof: Proof = field(default_factory=Proof)
    stirred: bool = False
    """Whether it is noted as one who may have something to take."""
    until: float | None = None
    """When its pace lets it go on. Monotonic seconds."""
    full: bool = False
    """Whether it was given nothing because too much waits for it."""
    gone: bool = False


@dataclass(slots=True, eq=False)
class _Given:
    """What was given in one turn, at `now` (monotonic seconds)."""

    now: float
    events: int = 0
    items: int = 0


class Ends(Protocol):
    """What becomes of consumers that cannot go on. They are served no more when it is called."""

    def over(self, recipient: Recipient, reason: str) -> None:
        """Its reader was closed, and all it was still to be told has been written."""
        ...

    def failed(self, recipient: Recipient, error: ScpError) -> None:
        """It cannot be served any more."""
        ...


class Dispatch:
    """Serves recipients while `run` runs. What goes wrong with one of them is that one's end."""

    def __init__(
        self, outlet: Outlet, ends: Ends, *, stall_seconds: float, high_water: int
    ) -> None:
        self._outlet = outlet
        self._ends = ends
        self._stall_seconds = stall_seconds
        self._high_water = high_water
        self._stirred: list[Recipient] = []
        self._unsettled: dict[int, Reader] = {}
        self._watched: dict[Recipient, None] = {}
        self._work = Signal()
        self._watching = Signal()

    def admit(self, recipient: Recipient) -> None:
        """Serve a recipient from now on."""
        stir = partial(self.stir, recipient)
        recipient.courier.reader.on_wake = stir
        recipient.client.on_writable = stir
        stir()

    def dismiss(self, recipient: Recipient) -> None:
        """Serve it no more."""
        recipient.gone = True
        recipient.courier.reader.on_wake = None
        recipient.client.on_writable = None
        self._watched.pop(recipient, None)

    def stir(self, recipient: Recipient) -> None:
        """It may have something to take."""
        if recipient.stirred or recipient.gone:
            return
        recipient.stirred = True
        self._stirred.append(recipient)
        if len(self._stirred) == 1:
            self._work.fire()

    def ponged(self, recipient: Recipient, number: int) -> None:
        """Its pong came in."""
        if recipient.courier.reader.subscription.proves is _PONG:
            self._prove(recipient, recipient.proof.ponged(number, self._now()))

    def acknowledged(self, recipient: Recipient, ref: EventRef) -> None:
        """It says that everything up to there has arrived.

        Raises: InvalidRequest for an event it was never sent.
        """
        self._prove(recipient, recipient.proof.acknowledged(ref, self._now()))
        self.stir(recipient)

    def _prove(self, recipient: Recipient, ref: EventRef | None) -> None:
        reader = recipient.courier.reader
        if ref is not None and reader.note_proven(ref):
            # Of many readers of one window that prove the same place, the last one settles it.
            self._unsettled[id(reader.window)] = reader
            if not self._stirred:
                self._work.fire()

    async def run(self) -> None:
        """Deliver, for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            while True:
                while not (self._stirred or self._unsettled):
                    await self._work.wait()
                await self._turn()
                await self._breathe()

    async def _breathe(self) -> None:
        """Let others have their turn; when there is work already, let it become more."""
        await anyio.lowlevel.checkpoint()
        if 0 < len(self._stirred) < AT_ONCE:
            for _ in range(BREATH):
                await anyio.lowlevel.checkpoint()

    async def _turn(self) -> None:
        self._settle()
        served, self._stirred = self._stirred[:AT_ONCE], self._stirred[AT_ONCE:]
        now = self._now()
        flushes: list[tuple[Recipient, Flush]] = []
        for recipient in served:
            recipient.stirred = False
            try:
                flush = self._next(recipient, now)
            except Exception as fault:  # noqa: BLE001  (the boundary: its neighbours are served)
                self._crashed(recipient, fault)
                continue
            if flush is not None:
                flushes.append((recipient, flush))
        if flushes:
            await self._carry(flushes)

    def _settle(self) -> None:
        unsettled, self._unsettled = self._unsettled, {}
        for reader in unsettled.values():
            try:
                reader.settle()
            except Exception:  # noqa: BLE001  (the boundary: it is one session's)
                _LOG.exception("settling_crashed")

    # -- sending -------------------------------------------------------------------------------

    def _next(self, recipient: Recipient, now: float) -> Flush | None:
        client = recipient.client
        if recipient.gone or not client.open:
            return None
        recipient.full = client.backlog > self._high_water
        if recipient.full:
            # It is stirred when its backlog has fallen; or else the next look finds it.
            self._watch_over(recipient)
            return None
        match recipient.courier.next(now, on_the_way=_on_the_way(recipient)):
            case Flush() as flush:
                return flush
            case Wait(until):
                recipient.until = until
                if until is not None:
                    self._watch_over(recipient)
            case End(reason):
                self.dismiss(recipient)
                self._ends.over(recipient, reason)
        return None

    async def _carry(self, flushes: Sequence[tuple[Recipient, Flush]]) -> None:
        now = self._outlet.clock.now()
        rows = [recipient.courier.audited(flush, now) for recipient, flush in flushes]
        refused = await self._recorded([row for some in rows for row in some])
        given = _Given(self._now())
        for (recipient, flush), audited in zip(flushes, rows, strict=True):
            if refused is not None and audited:
                self._fail(recipient, refused)
                continue
            try:
                self._give(recipient, flush, given)
            except Exception as fault:  # noqa: BLE001  (the boundary: its neighbours are served)
                self._crashed(recipient, fault)
            if recipient.courier.has_more:
                self.stir(recipient)
        self._outlet.meter.delivered(events=given.events, items=given.items)

    async def _recorded(self, rows: Sequence[AuditEntry]) -> ScpError | None:
        """Why what these rows tell of must not happen; None when they are written."""
        try:
            if rows:
                await self._outlet.audit.record(*rows)
        except ScpError as error:
            return error
        except Exception:  # noqa: BLE001  (the boundary: nothing goes out that is not written down)
            _LOG.exception("audit_crashed")
            return _fault()
        return None

    def _give(self, recipient: Recipient, flush: Flush, given: _Given) -> None:
        """Write what may still be written after the wait for the audit."""
        if recipient.gone or not recipient.client.open:
            return
        good = recipient.courier.still_good(flush)
        if good is None:
            return
        self._write(recipient, good, given.now)
        given.events += len(good.frames) + len(good.notices)
        given.items += good.items

    def _write(self, recipient: Recipient, flush: Flush, now: float) -> None:
        client, courier, proof = recipient.client, recipient.courier, recipient.proof
        client.write(message_of(flush, courier.consumer.session_id.reveal()))
        courier.written(flush)
        if flush.run is None:
            if proof.unproven:
                # It may be the last that is told: what went before is to be proven while it can.
                self._ping(recipient)
            return
        events, ping = len(flush.frames), client.pings_sent
        if courier.reader.subscription.proves is _PONG:
            proof.wrote_up_to(flush.last, ping=ping, events=events, now=now)
        else:
            proof.wrote(flush.places, ping=ping, events=events, now=now)
        if proof.many:
            self._ask(recipient, now)
        self._watch_over(recipient)
        if flush.limit is not None:
            self._warn(recipient, flush)

    def _ask(self, recipient: Recipient, now: float) -> None:
        if recipient.proof.ping_due(now):
            self._ping(recipient)

    def _ping(self, recipient: Recipient) -> None:
        if recipient.courier.reader.subscription.proves is _PONG:
            recipient.client.ping()
            recipient.proof.pinged(recipient.client.pings_sent)

    def _warn(self, recipient: Recipient, flush: Flush) -> None:
        consumer, outlet = recipient.courier.consumer, self._outlet
        if flush.limit is None:
            return
        warning = outlet.limits.near_end(flush.limit, consumer.connection)
        if warning is not None:
            notice = notice_of(warning, consumer.provider, outlet.clock.now())
            event = encode.event(notice, consumer.session_id.reveal())
            recipient.client.write(Message.event(STREAM_EVENT, event))
            # It will soon have to wait: what it has is to be proven, should it come again instead.
            self._ping(recipient)

    # -- ends ----------------------------------------------------------------------------------

    def _fail(self, recipient: Recipient, error: ScpError) -> None:
        if recipient.gone:
            return
        self.dismiss(recipient)
        self._ends.failed(recipient, error)

    def _crashed(self, recipient: Recipient, fault: Exception) -> None:
        """One recipient's fault stays its own."""
        _LOG.error("delivery_crashed", exc_info=fault)
        try:
            self._fail(recipient, _fault())
        except Exception:  # noqa: BLE001  (the boundary, once more)
            _LOG.exception("delivery_crashed_at_the_end")

    # -- watching ------------------------------------------------------------------------------

    def _watch_over(self, recipient: Recipient) -> None:
        if recipient not in self._watched:
            self._watched[recipient] = None
            if len(self._watched) == 1:
                self._watching.fire()

    async def _watch(self) -> None:
        while True:
            while not self._watched:
                await self._watching.wait()
            everybody = tuple(self._watched)
            share = -(-len(everybody) // LOOKS)
            for first in range(0, len(everybody), share):
                await anyio.sleep(LOOK_EVERY * share / len(everybody))
                self._look_at(everybody[first : first + share])

    def _look_at(self, recipients: Sequence[Recipient]) -> None:
        now = self._now()
        for recipient in recipients:
            if recipient not in self._watched:
                continue
            try:
                self._look(recipient, now)
            except Exception as fault:  # noqa: BLE001  (the boundary: the others are watched)
                self._crashed(recipient, fault)

    def _look(self, recipient: Recipient, now: float) -> None:
        """See to a recipient's pace and proof. Waiting for our own pace is not stalling."""
        proof = recipient.proof
        if recipient.until is not None and recipient.until <= now:
            recipient.until = None
            self.stir(recipient)
        if recipient.full and recipient.client.backlog <= self._high_water:
            # No wake-up comes when a mere ping made it full.
            self.stir(recipient)
        self._ask(recipient, now)
        since = proof.owed_since
        if since is not None and now - since >= self._stall_seconds:
            self._fail(recipient, _stalled(self._stall_seconds))
        elif since is None and recipient.until is None and not recipient.full:
            self._watched.pop(recipient, None)

    def _now(self) -> float:
        return self._outlet.clock.monotonic()


def _on_the_way(recipient: Recipient) -> int:
    acknowledges = recipient.courier.reader.subscription.proves is _ACK
    return recipient.proof.unproven if acknowledges else 0


def _fault() -> ScpError:
    return ScpError("The server failed. Connect again to go on after the last event that arrived.")


def _stalled(seconds: float) -> SlowConsumer:
    return SlowConsumer(
        f"Nothing of what was sent has been taken for {seconds:g} seconds. Connect again to go on "
        "after the last event that arrived."
    )
