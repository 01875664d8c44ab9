"""Reader: one consumer's place in a session's window."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from scp_server.domain.event_ref import EventRef
from scp_server.engine.signal import Signal
from scp_wire.encode import Encoded
from scp_wire.stream_types import StreamType

MAX_NOTICES: Final = 16
"""Notices (token refreshed, limit near) a reader may be behind; older ones are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a consumer wants. `types` None means everything of its session."""

    types: frozenset[StreamType] | None = None
    batch: bool = False
    """Whether it takes several items in one `data_batch`."""

    def wants(self, stream_type: StreamType) -> bool:
        """Whether items of that type are wanted. Control events always are."""
        return self.types is None or stream_type in self.types


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reader is to send next: notices, which have no place, then entries in order."""

    notices: tuple[Encoded, ...]
    entries: tuple[Entry, ...]


class ReaderClosed(Exception):
    """The session ended, or the server wants this consumer gone; `reason` is a code or event."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Entries(Protocol):
    """What a reader needs of its window."""

    epoch: str
    head: int

    def after(self, n: int) -> Iterator[Entry]: ...
    def keeps(self, entry: Entry) -> bool: ...
    def written(self, entries: Sequence[Entry]) -> None: ...
    def settle(self) -> None: ...
    def detach(self, reader: "Reader") -> None: ...


class Reader:
    """Takes entries in order, says what was written and what has proven to have arrived."""

    def __init__(self, window: Entries, subscription: Subscription) -> None:
        self._window = window
        self._wake = Signal()
        self._notices: deque[Encoded] = deque(maxlen=MAX_NOTICES)
        self._closed: str | None = None
        self.seated = False
        """Whether it took a seat again that was left by a connection that was lost."""
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

    @property
    def closed(self) -> bool:
        """Whether it is to end: nothing more is to be written but notices."""
        return self._closed is not None

    def wants(self, stream_type: StreamType) -> bool:
        """Whether it takes that type's items."""
        return self.subscription.wants(stream_type)

    def start(self, after: int, floors: Mapping[str, int]) -> None:
        """Stand after event `after`; of the streams in `floors`, take only what lies above."""
        self.taken = self.written_n = self.proven_n = after
        self.floors = floors
        self._wake.fire()

    def subscribe(self, subscription: Subscription) -> None:
        """Replace the whole subscription, from the next event on."""
        self.subscription = subscription
        self._window.settle()
        self._wake.fire()

    def wake(self) -> None:
        """There may be something to take."""
        self._wake.fire()

    def notify(self, notice: Encoded) -> None:
        """Something to be told outside the order of events."""
        self._notices.append(notice)
        self._wake.fire()

    def close(self, reason: str) -> None:
        """End this consumer: `take` raises once the notices are taken."""
        self._closed = reason
        self._wake.fire()

    async def take(self, limit: int) -> Taken:
        """Wait for something to send; at most `limit` entries.

        Raises: ReaderClosed.
        """
        while True:
            notices = self.notices()
            if notices:
                return Taken(notices, ())
            if self._closed is not None:
                raise ReaderClosed(self._closed)
            entries = self._next(limit)
            if entries:
                return Taken((), entries)
            await self._wake.wait()

    def notices(self) -> tuple[Encoded, ...]:
        """The notices that wait; they go ahead of entries that were taken and not yet written."""
        notices = tuple(self._notices)
        self._notices.clear()
        return notices

    def still_due(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """Of entries that were taken, those still to be written: not what was dropped meanwhile."""
        return tuple(e for e in entries if self._window.keeps(e) and self._is_due(e))

    async def disturbed(self) -> None:
        """Wait until there are notices, or an end."""
        while not self._notices and self._closed is None:
            await self._wake.wait()

    def _next(self, limit: int) -> tuple[Entry, ...]:
        chosen: list[Entry] = []
        for entry in self._window.after(self.taken):
            if len(chosen) == limit:
                return tuple(chosen)
            self.taken = entry.n
            if self._is_due(entry):
                chosen.append(entry)
        self.taken = max(self.taken, self._window.head)
        return tuple(chosen)

    def _is_due(self, entry: Entry) -> bool:
        if entry.n <= self.floors.get(entry.stream_id, 0):
            return False
        return entry.ordinal is None or self.wants(entry.stream_type)

    def holds(self, entry: Entry) -> bool:
        """Whether an entry must stay for it: due, and not proven to have arrived.

        Control events of streams it does not want are its own matter once it has taken them: it
        may never prove a place that far.
        """
        reached = self.proven_n if self.wants(entry.stream_type) else self.taken
        return entry.n > reached and self._is_due(entry)

    def written(self, entries: Sequence[Entry], epoch: str) -> None:
        """These, taken in that epoch, were written to the wire."""
        if epoch == self._window.epoch:
            self.written_n = entries[-1].n
        self._window.written(entries)

    def proven(self, ref: EventRef) -> None:
        """Everything up to `ref` has arrived. A place of another epoch says nothing any more."""
        if ref.epoch != self._window.epoch or not self.proven_n < ref.n <= self.taken:
            return
        self.proven_n = ref.n
        self._window.settle()

    def detach(self) -> None:
        """The consumer is gone."""
        self._window.detach(self)
