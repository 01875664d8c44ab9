"""Reader: one consumer's place in a session's window."""

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final, Protocol

import msgspec

from scp_server.domain.event_ref import EventRef
from scp_server.engine.signal import Signal
from scp_wire.encode import Encoded
from scp_wire.stream_types import StreamType

MAX_NOTICES: Final = 16
"""Notices (token refreshed, limit near) a reader may be behind; older ones are dropped."""
STREAM_OVER: Final = "stream_over"
"""Why a reader of one stream is closed when nothing of it will come any more."""


class OfStream(Protocol):
    """What belongs to a stream."""

    @property
    def stream_id(self) -> str: ...
    @property
    def stream_type(self) -> StreamType: ...


class Proves(Enum):
    """How a consumer shows what has arrived."""

    PONG = auto()
    """By answering a ping that was sent after it."""
    ACK = auto()
    """By acknowledging it."""
    NEXT_REQUEST = auto()
    """By naming it in the next request: until then what was written is not waited for."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer wants, and how. `types` None means everything of its session."""

    types: frozenset[StreamType] | None = None
    stream_id: str | None = None
    """Only this stream, and of control events too only its own."""
    batch: bool = False
    """Whether it takes several items in one `data_batch`."""
    proves: Proves = Proves.PONG
    window: int = 256
    """With `Proves.ACK`: how many events may be on their way to it."""

    @property
    def everything(self) -> bool:
        """Whether all of the session is wanted."""
        return self.types is None and self.stream_id is None

    def wants(self, of: OfStream) -> bool:
        """Whether items of that stream are wanted."""
        if self.stream_id is not None:
            return of.stream_id == self.stream_id
        return self.types is None or of.stream_type in self.types

    def hears(self, of: OfStream) -> bool:
        """Whether a stream's control events are wanted: always, unless it is about one stream."""
        return self.stream_id is None or of.stream_id == self.stream_id


