"""Window: a session's events, encoded once, in one order, a bounded share for each stream.

    runner --reserve, append, mark--> [ share | share | ... ] --next--> reader --written, proven-+
       ^                                                                                          |
       +----------------------- a place all readers have proven is saved -------------------------+

An event stays until every reader it is due to has proven to have got it, so a full share is what
stops a runner: that is the back pressure. Proven events linger while there is room, for readers
that come back. What is no longer here is read again from the provider: `rewind` begins a new epoch.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import Place, Stream
from scp_server.engine.readers import Entry, Reader, Subscription
from scp_server.engine.signal import Signal
from scp_wire.encode import Encoded, Envelope, encode, spelled
from scp_wire.events import EventType
from scp_wire.stream_types import Provider, StreamType

PLAIN_ROOM: Final = 384
"""More bytes than an envelope takes without its cursor and label."""
CURSOR_ROOM: Final = 544
"""A cursor has 512 at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimits:
    """How much of a stream waits in memory: `events` and `size` (bytes) at most."""

    events: int = 256
    size: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a stream goes on when everything up to event `n` has arrived."""

    n: int
    place: Place
    items: int


@dataclass(slots=True, kw_only=True)
class Share:
    """One stream's part of the window."""

    stream_id: str
    stream_type: StreamType
    batch_size: int
    on_proven: Callable[[Mark], None]
    waiting: deque[Entry] = field(default_factory=deque)
    size: int = 0
    last_n: int = 0
    offset: int = 0
    proven_n: int = 0
    """Every reader that wants this stream has everything up to here."""
    first_n: int = 0
    """The session's newest event when this stream began its part of the epoch."""
    evicted_n: int = 0
    """Everything up to here is gone from memory."""
    heard_n: int = 0
    """The newest of its items that was written to anyone in this epoch."""
    marks: deque[Mark] = field(default_factory=deque)
    items_written: int = 0
    """Items of the stream that at least one consumer was written, over all epochs."""
    changed: Signal = field(default_factory=Signal)
    """Fires when there may be room, a proof, or another reader."""

    def keeps_after(self, n: int) -> bool:
        """Whether every event of it after `n` is still in memory."""
        return self.evicted_n <= max(n, self.first_n)

    @property
    def all_proven(self) -> bool:
        """Whether nothing waits for proof."""
        return self.proven_n >= self.last_n


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event to be put into the window: everything but its number."""

    event_type: EventType
    body: bytes
    timestamp: float
    agent_id: str | None = None
    cursor: Callable[[EventRef], str] | None = None
    """Makes the cursor once the event's number is known."""
    ordinal: int | None = None
    """For items: which of the stream's items it is, from 1, over all epochs."""
    item_id: str | None = None

    @property
    def room(self) -> int:
        """Bytes it may take in the window. Its envelope is spelled when it is numbered."""
        label = 0 if self.agent_id is None else len(spelled(self.agent_id))
        return len(self.body) + PLAIN_ROOM + label + (CURSOR_ROOM if self.cursor else 0)


