"""The window and its readers against a plain model, over any course of what may happen to them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.streaming import config_of, stream_of
from support.taking import take, wrote
from support.virtual_time import VirtualLoop
from support.window_model import LIMITS, TYPES, Consumer, Modelled, Told, subscriptions

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import Place
from scp_server.engine.readers import Proves, Subscription
from scp_server.engine.shares import Draft, Mark
from scp_server.engine.window import Window
from scp_wire.events import EventType
from scp_wire.stream_types import Provider, StreamType

T = TypeVar("T")


class WindowMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.window = Window(Provider.GOOGLE, "e" * 12, LIMITS)
        self.epochs = 1
        self.head = 0
        self.places = 0
        self.streams: dict[StreamType, Modelled] = {}
        self.consumers: list[Consumer] = []
        self.left: list[int] = []
        self.ordinals = dict.fromkeys(TYPES, 0)
        for stream_type in TYPES[:2]:
            self.open_a_stream(stream_type)

    def teardown(self) -> None:
        self.loop.close()

    def _now(self, what: Callable[[], Awaitable[T]]) -> T | None:
        """What it gives at once, None when it waits."""

        async def briefly() -> T | None:
            with anyio.move_on_after(0.001):
                return await what()
            return None

        return self.loop.run_until_complete(briefly())

    def _wanting(self, stream_type: StreamType) -> list[Consumer]:
        share = self.streams[stream_type].share
        return [c for c in self.consumers if c.reader.wants(share)]

    def _settle(self) -> None:
        for stream_type, stream in self.streams.items():
            wanting = self._wanting(stream_type)
            if wanting:
                last = stream.events[-1].n if stream.events else stream.started
                stream.proven = max(stream.proven, min(*(c.proven for c in wanting), last))
                self._note(stream, wanting)

    def _note(self, stream: Modelled, wanting: list[Consumer]) -> None:
        """Who proves by naming a place may name one after a restart: it is kept when written."""
        if any(c.proves is Proves.NEXT_REQUEST for c in wanting):
            reached = min(c.reached(stream) for c in wanting)
            marked = [n for n, _ in stream.marks if stream.proven < n <= reached]
            stream.noted = max(stream.noted, *marked, 0)

    def _due(self, consumer: Consumer, event: Told) -> bool:
        stream = self.streams[event.stream_type]
        return (
            event.n > consumer.floors.get(event.stream_type, 0)
            and event.n not in stream.dropped
            and (
                consumer.reader.subscription.hears(stream.share)
                if event.ordinal is None
                else consumer.reader.wants(stream.share)
            )
        )

    # -- what may happen -----------------------------------------------------------------------

    @precondition(lambda self: len(self.streams) < len(TYPES))
    @rule(data=st.data())
    def open_another_stream(self, data: st.DataObject) -> None:
        closed = sorted(set(TYPES) - set(self.streams))
        self.open_a_stream(data.draw(st.sampled_from(closed)))

    def open_a_stream(self, stream_type: StreamType) -> None:
        reported: list[Mark] = []
        stream = stream_of(config_of(stream_type), f"stream-{stream_type}")
        share = self.window.open(stream, reported.append, 0)
        modelled = Modelled(share, reported, self.head, proven=self.head)
        share.on_noted = modelled.reported_noted.append
        self.streams[stream_type] = modelled

    @precondition(lambda self: self.streams)
    @rule(
        data=st.data(),
        size=st.sampled_from([20, 20, 300, 2000, 9000]),
        item=st.sampled_from([True, True, False]),
        count=st.integers(min_value=1, max_value=7),
    )
    def append(self, data: st.DataObject, size: int, count: int, *, item: bool) -> None:
        stream_type = data.draw(st.sampled_from(sorted(self.streams)))
        for _ in range(count):
            self._append(stream_type, size, item=item)

    def _append(self, stream_type: StreamType, size: int, *, item: bool) -> None:
        stream = self.streams[stream_type]
        draft = Draft(
            event_type=EventType.DATA_UPDATE if item else EventType.STREAM_STARTED,
            body=b'{"x":"%b"}' % (b"x" * size),
            timestamp=1.0,
            ordinal=self.ordinals[stream_type] + 1 if item else None,
        )

        async def put() -> EventRef:
            await self.window.reserve(stream.share, draft.room)
            return self.window.append(stream.share, draft)

        ref = self._now(put)
        if ref is None:
            self._held_back_for_a_reason(stream_type, stream)
            return
        self.head += 1
        assert ref == EventRef(self.window.epoch, self.head)
        self.ordinals[stream_type] += item
        offset = stream.events[-1].offset + 1 if stream.events else 1
        stream.events.append(Told(self.head, stream_type, offset, draft.ordinal))

    def _held_back_for_a_reason(self, stream_type: StreamType, stream: Modelled) -> None:
        oldest = stream.share.waiting[0]
        told = next(e for e in stream.events if e.n == oldest.n)
        owed = any(self._due(c, told) and told.n > c.reached(stream) for c in self.consumers)
        unread = not self._wanting(stream_type) and told.n > stream.proven
        assert owed or unread, "what all were written or have proven makes room"

    @precondition(lambda self: self.streams)
    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        stream = self.streams[data.draw(st.sampled_from(sorted(self.streams)))]
        self.places += 1
        n = max([stream.started, *(e.n for e in stream.events)])
        stream.marks.append((n, self.places))
        before = len(stream.reported)
        self.window.mark(stream.share, Place(taken=self.places), items=0)
        if not self._wanting(stream.share.stream_type):
            assert len(stream.reported) == before, "a stream that nobody reads does not move"

    @precondition(lambda self: len(self.consumers) < 3)
    @rule(wanted=subscriptions)
    def attach_without_a_place(self, wanted: Subscription) -> None:
        reader = self.window.attach(wanted, None)
        heard = {key: each for key, each in self.streams.items() if wanted.hears(each.share)}
        start = min((each.proven for each in heard.values()), default=self.head)
        # What was written to who proves by naming it may be gone unproven.
        floors = {key: max(each.proven, each.share.evicted_n) for key, each in heard.items()}
        self.consumers.append(Consumer(reader, start, floors, start, start))
        self._settle()

    @precondition(lambda self: self.left)
    @rule(data=st.data(), wanted=subscriptions)
    def come_back_to_a_place(self, data: st.DataObject, wanted: Subscription) -> None:
        self._come_back(data.draw(st.sampled_from(self.left)), wanted)

    def _come_back(self, place: int, wanted: Subscription) -> None:
        if not self.window.reaches(wanted, place):
            wanted_streams = [s for t, s in self.streams.items() if wanted.wants(s.share)]
            assert any(s.share.evicted_n > place for s in wanted_streams)
            return
        reader = self.window.attach(wanted, place)
        # Of streams that it does not want, what was told is told as far as it is still here.
        gone = {t: s.share.evicted_n for t, s in self.streams.items() if not wanted.wants(s.share)}
        self.consumers.append(Consumer(reader, place, gone, place, place))
        self._settle()

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), overlapping=st.booleans())
    def name_a_place_in_the_next_request(self, data: st.DataObject, *, overlapping: bool) -> None:
        """The new one may come before it is seen that the old one is gone."""
        consumer = data.draw(st.sampled_from(self.requests))
        places = [event.n for event in consumer.taken if event.n <= consumer.written]
        place = data.draw(st.sampled_from([*places, consumer.proven]))
        if not overlapping:
            self._detach(consumer)
        self._come_back(place, consumer.reader.subscription)
        if overlapping:
            self._detach(consumer)

    @property
    def requests(self) -> list[Consumer]:
        return [c for c in self.consumers if c.proves is Proves.NEXT_REQUEST]

    @property
    def provers(self) -> list[Consumer]:
        return [c for c in self.consumers if c.proves is not Proves.NEXT_REQUEST]

    @precondition(lambda self: self.consumers)
    @rule(data=st.data(), limit=st.integers(min_value=1, max_value=9))
    def take(self, data: st.DataObject, limit: int) -> None:
        self._take(data.draw(st.sampled_from(self.consumers)), limit)

    def _take(self, consumer: Consumer, limit: int) -> None:
        if consumer.proves is Proves.ACK:
            limit = min(limit, consumer.reader.subscription.window - consumer.on_the_way)
        if limit <= 0:
            return
        due = [
            event
            for stream in self.streams.values()
            for event in stream.events
            if event.n > consumer.at and self._due(consumer, event)
        ]
        due = sorted(due, key=lambda event: event.n)[:limit]
        taken = self._now(lambda: take(consumer.reader, limit))
        entries = taken.entries if taken else ()
        assert [e.n for e in entries] == [e.n for e in due]
        assert [e.encoded.offset for e in entries] == [e.offset for e in due]
        # Where it stands: past all it has looked at, so that nothing comes twice.
        at = due[-1].n if len(due) == limit else self.head
        assert consumer.at <= at
        consumer.at = at
        consumer.taken += due
        consumer.given += entries

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def take_and_prove(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(self.consumers))
        self._take(consumer, 9)
        if consumer.taken and consumer in self.provers:
            self._prove(consumer, consumer.taken[-1].n)

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(self.consumers))
        if not consumer.given:
            return
        wrote(consumer.reader, consumer.given, self.window.epoch)
        for entry in consumer.given:
            if entry.ordinal is not None:
                stream = self.streams[entry.stream_type]
                stream.written = max(stream.written, entry.ordinal)
        consumer.written = consumer.given[-1].n
        consumer.given = []
        if consumer.proves is Proves.NEXT_REQUEST:
            self._settle()

    @precondition(lambda self: self.provers)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(self.provers))
        if not consumer.taken:
            return
        self._prove(consumer, data.draw(st.sampled_from([event.n for event in consumer.taken])))

    def _prove(self, consumer: Consumer, n: int) -> None:
        consumer.reader.proven(EventRef(self.window.epoch, n))
        if n > consumer.proven:
            consumer.proven = n
            self._settle()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data(), n=st.integers(min_value=0, max_value=500))
    def claim_what_was_never_taken(self, data: st.DataObject, n: int) -> None:
        consumer = data.draw(st.sampled_from(self.consumers))
        consumer.reader.proven(EventRef("f" * 12, n))
        consumer.reader.proven(EventRef(self.window.epoch, consumer.reader.taken + 1 + n))
        assert consumer.reader.proven_n == consumer.proven

    @precondition(lambda self: self.consumers)
    @rule(data=st.data(), wanted=subscriptions)
    def subscribe(self, data: st.DataObject, wanted: Subscription) -> None:
        consumer = data.draw(st.sampled_from(self.consumers))
        if self.window.behind(consumer.reader, wanted):
            lost = [t for t, s in self.streams.items() if wanted.wants(s.share)]
            self.wind_back()
            for stream_type in lost:
                self.open_a_stream(stream_type)
        for stream_type, stream in self.streams.items():
            if wanted.wants(stream.share) and not consumer.reader.wants(stream.share):
                # What others have proven and is gone was never owed to it.
                floor = consumer.floors.get(stream_type, 0)
                consumer.floors[stream_type] = max(floor, stream.share.evicted_n)
        consumer.reader.subscribe(wanted)
        self._settle()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def detach(self, data: st.DataObject) -> None:
        self._detach(data.draw(st.sampled_from(self.consumers)))

    def _detach(self, consumer: Consumer) -> None:
        self.consumers.remove(consumer)
        consumer.reader.detach()
        self.left.append(consumer.reader.proven_n)
        self._settle()

    @precondition(lambda self: any(len(s.events) > 9 for s in self.streams.values()))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        stream = self.streams[data.draw(st.sampled_from(sorted(self.streams)))]
        self.window.drop(stream.share)
        stream.dropped |= {event.n for event in stream.events}
        stream.marks.clear()
        stream.reported.clear()
        stream.noted = 0
        stream.reported_noted.clear()

    @precondition(lambda self: self.head > 20)
    @rule(reopened=st.sets(st.sampled_from(TYPES), min_size=1))
    def wind_back_and_begin_again(self, reopened: set[StreamType]) -> None:
        self.wind_back()
        for stream_type in sorted(reopened):
            self.open_a_stream(stream_type)

    def wind_back(self) -> None:
        self.epochs += 1
        epoch = f"{self.epochs:012x}"
        self.window.rewind(epoch)
        assert self.window.epoch == epoch
        assert not self.window.shares
        self.streams.clear()
        self.left.clear()
        self.head = 0
        for consumer in self.consumers:
            consumer.at = consumer.proven = consumer.written = 0
            consumer.floors = {}
            consumer.taken, consumer.given = [], []

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def a_share_keeps_its_limits(self) -> None:
        for stream in self.streams.values():
            share = stream.share
            assert len(share.waiting) <= LIMITS.events
            assert share.size == sum(entry.encoded.size for entry in share.waiting)
            assert share.size <= LIMITS.size or len(share.waiting) == 1

    @invariant()
    def a_mark_is_reported_when_all_have_proven_it_and_in_order(self) -> None:
        for stream_type, stream in self.streams.items():
            # What counts is which of the stream's own events are proven: the share notes a proof
            # that reaches beyond them only when it has newer ones.
            own = [told.n for told in stream.events]
            assert [n for n in own if n <= stream.share.proven_n] == [
                n for n in own if n <= stream.proven
            ]
            reached = [place for n, place in stream.marks if n <= stream.proven]
            told = [mark.place.taken for mark in stream.reported]
            assert told == sorted(told)
            assert set(told) <= set(reached)
            if self._wanting(stream_type):
                assert told[-1:] == reached[-1:]

    @invariant()
    def a_mark_is_noted_when_all_were_written_what_is_before_it(self) -> None:
        for stream in self.streams.values():
            noted = [mark.n for mark in stream.reported_noted]
            assert noted == sorted(set(noted))
            assert noted[-1:] == ([stream.noted] if stream.noted else [])

    @invariant()
    def what_somebody_needs_is_kept(self) -> None:
        for stream in self.streams.values():
            kept = {entry.n for entry in stream.share.waiting}
            for consumer in self.consumers:
                needed = [
                    event.n
                    for event in stream.events
                    if event.n > max(consumer.at, consumer.reached(stream))
                    and self._due(consumer, event)
                ]
                assert set(needed) <= kept

    @invariant()
    def readers_are_where_they_should_be(self) -> None:
        for consumer in self.consumers:
            assert consumer.reader.proven_n == consumer.proven
            assert consumer.reader.epoch == self.window.epoch
            places = [event.n for event in consumer.taken]
            assert places == sorted(set(places))

    @invariant()
    def items_are_counted_once(self) -> None:
        for stream in self.streams.values():
            assert stream.share.items_written == stream.written


WindowMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
test_window_and_readers_do_as_the_model = WindowMachine.TestCase
