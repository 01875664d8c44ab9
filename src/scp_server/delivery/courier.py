"""Courier: decides what one consumer is sent next, and keeps its pace. No I/O, no clock.

    reader --run--> frames --pace, window--> Flush --(audited, then written)--> written

A flush is what goes to the wire together. Consumers that stand at the same place share the run,
the frames cut from it and, when they may be given all of it, whatever was spelled from them.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from scp_server.access.limits import few_of
from scp_server.domain.agents import actor_of
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.domain.sliding_log import Policy, SlidingLog, Verdict
from scp_server.engine.readers import Entry, Proves, Reader, Run
from scp_server.ports.audit import AuditEntry
from scp_wire import encode
from scp_wire.encode import ENVELOPE_ROOM, MAX_EVENT_BYTES, Encoded
from scp_wire.rest import MAX_BATCH_SIZE

FLUSH_EVENTS: Final = 64
"""Events taken at a time when each is sent on its own."""
FLUSH_BYTES: Final = 256 * 1024
"""And bytes: a consumer is not given more at once, or one would keep the others waiting."""
OFFSET_ROOM: Final = 32
"""Bytes an item's offset takes within a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Whose connection it is."""

    connection: str
    """A name for it in limits; not a secret."""
    session_pk: int
    session_id: Secret
    """As it was presented: the events show it."""
    agent_id: str | None
    provider: str
    key_name: str | None = None
    """The agent's whose key was presented; without one `agent_id` is a claim."""

    @property
    def actor(self) -> str:
        """As audit rows name it."""
        verified = self.key_name is not None
        return actor_of(self.key_name if verified else self.agent_id, verified=verified)

    def connected(self, now: float, stream_id: str | None = None) -> AuditEntry:
        """The row that tells that it is here."""
        return AuditEntry(
            at=now,
            session_pk=self.session_pk,
            action="consumer.connected",
            actor=self.actor,
            stream_id=stream_id,
        )