class Entry(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An event in the window."""

    n: int
    stream_id: str
    stream_type: StreamType
    encoded: Encoded
    ordinal: int | None
    """For items: the how many-th of its stream, over all epochs. None for control events."""
    item_id: str | None
    batch_size: int
    """How many items of its stream one `data_batch` may carry."""
    size: int
    """Bytes it holds."""


class Notice(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Something that waits to be told outside the order of events."""

    encoded: Encoded
    passing: bool
    """Whether it may be dropped when there are too many."""


class Run(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """The next events of a reader. Readers that stand at the same place are given the same one."""

    entries: tuple[Entry, ...]
    end: int
    """The place after it: what lies between was looked at, and is not due."""
    epoch: str
    revision: int
    """Of the window: while it is the same, nothing of the run was dropped."""
    made: dict[Hashable, Any] = msgspec.field(default_factory=dict)
    """What is made of it, by what it is made for: spelled once, for all who are given it."""


class Entries(Protocol):
    """What a reader needs of its window."""

    epoch: str
    head: int
    revision: int

    @property
    def readers(self) -> frozenset["Reader"]: ...
    def run(self, reader: "Reader", limit: int, size: int) -> Run: ...
    def keeps(self, entry: Entry) -> bool: ...
    def written(self, entries: Sequence[Entry]) -> None: ...
    def settle(self) -> None: ...
    def resubscribed(self) -> None: ...
    def detach(self, reader: "Reader") -> None: ...


class Reader:
    """Takes entries in order, says what was written and what has proven to have arrived."""

    __slots__ = (
        "_closed",
        "_notices",
        "_signal",
        "_window",
        "agent_pk",
        "floors",
        "on_wake",
        "proven_n",
        "seated",
        "subscription",
        "taken",
        "written_n",
    )

    def __init__(self, window: Entries, subscription: Subscription) -> None:
        self._window = window
        self._signal: Signal | None = None
        self._notices: deque[Notice] | None = None
        self._closed: str | None = None
        self.agent_pk: int | None = None
        """The agent whose key let it in."""
        self.seated = False
        """Whether it took a seat again that was left by a connection that was lost."""
        self.on_wake: Callable[[], None] | None = None
        """Called when there may be something to take."""
        self.floors: Mapping[str, int] = {}
        """By stream id: up to where events are not due, having been proven before it came."""
        self.subscription = subscription
        self.taken = 0
        self.written_n = 0
        self.proven_n = 0

    @property
    def epoch(self) -> str:
        """The epoch its numbers belong to."""
        return self._window.epoch

    @property
    def proven_ref(self) -> EventRef:
        """The last place that is proven: what a seat remembers."""
        return EventRef(self._window.epoch, self.proven_n)

    @property
    def written_ref(self) -> EventRef:
        """The last place that was written to the wire."""
        return EventRef(self._window.epoch, self.written_n)

    def lacks_proof_of(self, ref: EventRef) -> bool:
        """Whether it may yet prove, while it is here, that everything up to `ref` has arrived."""
        proves = (
            self.subscription.proves is not Proves.NEXT_REQUEST and self in self._window.readers
        )
        return proves and ref.epoch == self.epoch and self.proven_n < ref.n

    @property
    def closed(self) -> str | None:
        """Why it is to end, once it is: then nothing more is to be written but notices."""
        return self._closed

    def wants(self, of: OfStream) -> bool:
        """Whether it takes that stream's items."""
        return self.subscription.wants(of)

    def start(self, after: int, floors: Mapping[str, int]) -> None:
        """Stand after event `after`; of the streams in `floors`, take only what lies above."""
        self.taken = self.written_n = self.proven_n = after
        # Who has none that says anything shares its runs with the others.
        self.floors = {key: n for key, n in floors.items() if n > after}
        self.wake()

    def subscribe(self, subscription: Subscription) -> None:
        """Replace the whole subscription, from the next event on."""
        self.subscription = subscription
        self._window.resubscribed()
        self.wake()

    def wake(self) -> None:
        """There may be something to take."""
        if self.on_wake is not None:
            self.on_wake()
        if self._signal is not None:
            self._signal.fire()

    async def woken(self) -> None:
        """Wait for the next `wake`."""
        if self._signal is None:
            self._signal = Signal()
        await self._signal.wait()

    def notify(self, notice: Encoded, *, passing: bool = True) -> None:
        """Something to be told outside the order of events; a gap, say, does not pass unheard."""
        if self._notices is None:
            self._notices = deque()
        elif passing and len(self._notices) >= MAX_NOTICES:
            oldest = next((each for each in self._notices if each.passing), None)
            if oldest is not None:
                self._notices.remove(oldest)
        self._notices.append(Notice(notice, passing))
        self.wake()

    def close(self, reason: str) -> None:
        """End this consumer, once its notices are taken."""
        self._closed = reason
        self.wake()

    def notices(self) -> tuple[Encoded, ...]:
        """The notices that wait; they go ahead of entries that were taken and not yet written."""
        if self._notices is None:
            return ()
        notices = tuple(each.encoded for each in self._notices)
        self._notices = None
        return notices

    def next_run(self, limit: int, size: int) -> Run:
        """Take what is next: at most so many events and bytes, though always one; may be empty."""
        run = self._window.run(self, limit, size)
        self.taken = run.end
        return run

    @property
    def revision(self) -> int:
        """Changes whenever something that was taken may have been dropped."""
        return self._window.revision

    def sifted(self, run: Run, entries: Sequence[Entry]) -> Run:
        """What is left of a run, as the window is now."""
        return Run(
            entries=tuple(entries), end=run.end, epoch=run.epoch, revision=self._window.revision
        )

    def holds_all(self, run: Run) -> bool:
        """Whether all of a run may still be written, as far as is seen at a glance."""
        window = self._window
        return (
            run.revision == window.revision and run.epoch == window.epoch and self._closed is None
        )

    def still_due(self, run: Run, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Of a run's entries, those still to be written: not what was dropped meanwhile."""
        if run.epoch != self._window.epoch:
            return ()
        if run.revision == self._window.revision:
            return entries
        return tuple(e for e in entries if self._window.keeps(e) and self.is_due(e))

    @property
    def has_more(self) -> bool:
        """Whether there may be something to take, or to be told."""
        return (
            self.taken < self._window.head or self._notices is not None or self._closed is not None
        )

    def is_due(self, entry: Entry) -> bool:
        """Whether it is to be given an entry."""
        if self.floors and entry.n <= self.floors.get(entry.stream_id, 0):
            return False
        subscription = self.subscription
        return subscription.wants(entry) if entry.ordinal is not None else subscription.hears(entry)

    def reached(self, of: OfStream) -> int:
        """Up to where a stream's events need not stay for it.

        Of streams it does not want that is what it has taken: it may never prove a place that far.
        """
        if not self.subscription.wants(of):
            return self.taken
        by_request = self.subscription.proves is Proves.NEXT_REQUEST
        reached = self.written_n if by_request else self.proven_n
        return max(reached, self.floors.get(of.stream_id, 0)) if self.floors else reached

    def holds(self, entry: Entry) -> bool:
        """Whether an entry must stay for it: due, and not known to have arrived."""
        return entry.n > self.reached(entry) and self.is_due(entry)

    def written(self, n: int, epoch: str) -> None:
        """Everything taken up to event `n` of that epoch was written to the wire."""
        if epoch == self._window.epoch:
            self.written_n = n
            if self.subscription.proves is Proves.NEXT_REQUEST:
                self._window.settle()

    def count(self, entries: Sequence[Entry]) -> None:
        """These were written: items that no consumer had before are counted."""
        self._window.written(entries)

    def proven(self, ref: EventRef) -> None:
        """Everything up to `ref` has arrived. A place of another epoch says nothing any more."""
        if self.note_proven(ref):
            self._window.settle()

    def note_proven(self, ref: EventRef) -> bool:
        """As `proven`, but `settle` is left to the caller, who has many: True when it is due."""
        if ref.epoch != self._window.epoch or not self.proven_n < ref.n <= self.taken:
            return False
        self.proven_n = ref.n
        if self.floors and ref.n >= max(self.floors.values()):
            self.floors = {}
        return True

    @property
    def window(self) -> Entries:
        """Its window, to settle many readers of it at once."""
        return self._window

    def settle(self) -> None:
        """Let the window see what was proven."""
        self._window.settle()

    def detach(self) -> None:
        """The consumer is gone."""
        self._window.detach(self)
