"""What a pump writes to a connection, when, and what it wrote down before."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import anyio
import msgspec
import pytest
from anyio.abc import TaskGroup
from hypothesis import given
from hypothesis import strategies as st
from support.engine import SilentMeter
from support.stores import MemoryAudit
from support.streaming import DIARY, MAIL, config_of, stream_of
from support.virtual_time import LoopClock, settle

from scp_server.access.limits import Limits, LimitValues
from scp_server.bus.memory import MemoryRateLimits
from scp_server.delivery.pump import Consumer, Outlet, frames, pump
from scp_server.domain.errors import StorageUnavailable
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.engine.readers import Entry, ReaderClosed, Subscription
from scp_server.engine.shares import Draft, Share, ShareLimits
from scp_server.engine.window import Window
from scp_wire import encode
from scp_wire.encode import MAX_EVENT_BYTES, Envelope
from scp_wire.events import Event, EventType
from scp_wire.stream_types import Provider, StreamType

SESSION = Secret("session-presented")


@dataclass
class RecordingWire:
    """A connection that keeps what is written to it, and can be slow or full."""

    audit: MemoryAudit
    events: list[Event] = field(default_factory=list)
    refs: list[EventRef | None] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    audited_before: list[int] = field(default_factory=list)
    before: Callable[[int], None] | None = None
    """Called with how many events were written, before each."""

    async def send(self, event: bytes, ref: EventRef | None) -> None:
        if self.before is not None:
            self.before(len(self.events))
        self.audited_before.append(sum(row.items for row in self.audit.rows))
        self.events.append(msgspec.json.decode(event, type=Event))
        self.refs.append(ref)
        self.sizes.append(len(event))
        self.times.append(anyio.current_time())

    @property
    def ids(self) -> list[str]:
        found: list[str] = []
        for event in self.events:
            if event.event_type == "data_update":
                found.append(event.data["payload"])
            elif event.event_type == "data_batch":
                found += [item["payload"] for item in event.data["items"]]
        return found


@dataclass
class Pumping:
    """A window, a pump on it, and the wire it writes to."""

    tasks: TaskGroup
    values: LimitValues
    subscription: Subscription
    batch_size: int = 100

    def __post_init__(self) -> None:
        self.window = Window(
            Provider.GOOGLE, "abcdefabcdef", ShareLimits(events=10_000, size=1 << 30)
        )
        self.shares = {t: self._open(t) for t in (MAIL, DIARY)}
        self.counts = dict.fromkeys(self.shares, 0)
        self.audit = MemoryAudit()
        self.clock = LoopClock()
        self.wire = RecordingWire(self.audit)
        self.limits = Limits(MemoryRateLimits(self.clock), self.values, self.clock)
        self.reader = self.window.attach(self.subscription, None)
        self.closed: str | None = None
        self.failed: StorageUnavailable | None = None

    def _open(self, stream_type: StreamType) -> Share:
        stream = stream_of(config_of(stream_type, batch_size=self.batch_size), f"s-{stream_type}")
        return self.window.open(stream, lambda _: None, 0)

    def items(self, count: int, stream_type: StreamType = MAIL, *, size: int = 0) -> None:
        for _ in range(count):
            self.counts[stream_type] += 1
            k = self.counts[stream_type]
            body = b'{"payload":"%b%d","text":"%b"}' % (stream_type[0].encode(), k, b"x" * size)
            self._append(EventType.DATA_UPDATE, body, stream_type, k)

    def control(self, stream_type: StreamType = MAIL) -> None:
        self._append(EventType.STREAM_RESUMED, b"{}", stream_type, None)

    def _append(
        self, event_type: EventType, body: bytes, stream_type: StreamType, ordinal: int | None
    ) -> None:
        draft = Draft(
            event_type=event_type,
            body=body,
            timestamp=1.0,
            ordinal=ordinal,
            item_id=None if ordinal is None else f"id-{ordinal}",
        )
        self.window.append(self.shares[stream_type], draft)

    def run(self) -> None:
        self.tasks.start_soon(self._run)

    async def _run(self) -> None:
        consumer = Consumer(
            connection="c",
            session_pk=1,
            session_id=SESSION,
            agent_id="an agent",
            provider="google",
        )
        outlet = Outlet(limits=self.limits, audit=self.audit, clock=self.clock, meter=SilentMeter())
        try:
            await pump(self.reader, self.wire, consumer, outlet)
        except ReaderClosed as end:
            self.closed = end.reason
        except StorageUnavailable as error:
            self.failed = error


@asynccontextmanager
async def pumping(
    *,
    per_minute: int = 0,
    batch: bool = False,
    **changes: Any,  # noqa: ANN401
) -> AsyncIterator[Pumping]:
    with anyio.fail_after(10_000):
        async with anyio.create_task_group() as tasks:
            values = LimitValues(stream_events_per_minute=per_minute)
            yield Pumping(tasks, values, Subscription(batch=batch), **changes)
            tasks.cancel_scope.cancel()


def entry(n: int, stream: str, *, item: bool, size: int, batch_size: int) -> Entry:
    body = b'{"x":"%b"}' % (b"x" * size)
    envelope = Envelope(provider="google", timestamp=1.0, event_id=f"abcdefabcdef-{n}", offset=n)
    return Entry(
        n=n,
        stream_id=stream,
        stream_type=MAIL,
        encoded=encode.encode(EventType.DATA_UPDATE, envelope, body),
        ordinal=n if item else None,
        item_id=str(n) if item else None,
        batch_size=batch_size,
    )


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from([1, 1, 200_000, 900_000])),
        max_size=30,
    ),
    st.integers(min_value=1, max_value=6),
    st.booleans(),
)
def test_events_are_cut_by_stream_kind_batch_size_and_a_mebibyte(
    given_entries: list[tuple[str, bool, int]],
    batch_size: int,
    batch: bool,  # noqa: FBT001
) -> None:
    entries = [
        entry(n, stream, item=item, size=size, batch_size=batch_size)
        for n, (stream, item, size) in enumerate(given_entries, 1)
    ]
    cut = list(frames(entries, batch=batch))
    assert [e for frame in cut for e in frame.entries] == entries, "all, in order"
    for frame in cut:
        assert len(frame.event("session-x")) <= MAX_EVENT_BYTES
        if len(frame.entries) > 1:
            assert batch
            assert len(frame.entries) <= batch_size
            assert all(e.ordinal is not None for e in frame.entries)
            assert len({e.stream_id for e in frame.entries}) == 1
    for one, other in pairwise(cut):
        joined = (*one.entries, other.entries[0])
        fits = sum(e.encoded.size + 40 for e in joined) < MAX_EVENT_BYTES - 8192
        alike = len({e.stream_id for e in joined}) == 1 and all(e.ordinal for e in joined)
        assert not (batch and alike and fits and len(joined) <= batch_size), "cut without need"


async def test_every_event_is_written_once_in_order_and_shows_the_presented_session() -> None:
    async with pumping() as p:
        p.control()
        p.items(150)
        p.run()
        await settle()
        p.items(5, DIARY)
        await settle()
        assert p.wire.ids == [f"g{k}" for k in range(1, 151)] + [f"c{k}" for k in range(1, 6)]
        assert p.wire.refs == [EventRef("abcdefabcdef", n) for n in range(1, 157)]
        assert {e.session_id for e in p.wire.events} == {SESSION.reveal()}
        assert p.shares[MAIL].items_written == 150


async def test_batches_carry_a_streams_items_up_to_its_batch_size() -> None:
    async with pumping(batch=True, batch_size=40) as p:
        p.control()
        p.items(100)
        p.items(3, DIARY)
        p.items(1)
        p.run()
        await settle()
        kinds = [e.event_type for e in p.wire.events]
        assert kinds == ["stream_resumed", *["data_batch"] * 4, "data_update"]
        sizes = [len(e.data["items"]) for e in p.wire.events[1:5]]
        assert sizes == [40, 40, 20, 3]
        offsets = [i["offset"] for e in p.wire.events[1:4] for i in e.data["items"]]
        assert offsets == list(range(2, 102))
        assert len(p.wire.ids) == len(set(p.wire.ids)) == 104


async def test_no_event_exceeds_a_mebibyte() -> None:
    async with pumping(batch=True) as p:
        p.items(12, size=300_000)
        p.run()
        await settle()
        assert len(p.wire.ids) == 12
        assert max(p.wire.sizes) <= MAX_EVENT_BYTES
        assert [len(e.data["items"]) for e in p.wire.events] == [3, 3, 3, 3]


@pytest.mark.parametrize("batch", [True, False])
async def test_nothing_is_written_before_its_audit_row(batch: bool) -> None:  # noqa: FBT001
    async with pumping(batch=batch, batch_size=10) as p:
        p.control()
        p.items(35)
        p.run()
        await settle()
        written = 0
        for event, audited in zip(p.wire.events, p.wire.audited_before, strict=True):
            written += len(event.data.get("items", [])) or event.event_type == "data_update"
            assert audited >= written
        row = p.audit.rows[0]
        assert (row.action, row.actor, row.stream_id) == (
            "delivered",
            "agent:an agent",
            f"s-{MAIL}",
        )
        assert sum(row.items for row in p.audit.rows) == 35
        assert [i for row in p.audit.rows for i in row.item_ids] == [
            f"id-{k}" for k in range(1, 36)
        ]


async def test_what_cannot_be_audited_is_not_written() -> None:
    async with pumping() as p:
        p.audit.broken = True
        p.items(1)
        p.run()
        await settle()
        assert p.failed is not None
        assert p.wire.events == []


async def test_pacing_delays_and_never_drops_and_warns_once_in_a_window() -> None:
    async with pumping(per_minute=100) as p:
        p.items(250)
        p.run()
        await anyio.sleep(200)
        assert p.wire.ids == [f"g{k}" for k in range(1, 251)]
        times = [t for t, e in zip(p.wire.times, p.wire.events, strict=True) if e.event_id]
        for first, hundred_and_first in zip(times, times[100:], strict=False):
            assert hundred_and_first - first >= 60
        warnings = [e for e in p.wire.events if e.event_type == "rate_limit_warning"]
        assert len(warnings) == 2
        assert warnings[0].data["remaining_quota"] == 10
        assert warnings[0].data["limit"] == 100
        assert p.wire.refs[p.wire.events.index(warnings[0])] is None


async def test_notices_neither_count_nor_wait_for_the_pace() -> None:
    async with pumping(per_minute=10) as p:
        p.items(30)
        p.run()
        await settle()
        envelope = Envelope(provider="google", timestamp=1.0)
        p.reader.notify(encode.encode(EventType.TOKEN_REFRESH, envelope, b"{}"))
        await settle()
        assert p.wire.events[-1].event_type == "token_refresh"
        await anyio.sleep(200)
        assert len(p.wire.ids) == 30


async def test_an_end_does_not_wait_for_the_pace_and_nothing_is_written_after_it() -> None:
    async with pumping(per_minute=10) as p:
        p.items(30)
        p.run()
        await settle()
        envelope = Envelope(provider="google", timestamp=1.0)
        p.reader.notify(encode.encode(EventType.SESSION_EXPIRED, envelope, b"{}"))
        p.reader.close("session_expired")
        await settle()
        assert p.closed == "session_expired"
        assert p.wire.events[-1].event_type == "session_expired"
        assert len(p.wire.ids) == 10


async def test_what_is_dropped_is_not_written_though_it_was_taken() -> None:
    async with pumping() as p:
        p.items(30)
        p.items(5, DIARY)
        p.wire.before = lambda n: p.window.drop(p.shares[MAIL]) if n == 10 else None
        p.run()
        await settle()
        assert p.wire.ids == [*(f"g{k}" for k in range(1, 12)), *(f"c{k}" for k in range(1, 6))]


async def test_what_is_not_wanted_any_more_is_not_written_though_it_was_taken() -> None:
    async with pumping() as p:
        p.items(30)
        p.items(5, DIARY)
        only_diary = Subscription(types=frozenset({DIARY}))
        p.wire.before = lambda n: p.reader.subscribe(only_diary) if n == 10 else None
        p.run()
        await settle()
        assert p.wire.ids == [*(f"g{k}" for k in range(1, 12)), *(f"c{k}" for k in range(1, 6))]


async def test_a_new_epoch_in_the_middle_begins_at_once() -> None:
    async with pumping() as p:
        p.items(30)

        def wind_back(written: int) -> None:
            if written == 10:
                p.window.rewind("fedcbafedcba")
                p.shares = {t: p._open(t) for t in (MAIL, DIARY)}
                p.items(4)

        p.wire.before = wind_back
        p.run()
        await settle()
        epochs = [ref.epoch for ref in p.wire.refs if ref]
        assert epochs == ["abcdefabcdef"] * 11 + ["fedcbafedcba"] * 4
        assert [ref.n for ref in p.wire.refs if ref][11:] == [1, 2, 3, 4]
        assert [e.offset for e in p.wire.events[11:]] == [1, 2, 3, 4]
        assert p.reader.written_ref == EventRef("fedcbafedcba", 4)