class Frame(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What is sent as one event: an entry, or several items of one stream."""

    entries: tuple[Entry, ...]

    @property
    def n(self) -> int:
        """The place it leads to."""
        return self.entries[-1].n

    @property
    def items(self) -> int:
        """How many items it carries."""
        entries = self.entries
        if len(entries) == 1:
            return int(entries[0].ordinal is not None)
        return sum([entry.ordinal is not None for entry in entries])

    def event(self, shown_session: str) -> bytes:
        """The event as this consumer gets it."""
        if len(self.entries) == 1:
            return encode.event(self.entries[0].encoded, shown_session)
        return encode.batch([entry.encoded for entry in self.entries], shown_session)


class Flush(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What one consumer is sent together: notices, or frames of one run."""

    notices: tuple[Encoded, ...] = ()
    frames: tuple[Frame, ...] = ()
    run: Run | None = None
    whole: bool = False
    """Whether the frames are all of the run: then what was made of them can be shared."""
    limit: Verdict | None = None
    """How the consumer's events per minute stand after it, when few are left."""

    @property
    def entries(self) -> list[Entry]:
        """All entries it carries."""
        return [entry for frame in self.frames for entry in frame.entries]

    @property
    def items(self) -> int:
        """How many items it carries."""
        frames, run = self.frames, self.run
        if len(frames) == 1:
            return frames[0].items
        if run is None or not self.whole:
            return sum([frame.items for frame in frames])
        made: int | None = run.made.get("items")
        if made is None:
            made = run.made["items"] = sum([frame.items for frame in frames])
        return made

    @property
    def last(self) -> EventRef:
        """The place it leads to. Only of frames."""
        return EventRef("" if self.run is None else self.run.epoch, self.frames[-1].n)

    @property
    def places(self) -> list[EventRef]:
        """The place each of its frames leads to."""
        epoch = "" if self.run is None else self.run.epoch
        return [EventRef(epoch, frame.n) for frame in self.frames]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to send now; look again at `until` (monotonic seconds), or when woken."""

    until: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Nothing will be sent any more; `reason` is the reader's."""

    reason: str


NOTHING: Final = Wait()
# Looking a member of an Enum up costs more than what is done with it.
_ACK: Final = Proves.ACK


def frames(entries: Sequence[Entry], *, batch: bool) -> Iterator[Frame]:
    """Cut entries into events: one each, or runs of a stream's items within its batch size."""
    if not batch:
        for entry in entries:
            yield Frame((entry,))
        return
    run: list[Entry] = []
    size = ENVELOPE_ROOM
    for entry in entries:
        grown = size + entry.encoded.size + OFFSET_ROOM
        if run and not (_goes_on(run, entry) and grown <= MAX_EVENT_BYTES):
            yield Frame(tuple(run))
            run, grown = [], ENVELOPE_ROOM + entry.encoded.size + OFFSET_ROOM
        run.append(entry)
        size = grown
    if run:
        yield Frame(tuple(run))


def _goes_on(run: Sequence[Entry], entry: Entry) -> bool:
    last = run[-1]
    return (
        len(run) < entry.batch_size
        and last.ordinal is not None
        and entry.ordinal is not None
        and last.stream_id == entry.stream_id
    )


class Courier:
    """One consumer's deliveries. Call `next`, audit and write what it gives, then `written`."""

    __slots__ = ("_actor", "_few", "_left", "_pace", "_run", "consumer", "reader")

    def __init__(self, reader: Reader, consumer: Consumer, pace: Policy | None) -> None:
        self.reader = reader
        self.consumer = consumer
        self._actor = consumer.actor
        self._pace = SlidingLog(pace) if pace is not None and pace.limit else None
        self._few = 0 if pace is None else int(few_of(pace.limit))
        self._run: Run | None = None
        self._left: deque[Frame] | None = None
        """Frames of the run that wait for the pace or the consumer's window."""

    def next(
        self, now: float, *, on_the_way: int = 0, most: int = MAX_BATCH_SIZE
    ) -> Flush | Wait | End:
        """What is to be sent now: `most` events. `on_the_way`: those it has not acknowledged."""
        reader = self.reader
        notices = reader.notices()
        if notices:
            return Flush(notices=notices)
        if reader.closed is not None:
            return End(reader.closed)
        room = self._room(on_the_way)
        room = most if most < room else room
        if room <= 0:
            return NOTHING
        run = self._at_hand()
        if run is None:
            return NOTHING
        return self._cut(run, room, now)

    @property
    def has_more(self) -> bool:
        """Whether there may be something to give at once."""
        return self._left is not None or self.reader.has_more

    @property
    def busy(self) -> bool:
        """Whether something was taken that has not been given out."""
        return self._left is not None

    def _room(self, on_the_way: int) -> int:
        wanted = self.reader.subscription
        return wanted.window - on_the_way if wanted.proves is _ACK else MAX_BATCH_SIZE

    def _at_hand(self) -> Run | None:
        """The run that is being given out, or a new one."""
        reader = self.reader
        if self._run is not None and self._left is not None:
            if self._run.epoch == reader.epoch and self._run.revision == reader.revision:
                return self._run
            self._sift(self._run, self._left)
        if self._left is None:
            batch = reader.subscription.batch
            run = reader.next_run(
                MAX_BATCH_SIZE if batch else FLUSH_EVENTS, MAX_EVENT_BYTES if batch else FLUSH_BYTES
            )
            self._run = run if run.entries else None
        return self._run

    def _sift(self, run: Run, left: deque[Frame]) -> None:
        """Something was dropped since the run was taken: keep what is still to be sent."""
        entries = [entry for frame in left for entry in frame.entries]
        due = self.reader.still_due(run, entries)
        self._run = self.reader.sifted(run, due)
        batch = self.reader.subscription.batch
        self._left = deque(frames(due, batch=batch)) if due else None

    def _cut(self, run: Run, room: int, now: float) -> Flush | Wait:
        """As much of a run as the pace and the consumer's own window allow."""
        fresh = self._left is None
        waiting = self._framed(run) if self._left is None else self._left
        wanted = len(waiting) if len(waiting) < room else room
        granted = wanted if self._pace is None else self._pace.grant(now, wanted, self._few)
        if self._pace is not None and granted == 0:
            self._left = deque(waiting) if fresh else self._left
            return Wait(now + self._pace.look(now).reset_in)
        limit = None if self._pace is None else self._pace.nearly_used(now, self._few)
        if fresh and granted == len(waiting):
            self._run = None
            return Flush(frames=tuple(waiting), run=run, whole=True, limit=limit)
        left = deque(waiting) if fresh else self._left
        assert left is not None  # noqa: S101  (either fresh or kept)
        given = tuple(left.popleft() for _ in range(granted))
        self._left = left or None
        return Flush(frames=given, run=run, limit=limit)

    def _framed(self, run: Run) -> tuple[Frame, ...]:
        batch = self.reader.subscription.batch
        framed: tuple[Frame, ...] | None = run.made.get(batch)
        if framed is None:
            one = len(run.entries) == 1
            framed = (Frame(run.entries),) if one else tuple(frames(run.entries, batch=batch))
            run.made[batch] = framed
        return framed

    def still_good(self, flush: Flush) -> Flush | None:
        """What of a flush may still be written, after a wait: not what was dropped meanwhile."""
        run, reader = flush.run, self.reader
        if run is None:
            return flush
        if reader.holds_all(run):
            return flush
        if reader.closed is not None or run.epoch != reader.epoch:
            return None
        kept = tuple(
            Frame(tuple(due)) for f in flush.frames if (due := reader.still_due(run, f.entries))
        )
        return Flush(frames=kept, run=run, limit=flush.limit) if kept else None

    def written(self, flush: Flush) -> None:
        """It was given to the wire."""
        run = flush.run
        if run is None:
            return
        self.reader.written(flush.frames[-1].n, run.epoch)
        if not flush.whole:
            self.reader.count(flush.entries)
        elif "counted" not in run.made:
            run.made["counted"] = True
            self.reader.count(run.entries)

    def audited(self, flush: Flush, now: float) -> Sequence[AuditEntry]:
        """The rows that must be written before the flush is: one for each stream in it."""
        run, actor = flush.run, self._actor
        if run is None:
            return ()
        if not flush.whole:
            return self._rows(flush.entries, now)
        # A run is one session's: its consumers' rows differ by their agents alone.
        made: tuple[float, str, Sequence[AuditEntry]] | None = run.made.get("audit")
        if made is None or made[0] != now or made[1] != actor:
            made = run.made["audit"] = (now, actor, self._rows(run.entries, now))
        return made[2]

    def _rows(self, entries: Sequence[Entry], now: float) -> Sequence[AuditEntry]:
        actor = self._actor
        return [
            AuditEntry(
                at=now,
                session_pk=self.consumer.session_pk,
                action="delivered",
                actor=actor,
                stream_id=stream_id,
                stream_type=of.stream_type,
                items=len(of.ids),
                size=of.size,
                item_ids=tuple(of.ids),
            )
            for stream_id, of in _summed(entries).items()
        ]


class _Sum(msgspec.Struct, gc=False):
    stream_type: str
    size: int = 0
    ids: list[str] = []


def _summed(entries: Sequence[Entry]) -> dict[str, _Sum]:
    sums: dict[str, _Sum] = {}
    for entry in entries:
        if entry.item_id is not None:
            of = sums.get(entry.stream_id)
            if of is None:
                of = sums[entry.stream_id] = _Sum(entry.stream_type)
            of.size += entry.size
            of.ids.append(entry.item_id)
    return sums