class Window:
    """All of one session's events that have not arrived yet, and some that have."""

    def __init__(self, provider: Provider, epoch: str, limits: ShareLimits) -> None:
        self._provider = provider
        self._limits = limits
        self._entries: dict[int, Entry] = {}
        self._shares: dict[str, Share] = {}
        self._readers: set[Reader] = set()
        self.epoch = epoch
        self.head = 0
        """Number of the newest event."""

    # -- for runners ---------------------------------------------------------------------------

    def open(self, stream: Stream, on_proven: Callable[[Mark], None], items: int) -> Share:
        """Give a stream its share. `items` were written to consumers before this epoch."""
        share = Share(
            stream_id=stream.stream_id,
            stream_type=stream.config.stream_type,
            batch_size=stream.config.batch_size,
            on_proven=on_proven,
            items_written=items,
            last_n=self.head,
            proven_n=self.head,
            first_n=self.head,
            evicted_n=self.head,
        )
        self._shares[stream.stream_id] = share
        return share

    def close(self, share: Share) -> None:
        """Forget a stream and whatever of it has not been taken."""
        self.drop(share)
        if self._shares.get(share.stream_id) is share:
            del self._shares[share.stream_id]

    def drop(self, share: Share) -> None:
        """Throw away what waits in a share; its marks stand for nothing any more."""
        for entry in share.waiting:
            self._entries.pop(entry.n, None)
        share.waiting.clear()
        share.marks.clear()
        share.size = 0
        # Whoever comes back to a place before this misses nothing that is still to be had.
        share.evicted_n = share.first_n = share.last_n
        share.changed.fire()

    async def reserve(self, share: Share, size: int) -> None:
        """Wait until the share has room for an event of `size` bytes. One event always fits.

        Nothing may be awaited between this and `append`.
        """
        while not self._make_room(share, size):
            await share.changed.wait()

    def _make_room(self, share: Share, size: int) -> bool:
        limits = self._limits
        while share.waiting:
            if len(share.waiting) < limits.events and share.size + size <= limits.size:
                return True
            oldest = share.waiting[0]
            if oldest.n > share.proven_n or any(r.holds(oldest) for r in self._readers):
                return False
            share.waiting.popleft()
            share.size -= oldest.encoded.size
            share.evicted_n = oldest.n
            del self._entries[oldest.n]
        return True

    def append(self, share: Share, draft: Draft) -> EventRef:
        """Number an event, spell it, and wake the readers. Call `reserve` before."""
        self.head += 1
        share.offset += 1
        share.last_n = self.head
        ref = EventRef(self.epoch, self.head)
        entry = Entry(
            n=self.head,
            stream_id=share.stream_id,
            stream_type=share.stream_type,
            encoded=self._encode(draft, ref, share),
            ordinal=draft.ordinal,
            item_id=draft.item_id,
            batch_size=share.batch_size,
        )
        self._entries[self.head] = entry
        share.waiting.append(entry)
        share.size += entry.encoded.size
        for reader in self._readers:
            reader.wake()
        return ref

    def _encode(self, draft: Draft, ref: EventRef, share: Share) -> Encoded:
        envelope = Envelope(
            provider=self._provider,
            timestamp=draft.timestamp,
            event_id=str(ref),
            stream_id=share.stream_id,
            offset=share.offset,
            cursor=draft.cursor(ref) if draft.cursor else None,
            agent_id=draft.agent_id,
        )
        return encode(draft.event_type, envelope, draft.body)

    def mark(self, share: Share, place: Place, items: int) -> None:
        """Everything appended so far leads to `place`: save it once that has been proven."""
        mark = Mark(n=share.last_n, place=place, items=items)
        if share.all_proven and self.wanted(share):
            # Nothing was sent on the way to this place, so there is nothing to wait for. A stream
            # that nobody reads does not move.
            share.on_proven(mark)
            return
        if share.marks and share.marks[-1].n == mark.n:
            share.marks.pop()
        share.marks.append(mark)

    def wanted(self, share: Share) -> bool:
        """Whether any reader takes this stream."""
        return any(reader.wants(share.stream_type) for reader in self._readers)

    # -- for readers ---------------------------------------------------------------------------

    @property
    def readers(self) -> frozenset[Reader]:
        """Who is attached now."""
        return frozenset(self._readers)

    @property
    def shares(self) -> Mapping[str, Share]:
        """The streams' shares by stream id."""
        return self._shares

    def attach(
        self,
        subscription: Subscription,
        after: int | None,
        floors: Mapping[str, int] | None = None,
    ) -> Reader:
        """A new reader: from after event `after` of this epoch, or from what is not proven yet.

        `floors`: by stream id, up to where it needs nothing although that lies after `after`.
        """
        reader = Reader(self, subscription)
        if after is None:
            floors = {key: share.proven_n for key, share in self._shares.items()}
            reader.start(min(floors.values(), default=self.head), floors)
        else:
            reader.start(after, floors or {})
        self._readers.add(reader)
        for share in self._shares.values():
            self._settle(share)
            share.changed.fire()
        return reader

    def detach(self, reader: Reader) -> None:
        """The reader is gone; what it did not prove waits for others."""
        self._readers.discard(reader)
        for share in self._shares.values():
            self._settle(share)
            share.changed.fire()

    def reaches(
        self, subscription: Subscription, n: int, floors: Mapping[str, int] | None = None
    ) -> bool:
        """Whether everything after event `n` that the subscription wants is still here."""
        return n <= self.head and all(
            share.keeps_after(max(n, (floors or {}).get(share.stream_id, 0)))
            for share in self._shares.values()
            if subscription.wants(share.stream_type)
        )

    def unheard(self, subscription: Subscription, n: int) -> dict[str, int]:
        """Wanted streams with items at or before event `n` that nobody was ever given.

        By stream id: up to where it is proven. Who names `n` as its place did not want them before.
        """
        return {
            share.stream_id: share.proven_n
            for share in self._shares.values()
            if subscription.wants(share.stream_type)
            and any(
                max(share.heard_n, share.proven_n) < entry.n <= n and entry.ordinal is not None
                for entry in share.waiting
            )
        }

    def behind(self, reader: Reader, subscription: Subscription) -> bool:
        """Whether a new subscription wants events that lie before the reader's place."""
        return any(
            subscription.wants(share.stream_type)
            and not reader.wants(share.stream_type)
            and any(entry.n > share.proven_n for entry in share.waiting)
            and share.proven_n < reader.taken
            for share in self._shares.values()
        )

    def after(self, n: int) -> Iterator[Entry]:
        """Entries with a number above `n`, in order."""
        # Numbers have holes where proven events were dropped: walk whichever is shorter.
        if self.head - n <= 2 * len(self._entries):
            numbers: Iterable[int] = range(n + 1, self.head + 1)
        else:
            numbers = sorted(k for k in self._entries if k > n)
        return (self._entries[k] for k in numbers if k in self._entries)

    def keeps(self, entry: Entry) -> bool:
        """Whether an entry is still in the window."""
        return self._entries.get(entry.n) is entry

    def least_reached(self, share: Share) -> int | None:
        """How far the reader has come that is furthest back of those that take this stream."""
        places = [
            max(reader.proven_n, reader.floors.get(share.stream_id, 0))
            for reader in self._readers
            if reader.wants(share.stream_type)
        ]
        return min(places, default=None)

    def owes(self, share: Share) -> bool:
        """Whether any reader has yet to get, or to prove, something of a share."""
        return any(reader.holds(entry) for reader in self._readers for entry in share.waiting)

    def written(self, entries: Sequence[Entry]) -> None:
        """A reader was given these: count items that no consumer had before."""
        for entry in entries:
            share = self._shares.get(entry.stream_id)
            if share is None or entry.ordinal is None:
                continue
            share.items_written = max(share.items_written, entry.ordinal)
            if self.keeps(entry):
                share.heard_n = max(share.heard_n, entry.n)

    def stir(self) -> None:
        """Wake all who wait at a share: something beside the window has changed."""
        for share in self._shares.values():
            share.changed.fire()

    def settle(self) -> None:
        """A reader has proven more, or wants other streams."""
        for share in self._shares.values():
            self._settle(share)
            share.changed.fire()

    def _settle(self, share: Share) -> None:
        places = [r.proven_n for r in self._readers if r.wants(share.stream_type)]
        if not places:
            return
        share.proven_n = max(share.proven_n, min(*places, share.last_n))
        reached: Mark | None = None
        while share.marks and share.marks[0].n <= share.proven_n:
            reached = share.marks.popleft()
        if reached is not None:
            share.on_proven(reached)

    # -- for the supervisor --------------------------------------------------------------------

    def rewind(self, epoch: str) -> None:
        """Begin a new epoch with nothing in it; the readers stay and go on from its start.

        The caller stops the runners before and opens their shares anew after.
        """
        self.epoch = epoch
        self.head = 0
        for share in self._shares.values():
            self.drop(share)
        self._entries.clear()
        self._shares.clear()
        for reader in self._readers:
            reader.start(0, {})
