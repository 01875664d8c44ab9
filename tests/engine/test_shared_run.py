"""What is made once for many consumers is let go of when they all have it."""

import sys

import pytest
from support.streaming import config_of, stream_of

from scp_server.domain.event_ref import EventRef
from scp_server.engine.readers import Reader, Run, Subscription
from scp_server.engine.shares import Draft, Share, ShareLimits
from scp_server.engine.window import Window
from scp_wire.events import EventType
from scp_wire.stream_types import Provider

EPOCH = "e" * 12


@pytest.fixture
def window() -> Window:
    return Window(Provider.GOOGLE, EPOCH, ShareLimits(events=4, size=1 << 20))


async def append(window: Window, share: Share, count: int) -> None:
    for _ in range(count):
        draft = Draft(event_type=EventType.DATA_UPDATE, body=b"{}", timestamp=1.0, ordinal=1)
        await window.reserve(share, draft.room)
        window.append(share, draft)


def took(*readers: Reader) -> list[Run]:
    return [reader.next_run(100, 1 << 20) for reader in readers]


def proven(window: Window, *readers: Reader) -> None:
    for reader in readers:
        reader.proven(EventRef(EPOCH, window.head))


async def test_all_who_stand_at_a_place_are_given_one_run(window: Window) -> None:
    share = window.open(stream_of(config_of()), lambda _: None, 0)
    readers = [window.attach(Subscription(), 0) for _ in range(3)]
    await append(window, share, 3)
    runs = took(*readers)
    assert all(run is runs[0] for run in runs)


async def test_a_run_that_all_have_proven_is_kept_by_nobody(window: Window) -> None:
    share = window.open(stream_of(config_of()), lambda _: None, 0)
    readers = [window.attach(Subscription(), 0) for _ in range(2)]
    await append(window, share, 3)
    (run, same) = took(*readers)
    run.made["spelled"] = b"x" * 10_000
    held = sys.getrefcount(run)
    proven(window, *readers)
    assert sys.getrefcount(run) == held - 1
    (another,) = took(window.attach(Subscription(), 0))
    assert another is not same
    assert another.made == {}


async def test_a_run_that_one_has_yet_to_take_waits_for_it(window: Window) -> None:
    share = window.open(stream_of(config_of()), lambda _: None, 0)
    first, second = (window.attach(Subscription(), 0) for _ in range(2))
    await append(window, share, 3)
    (run,) = took(first)
    proven(window, first)
    (same,) = took(second)
    assert same is run


async def test_who_is_gone_holds_no_run(window: Window) -> None:
    share = window.open(stream_of(config_of()), lambda _: None, 0)
    first, second = (window.attach(Subscription(), 0) for _ in range(2))
    await append(window, share, 3)
    (run,) = took(first)
    held = sys.getrefcount(run)
    second.detach()
    assert sys.getrefcount(run) == held - 1
