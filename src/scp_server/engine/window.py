"""Window: a session's events, encoded once, in one order, a bounded share for each stream.

    runner --reserve, append, mark--> [ share | share | ... ] --next--> reader --written, proven-+
       ^                                                                                          |
       +----------------------- a place all readers have proven is saved -------------------------+

An event stays until every reader it is due to has proven to have got it, so a full share is what
stops a runner: that is the back pressure. Proven events linger while there is room, for readers
that come back. What is no longer here is read again from the provider: `rewind` begins a new epoch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import Place, Stream
from scp_server.engine.budget import Budget
from scp_server.engine.readers import STREAM_OVER, Entry, Proves, Reader, Run, Subscription
from scp_server.engine.shared_run import SharedRun
from scp_server.engine.shares import Draft, Mark, Share, ShareLimits
from scp_server.engine.signal import Signal
from scp_wire.encode import Encoded, Envelope, encode
from scp_wire.stream_types import Provider


class Window:
    """All of one session's events that have not arrived yet, and some that have."""

    def __init__(
        self, provider: Provider, epoch: str, limits: ShareLimits, budget: Budget | None = None
    ) -> None:
        self._provider = provider
        self._limits = limits
        self._budget = budget or Budget()
        self._entries: dict[int, Entry] = {}
        self._shares: dict[str, Share] = {}
        self._readers: set[Reader] = set()
        self._all_awake = False
        self._shared = SharedRun()
        self.proved = Signal()
        """Fires when a reader has proven something, or is gone."""
        self.epoch = epoch
        self.head = 0
        """Number of the newest event."""
        self.revision = 0
        """How often something that readers may have taken already was thrown away."""

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
            free_n=self.head,
        )
        self._shares[stream.stream_id] = share
        return share

    def close(self, share: Share) -> None:
        """Forget a stream and what of it has not been taken. Who reads only this one is done."""
        self.drop(share)
        if self._shares.get(share.stream_id) is share:
            del self._shares[share.stream_id]
            for reader in self._readers:
                if reader.subscription.stream_id == share.stream_id:
                    reader.close(STREAM_OVER)

    def drop(self, share: Share) -> None:
        """Throw away what waits in a share; its marks stand for nothing any more."""
        for entry in share.waiting:
            self._entries.pop(entry.n, None)
        self._forget_run()
        self._budget.gave(share.size)
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
            # Another session's events may be what there is no room for.
            waits_for = self._budget.freed if self._budget.full else share.changed
            await waits_for.wait()

    def _make_room(self, share: Share, size: int) -> bool:
        limits = self._limits
        while share.waiting:
            fits = len(share.waiting) < limits.events and share.size + size <= limits.size
            if fits and not self._budget.full:
                return True
            if not self._drop_oldest(share):
                return False
        return True

    def _drop_oldest(self, share: Share) -> bool:
        """Let go of a stream's oldest event, unless it is needed."""
        oldest = share.waiting[0]
        if oldest.n > share.free_n:
            share.free_n = self._freed(share)
        if oldest.n > share.free_n or self._held_elsewhere(oldest):
            return False
        self._drop(share, oldest)
        return True

    def _drop(self, share: Share, oldest: Entry) -> None:
        share.waiting.popleft()
        share.size -= oldest.size
        share.evicted_n = oldest.n
        del self._entries[oldest.n]
        self._budget.gave(oldest.size)

    def let_go(self) -> None:
        """Drop what is only kept for consumers that may come back: it can be read again."""
        for share in self._shares.values():
            while share.waiting and not any(r.holds(share.waiting[0]) for r in self._readers):
                self._drop(share, share.waiting[0])
        self._shared.forget()

    @property
    def lacks_unproven(self) -> bool:
        """Whether events were let go that nobody has proven to have."""
        return any(s.evicted_n > max(s.proven_n, s.first_n) for s in self._shares.values())

    def _freed(self, share: Share) -> int:
        """Up to where a stream's readers can do without it; what nobody reads, has proven to be."""
        reached = (r.reached(share) for r in self._readers if r.wants(share))
        return min(reached, default=share.proven_n)

    def _held_elsewhere(self, entry: Entry) -> bool:
        """Whether a reader is still to be given it though it does not want the stream's items."""
        return any(r.holds(entry) for r in self._readers if not r.wants(entry))

    def append(self, share: Share, draft: Draft) -> EventRef:
        """Number an event, spell it, and wake the readers. Call `reserve` before."""
        self.head += 1
        share.offset += 1
        share.last_n = self.head
        if draft.ordinal is not None:
            share.last_item_n = self.head
        ref = EventRef(self.epoch, self.head)
        encoded = self._encode(draft, ref, share)
        entry = Entry(
            n=self.head,
            stream_id=share.stream_id,
            stream_type=share.stream_type,
            encoded=encoded,
            ordinal=draft.ordinal,
            item_id=draft.item_id,
            batch_size=share.batch_size,
            size=encoded.size,
        )
        self._entries[self.head] = entry
        share.waiting.append(entry)
        share.size += entry.size
        self._budget.took(self, entry.size)
        self._wake()
        return ref

    def _wake(self) -> None:
        # Until one of them has taken what there is, all of them know.
        if not self._all_awake:
            self._all_awake = True
            for reader in self._readers:
                reader.wake()

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
        share.keep_mark(mark)

    def wanted(self, share: Share) -> bool:
        """Whether any reader takes this stream."""
        return any(reader.wants(share) for reader in self._readers)

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
            told = [share for share in self._shares.values() if subscription.hears(share)]
            floors = {share.stream_id: share.proven_n for share in told}
            reader.start(min(floors.values(), default=self.head), floors)
        else:
            reader.start(after, floors or {})
        self._readers.add(reader)
        self._all_awake = False
        for share in self._shares.values():
            share.free_n = share.evicted_n
            self._settle(share)
            share.changed.fire()
        return reader

    def detach(self, reader: Reader) -> None:
        """The reader is gone; what it did not prove waits for others."""
        self._readers.discard(reader)
        self.settle()

    def reaches(
        self, subscription: Subscription, n: int, floors: Mapping[str, int] | None = None
    ) -> bool:
        """Whether everything after event `n` that the subscription wants is still here."""
        return n <= self.head and all(
            share.keeps_after(max(n, (floors or {}).get(share.stream_id, 0)))
            for share in self._shares.values()
            if subscription.wants(share)
        )

    def unheard(self, subscription: Subscription, n: int) -> dict[str, int]:
        """Wanted streams with items at or before event `n` that nobody was ever given.

        By stream id: up to where it is proven. Who names `n` as its place did not want them before.
        """
        return {
            share.stream_id: share.proven_n
            for share in self._shares.values()
            if subscription.wants(share)
            and any(
                max(share.heard_n, share.proven_n) < entry.n <= n and entry.ordinal is not None
                for entry in share.waiting
            )
        }

    def behind(self, reader: Reader, subscription: Subscription) -> bool:
        """Whether a new subscription wants events that lie before the reader's place."""
        return any(
            subscription.wants(share)
            and not reader.wants(share)
            and any(entry.n > share.proven_n for entry in share.waiting)
            and share.proven_n < reader.taken
            for share in self._shares.values()
        )

    def run(self, reader: Reader, limit: int, size: int) -> Run:
        """What a reader is given next, made once for all who stand at its place."""
        self._all_awake = False
        if len(self._readers) == 1:
            return self._run(reader, limit, size)
        run = self._shared.found(reader, self.head, limit)
        if run is None:
            run = self._run(reader, limit, size)
            self._shared.keep(run, reader, self.head, limit)
        return run

    def _run(self, reader: Reader, limit: int, size: int) -> Run:
        chosen: list[Entry] = []
        end, all_due = reader.taken, reader.subscription.everything and not reader.floors
        for entry in self._after(end):
            if all_due or reader.is_due(entry):
                size -= entry.size
                if len(chosen) == limit or (chosen and size < 0):
                    break
                chosen.append(entry)
            end = entry.n
        else:
            # The newest numbers may be those of events that are gone.
            end = max(end, self.head)
        return Run(entries=tuple(chosen), end=end, epoch=self.epoch, revision=self.revision)

    def _forget_run(self) -> None:
        self._shared.forget()
        self.revision += 1

    def _after(self, n: int) -> Iterator[Entry]:
        """Entries with a number above `n`, in order."""
        # Numbers have holes where proven events were dropped: walk whichever is shorter.
        if self.head - n <= 2 * len(self._entries):
            numbers: Iterable[int] = range(n + 1, self.head + 1)
        else:
            numbers = sorted(k for k in self._entries if k > n)
        return filter(None, map(self._entries.get, numbers))

    def keeps(self, entry: Entry) -> bool:
        """Whether an entry is still in the window."""
        return self._entries.get(entry.n) is entry

    def least_reached(self, share: Share) -> int | None:
        """How far the reader has come that is furthest back of those that take this stream."""
        places = [
            max(reader.proven_n, reader.floors.get(share.stream_id, 0))
            for reader in self._readers
            if reader.wants(share)
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
            if entry.n > share.heard_n and self.keeps(entry):
                share.heard_n = entry.n

    def stir(self) -> None:
        """Wake all who wait at a share: something beside the window has changed."""
        for share in self._shares.values():
            share.changed.fire()

    def resubscribed(self) -> None:
        """A reader wants other streams than those it was given."""
        self._forget_run()
        for share in self._shares.values():
            share.free_n = share.evicted_n
        self.settle()

    def settle(self) -> None:
        """A reader has proven more, wants other streams, or is gone."""
        self.proved.fire()
        self._shared.settle(self._readers)
        for share in self._shares.values():
            self._settle(share)
            share.changed.fire()
        if self._budget.full:
            # Nobody could let go when it was filled. Who can now does, or all wait for ever.
            self.let_go()
            self._budget.freed.fire()

    def _settle(self, share: Share) -> None:
        readers = [reader for reader in self._readers if reader.wants(share)]
        if not readers:
            return
        share.prove(min(reader.proven_n for reader in readers))
        if share.marks and any(r.subscription.proves is Proves.NEXT_REQUEST for r in readers):
            share.note(min(reader.reached(share) for reader in readers))

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
        self._forget_run()
        for reader in self._readers:
            reader.start(0, {})
