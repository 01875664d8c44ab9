"""What a stream does when its provider will not, and what its consumers are told."""

import anyio
import pytest
from support.runner_bench import bench
from support.scripted_provider import Source
from support.streaming import kinds
from support.virtual_time import settle

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
from scp_server.engine.shares import ShareLimits

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


async def test_a_provider_that_was_waited_for_long_is_told_of_at_the_first_failure() -> None:
    silent = ProviderUnavailable("did not answer in time")
    silent.lasting = True
    async with bench(Source(items=5, troubles={"backfill": [silent]})) as b:
        eater = b.consumer()
        told = await eater.until("stream_error")
        assert told.data["code"] == "PROVIDER_UNAVAILABLE"
        await b.done.wait()
        assert len(eater.ids) == 5


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


async def test_a_renewal_that_comes_while_the_trouble_is_not_yet_told_is_not_missed() -> None:
    source = Source(items=30, step=10, pause=1.0)
    async with bench(source, limits=ShareLimits(events=1)) as b:
        while source.calls.count("backfill") < 2:
            await source.called.wait()
        source.troubles["backfill"] = [ConsentLost("withdrawn")]
        await anyio.sleep(5)
        assert source.raised_at == 3
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
        await anyio.sleep(100)
        assert isinstance(b.failure, RequestRefused)
        assert len(source.calls) == source.raised_at


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
