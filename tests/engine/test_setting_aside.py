"""Items that cannot be read: told by id, counted, and no hindrance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runner_bench import bench
from support.scripted_provider import Source
from support.streaming import change, kinds

from scp_server.domain.changes import Followed, Skipped, Step
from scp_server.domain.streams import Phase, Place, Position
from scp_server.engine.transitions import (
    ChangesRead,
    Emit,
    Event,
    Plan,
    SetAside,
    StepRead,
    step,
)

ODD = Skipped(id="odd", reason="It is odd.")
LATER = Position(b"later")


async def test_a_backfill_goes_on_past_items_that_cannot_be_read_and_says_which() -> None:
    source = Source(items=30, poisoned=frozenset({"m3", "m7", "m29"}))
    async with bench(source) as b:
        eater = b.consumer()
        await b.done.wait()
        assert eater.ids == [i for i in source.ids if i not in source.poisoned]
        told = [e.data for e in eater.events if e.event_type == "stream_error"]
        assert [data["details"]["item_id"] for data in told] == ["m3", "m7", "m29"]
        assert [data["details"]["set_aside"] for data in told] == [1, 2, 3]
        assert {data["code"] for data in told} == {"PROVIDER_ERROR"}
        assert not any(data["fatal"] for data in told)
        assert kinds(eater.events)[-1] == "stream_completed"
        assert b.failure is None
        assert b.marks[-1].place.phase is Phase.READ


async def test_following_goes_on_past_items_that_cannot_be_read() -> None:
    source = Source(items=3, poisoned=frozenset({"odd"}))
    async with bench(source, settings={"real_time": True}) as b:
        eater = b.consumer()
        await eater.until_items(3)
        source.happen("n1", "odd", "n2")
        await eater.until_items(5)
        assert eater.ids == [*source.ids, "n1", "n2"]
        trouble = await eater.until("stream_error")
        assert trouble.data["details"] == {"item_id": "odd", "set_aside": 1}
        assert "odd" in trouble.data["message"]


async def test_a_stream_of_nothing_but_odd_items_comes_to_its_end() -> None:
    source = Source(items=9)
    source.poisoned = frozenset(source.ids)
    async with bench(source) as b:
        eater = b.consumer()
        await b.done.wait()
        assert eater.ids == []
        assert sum(e.event_type == "stream_error" for e in eater.events) == 9


@pytest.mark.parametrize("real_time", [True, False])
@pytest.mark.parametrize("resume", [LATER, None])
def test_what_is_set_aside_moves_the_place_like_what_is_read(
    real_time: bool,  # noqa: FBT001
    resume: Position | None,
) -> None:
    plan, place = Plan(real_time=real_time, max_results=None), Place(phase=Phase.BACKFILLING)
    plain = StepRead(Step(changes=(), resume=resume))
    odd = StepRead(Step(changes=(), resume=resume, skipped=(ODD,)))
    reached, commands = step(place, odd, plan)
    assert reached == step(place, plain, plan)[0]
    assert commands[0] == SetAside(ODD)


@given(count=st.integers(0, 5), odd=st.integers(0, 5), live=st.booleans())
def test_each_is_told_once_and_after_the_items_of_its_step(
    count: int,
    odd: int,
    live: bool,  # noqa: FBT001
) -> None:
    changes = tuple(change(f"i{k}") for k in range(count))
    skipped = tuple(Skipped(id=f"o{k}", reason="odd") for k in range(odd))
    event: Event = (
        ChangesRead(Followed(changes=changes, since=LATER, more=False, skipped=skipped))
        if live
        else StepRead(Step(changes=changes, resume=LATER, skipped=skipped))
    )
    place = Place(phase=Phase.BACKFILLING, since=Position(b"here"))
    _, commands = step(place, event, Plan(real_time=True, max_results=None))
    told = [c.skipped for c in commands if isinstance(c, SetAside)]
    assert told == list(skipped)
    assert [i for i, c in enumerate(commands) if isinstance(c, Emit)] == ([0] if count else [])


def test_an_item_that_is_set_aside_is_none_of_max_results() -> None:
    plan, place = Plan(real_time=False, max_results=2), Place(phase=Phase.BACKFILLING)
    read = Step(changes=(change("a"),), resume=LATER, skipped=(ODD,))
    reached, _ = step(place, StepRead(read), plan)
    assert (reached.taken, reached.phase) == (1, Phase.BACKFILLING)
