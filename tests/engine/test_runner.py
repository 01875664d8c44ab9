"""One stream over a real window: what a consumer gets, and what is asked of the provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from support.streaming import (
    DirectLink,
    Eater,
    ScriptedConnector,
    Source,
    config_of,
    kinds,
    stream_of,
)
from support.time_and_chance import RecordedChance
from support.virtual_time import LoopClock, settle

from scp_server.domain.errors import (
    ConsentLost,
    PositionLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
)
from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import Phase, Place
from scp_server.engine.readers import Subscription
from scp_server.engine.runner import Progress, Runner, StreamFailed, Surroundings
from scp_server.engine.signal import Signal
from scp_server.engine.window import Mark, Share, ShareLimits, Window
from scp_wire.stream_types import Provider


@dataclass(kw_only=True)
class Bench:
    """A runner with its window, and somewhere to put consumers."""

    source: Source
    tasks: TaskGroup
    settings: dict[str, Any] = field(default_factory=dict)
    limits: ShareLimits = field(default_factory=ShareLimits)
    place: Place = field(default_factory=Place)
    items: int = 0

    def __post_init__(self) -> None:
        stream = stream_of(config_of(**self.settings))
        self.window = Window(Provider.GOOGLE, "abcdefabcdef", self.limits)
        self.marks: list[Mark] = []
        self.share: Share = self.window.open(stream, self.marks.append, self.items)
        self.progress = Progress()
        self.consented = Signal()
        self.failure: ProviderError | None = None
        self.done = anyio.Event()
        around = Surroundings(
            window=self.window,
            share=self.share,
            connector=ScriptedConnector(self.source),
            link=DirectLink(self.source),
            clock=LoopClock(),
            chance=RecordedChance(uniform=0.0),
            cursor=lambda ref: f"cursor:{ref}",
            consented=self.consented,
        )
        self.runner = Runner(
            stream=stream,
            around=around,
            progress=self.progress,
            place=self.place,
            items=self.items,
        )
        self.scope = anyio.CancelScope()
        self.tasks.start_soon(self._run)

    async def _run(self) -> None:
        with self.scope:
            try:
                await self.runner.run()
            except StreamFailed as failed:
                self.failure = failed.error
            self.done.set()

    def consumer(self, **changes: Any) -> Eater:  # noqa: ANN401  (any field)
        """A consumer of everything that is unproven."""
        eater = Eater(self.window.attach(Subscription(), None), **changes)
        self.tasks.start_soon(eater.run)
        return eater


@asynccontextmanager
async def bench(source: Source, **changes: Any) -> AsyncIterator[Bench]:  # noqa: ANN401
    with anyio.fail_after(3000):
        async with anyio.create_task_group() as tasks:
            yield Bench(source=source, tasks=tasks, **changes)
            tasks.cancel_scope.cancel()


async def test_a_backfill_gives_every_item_in_order_between_its_beginning_and_its_end() -> None:
    async with bench(Source(items=500)) as b:
        eater = b.consumer()
        await b.done.wait()
        assert eater.ids == b.source.ids
        assert kinds(eater.events) == ["stream_started", "data_update", "stream_completed"]
        assert [e.offset for e in eater.events] == list(range(1, 503))
        assert b.failure is None


async def test_a_stream_is_completed_only_when_the_last_word_has_proven_to_have_arrived() -> None:
    async with bench(Source(items=10)) as b:
        eater = b.consumer(proving=False)
        await eater.until("stream_completed")
        await anyio.sleep(500)
        assert not b.done.is_set()
        assert b.progress.reason == "delivering"
        eater.prove()
        await b.done.wait()
        assert b.marks[-1].place.phase is Phase.READ


async def test_a_consumer_that_proves_the_end_and_leaves_at_once_has_completed_the_stream() -> None:
    async with bench(Source(items=10)) as b:
        eater = b.consumer(proving=False)
        await eater.until("stream_completed")
        eater.prove()
        eater.reader.detach()
        await b.done.wait()


@pytest.mark.parametrize("real_time", [True, False])
async def test_without_a_consumer_it_reads_one_batch_and_waits(
    real_time: bool,  # noqa: FBT001
) -> None:
    settings = {"batch_size": 20, "real_time": real_time}
    async with bench(Source(items=200, step=5), settings=settings) as b:
        await anyio.sleep(1000)
        assert b.progress.items_read == 20
        assert b.progress.reason == "waiting_for_consumer"
        eater = b.consumer()
        await eater.until_items(200)
        assert eater.ids == b.source.ids


async def test_a_consumer_that_leaves_stops_the_reading_within_what_is_under_way() -> None:
    async with bench(Source(items=10_000, step=10), limits=ShareLimits(events=30)) as b:
        eater = b.consumer()
        await eater.until_items(100)
        eater.reader.detach()
        await anyio.sleep(1000)
        read = b.progress.items_read
        await anyio.sleep(1000)
        assert b.progress.items_read == read <= len(eater.ids) + 30 + 3 * 10


async def test_a_slow_consumer_holds_the_reading_back() -> None:
    limits = ShareLimits(events=20)
    async with bench(Source(items=1000, step=10), limits=limits) as b:
        reader = b.window.attach(Subscription(), None)
        await anyio.sleep(1000)
        assert len(b.share.waiting) == 20
        assert b.progress.items_read <= 20 + 3 * 10, "the window, and what is on its way to it"
        taken = await reader.take(5)
        reader.proven(EventRef(reader.epoch, taken.entries[-1].n))
        await anyio.sleep(1000)
        assert b.share.last_n == 25


async def test_bytes_hold_the_reading_back_as_well() -> None:
    limits = ShareLimits(events=1000, size=50_000)
    async with bench(Source(items=1000, step=5, text="x" * 3000), limits=limits) as b:
        b.window.attach(Subscription(), None)
        await anyio.sleep(1000)
        assert 10 < len(b.share.waiting) < 20
        assert b.share.size <= 50_000


async def test_an_item_larger_than_the_share_is_given_by_itself() -> None:
    limits = ShareLimits(events=1000, size=2000)
    async with bench(Source(items=9, text="x" * 3000), limits=limits) as b:
        eater = b.consumer()
        await b.done.wait()
        assert eater.ids == b.source.ids


TROUBLES = {
    "bookmark": [ProviderRateLimited("slower", retry_after=7.0), ProviderUnavailable("away")],
    "backfill": [ProviderProtocolError("html"), ProviderUnavailable("away")],
}


@pytest.mark.parametrize("real_time", [True, False])
async def test_trouble_that_passes_loses_and_repeats_nothing(
    real_time: bool,  # noqa: FBT001
) -> None:
    source = Source(items=50, troubles={k: list(v) for k, v in TROUBLES.items()})
    async with bench(source, settings={"real_time": real_time}) as b:
        eater = b.consumer()
        await eater.until_items(50)
        assert eater.ids == source.ids


async def test_lasting_trouble_is_told_once_with_when_it_is_tried_again() -> None:
    away: list[ProviderError] = [ProviderUnavailable("away") for _ in range(6)]
    source = Source(items=5, troubles={"backfill": away})
    async with bench(source) as b:
        eater = b.consumer()
        told = await eater.until("stream_error")
        assert told.data["code"] == "PROVIDER_UNAVAILABLE"
        assert told.data["fatal"] is False
        assert told.data["retry_at"] > told.timestamp
        assert b.progress.reason == "PROVIDER_UNAVAILABLE"
        await b.done.wait()
        assert [e.event_type for e in eater.events].count("stream_error") == 1


async def test_trouble_of_another_kind_is_told_as_well() -> None:
    troubles: list[ProviderError] = [
        ProviderUnavailable("away"),
        ProviderUnavailable("away"),
        ConsentLost("withdrawn"),
        ConsentLost("withdrawn"),
    ]
    async with bench(Source(items=5, troubles={"backfill": troubles})) as b:
        eater = b.consumer()
        await b.done.wait()
        codes = [e.data["code"] for e in eater.events if e.event_type == "stream_error"]
        assert codes == ["PROVIDER_UNAVAILABLE", "TOKEN_EXPIRED"]


@pytest.mark.parametrize("error", [ConsentLost("withdrawn"), ScopeMissing("too little")])
async def test_a_lost_consent_is_waited_for_and_a_renewal_goes_on(error: ProviderError) -> None:
    async with bench(Source(items=30, step=10, troubles={"backfill": [error] * 2})) as b:
        eater = b.consumer()
        told = await eater.until("stream_error")
        assert told.data["code"] == error.code
        lost = error.code == "TOKEN_EXPIRED"
        assert b.progress.reason == ("needs_consent" if lost else "INSUFFICIENT_SCOPE")
        before = anyio.current_time()
        for _ in range(2):
            await settle()
            b.consented.fire()
        await b.done.wait()
        assert anyio.current_time() - before < 5, "nobody waited for the next look"
        assert eater.ids == b.source.ids


async def test_a_renewal_that_comes_while_the_trouble_is_told_is_not_missed() -> None:
    lost = ConsentLost("withdrawn")
    limits = ShareLimits(events=1)
    source = Source(items=3, troubles={"backfill": [lost]})
    async with bench(source, limits=limits) as b:
        await settle()
        b.consented.fire()
        before = anyio.current_time()
        eater = b.consumer()
        await b.done.wait()
        assert eater.ids == source.ids
        assert anyio.current_time() - before < 5


async def test_a_refused_request_ends_the_stream_and_asks_no_more() -> None:
    source = Source(items=30, troubles={"backfill": [RequestRefused("cannot parse")]})
    async with bench(source) as b:
        b.consumer()
        await b.done.wait()
        assert isinstance(b.failure, RequestRefused)
        await anyio.sleep(100)
        assert source.calls == ["backfill"]


async def test_a_refusal_behind_a_full_window_asks_no_more_either() -> None:
    source = Source(items=300, step=10)
    async with bench(source, limits=ShareLimits(events=5)) as b:
        eater = b.consumer(proving=False)
        await settle()
        source.troubles["backfill"] = [RequestRefused("cannot parse")]
        eater.proving = True
        eater.prove()
        await b.done.wait()
        calls = len(source.calls)
        await anyio.sleep(100)
        assert isinstance(b.failure, RequestRefused)
        assert len(source.calls) == calls


async def test_a_lost_position_is_told_and_everything_read_again() -> None:
    source = Source(items=40, step=10)
    async with bench(source, settings={"real_time": True}) as b:
        eater = b.consumer()
        await eater.until_items(40)
        source.troubles["follow"] = [PositionLost("too old")]
        gap = await eater.until("stream_gap")
        assert gap.data["reason"] == "position_lost"
        assert gap.data["reread"] is True
        assert gap.data["complete_listing"] is True
        assert gap.data["after_event_id"] == eater.events[40].event_id
        await eater.until("stream_resumed")
        assert eater.ids == source.ids * 2
        assert kinds(eater.events) == [
            "stream_started",
            "data_update",
            "stream_gap",
            "data_update",
            "stream_resumed",
        ]


async def test_a_bounded_reading_again_does_not_claim_to_be_complete() -> None:
    source = Source(items=40, step=10, troubles={"backfill": [PositionLost("too old")]})
    async with bench(source, settings={"max_results": 15}) as b:
        eater = b.consumer()
        gap = await eater.until("stream_gap")
        assert gap.data["complete_listing"] is False
        await b.done.wait()
        assert eater.ids == source.ids[:15]
        assert b.progress.items_read == 15


async def test_a_provider_that_loses_every_position_is_not_hammered() -> None:
    lost: list[ProviderError] = [PositionLost("too old") for _ in range(20)]
    source = Source(items=40, step=10, troubles={"follow": lost})
    async with bench(source, settings={"real_time": True}) as b:
        b.consumer()
        await anyio.sleep(300)
        assert source.calls.count("bookmark") <= 300 / 30 + 2


async def test_changes_are_followed_after_the_backfill_and_during_it() -> None:
    source = Source(items=40, step=1, pause=3.0)
    async with bench(source, settings={"real_time": True}) as b:
        eater = b.consumer()
        await eater.until_items(5)
        source.happen("new0")
        await eater.until_items(20)
        assert "new0" in eater.ids
        await eater.until_items(41)
        source.happen("new1", "new2")
        await eater.until_items(43)
        live = [e for e in eater.events if e.data.get("origin") == "live"]
        assert [e.data["payload"]["id"] for e in live] == ["new0", "new1", "new2"]
        assert source.calls[0] == "bookmark"


async def test_what_happens_between_bookmark_and_backfill_is_not_missed() -> None:
    source = Source(items=10, step=10, pause=1.0)
    async with bench(source, settings={"real_time": True}) as b:
        eater = b.consumer()
        while "bookmark" not in source.calls:
            await source.called.wait()
        source.happen("early")
        await eater.until_items(11)
        assert sorted(eater.ids) == sorted([*source.ids, "early"])


async def test_a_stream_keeps_to_its_own_pace() -> None:
    settings = {"batch_size": 10, "rate_limit_per_minute": 6}
    async with bench(Source(items=120, step=10), settings=settings) as b:
        eater = b.consumer()
        started = anyio.current_time()
        await eater.until_items(60)
        assert anyio.current_time() - started < 60
        await settle()
        assert b.progress.reason == "rate_limited"
        await eater.until_items(61)
        assert anyio.current_time() - started >= 60
        await b.done.wait()


async def test_a_quiet_account_is_looked_at_less_often() -> None:
    source = Source(items=1)
    async with bench(source, settings={"real_time": True}) as b:
        b.consumer()
        await anyio.sleep(600)
        assert 600 / 30 <= source.calls.count("follow") <= 600 / 30 + 10
        assert b.progress.next_check_at is not None


async def test_cursors_stand_on_the_last_item_of_a_step_and_on_control_events() -> None:
    async with bench(Source(items=20, step=5)) as b:
        eater = b.consumer()
        await b.done.wait()
        marked = [e.event_id for e in eater.events if e.cursor]
        lasts = [eater.events[k].event_id for k in (5, 10, 15, 20)]
        assert marked == [eater.events[0].event_id, *lasts, eater.events[-1].event_id]
        assert all(e.cursor == f"cursor:{e.event_id}" for e in eater.events if e.cursor)


@pytest.mark.parametrize("seed", range(60))
async def test_cut_off_anywhere_a_stream_goes_on_from_any_place_it_has_saved(seed: int) -> None:
    settings = {"real_time": bool(seed % 2)}
    source = Source(items=60, step=9, pause=0.5)
    seen: dict[str, set[str]] = {}
    rows: list[Mark] = []
    async with bench(source, settings=settings, limits=ShareLimits(events=12)) as b:
        eater = b.consumer(proving=bool(seed % 3))
        await anyio.sleep(0.13 * seed)
        b.scope.cancel()
        await settle()
        rows = list(b.marks)
        first_run = list(eater.events)
    for place in [Place(), *(mark.place for mark in rows)]:
        n = max((m.n for m in rows if m.place == place), default=0)
        async with bench(source, settings=settings, place=place, items=0) as again:
            eater = again.consumer()
            missing = 60 - len({e.data["payload"]["id"] for e in first_run[:n] if _is_item(e)})
            await eater.until_items(missing)
            had = [e for e in first_run[:n] if _is_item(e)]
            got = had + [e for e in eater.events if _is_item(e)]
            assert {e.data["payload"]["id"] for e in got} == set(source.ids)
            for event in got:
                ids = seen.setdefault(event.data["payload"]["id"], set())
                ids.add(event.data["change_id"])
    assert all(len(ids) == 1 for ids in seen.values()), "repeats carry the same change_id"


def _is_item(event: Any) -> bool:  # noqa: ANN401
    return bool(event.event_type == "data_update")
