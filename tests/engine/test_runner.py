"""One stream over a real window: what a consumer gets, and what is asked of the provider."""

from typing import Any

import anyio
import pytest
from support.runner_bench import bench
from support.scripted_provider import Source
from support.streaming import kinds
from support.taking import take
from support.virtual_time import settle

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import Phase, Place, Position
from scp_server.engine.readers import Subscription
from scp_server.engine.shares import Mark, ShareLimits


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
        taken = await take(reader, 5)
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


@pytest.mark.parametrize("frozen", [True, False])
async def test_what_changed_during_a_backfill_has_the_last_word_where_the_backfill_was_frozen(
    frozen: bool,  # noqa: FBT001
) -> None:
    # The last item changes, a look tells so, and then the listing shows it as it was before.
    source = Source(items=100, step=7, frozen=frozen)
    place = Place(phase=Phase.BACKFILLING, since=Position(b"0"), resume=Position(b"98"))
    source.happen("m99")
    async with bench(source, settings={"real_time": True}, place=place) as b:
        eater = b.consumer()
        await eater.until_items(4 if frozen else 3)
        await anyio.sleep(500)
        assert eater.ids == ["m99", "m98", "m99", *(["m99"] if frozen else [])]
        live, _, listed, *again = (event.data["change_id"] for event in eater.events)
        assert live != listed
        assert again == ([live] if frozen else [])


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
