"""An exception's story."""

from scp_server.domain.errors import SealBroken
from scp_server.telemetry.raised import render_raised, story


def chained(length: int) -> BaseException:
    first = exc = ValueError("CANARY")
    for _ in range(length - 1):
        exc.__cause__ = exc = ValueError("CANARY")
    return first


def deep(frames: int) -> None:
    if frames == 0:
        raise KeyError("CANARY")
    deep(frames - 1)


def caught(frames: int) -> BaseException:
    try:
        deep(frames)
    except KeyError as exc:
        return exc
    raise AssertionError


def test_a_long_chain_is_cut() -> None:
    told = story(chained(50))
    assert told.count("ValueError") == 10
    assert told.endswith("…")


def test_a_deep_stack_keeps_the_frames_nearest_to_the_failure() -> None:
    told = story(caught(100))
    assert told.count(" > ") == 29
    assert told.endswith(":deep")


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert story(SealBroken("It is damaged.")) == "SealBroken: It is damaged. at (nowhere)"


def test_a_hidden_context_stays_hidden() -> None:
    exc = ValueError("CANARY")
    exc.__context__ = KeyError("CANARY")
    exc.__suppress_context__ = True
    assert story(exc) == "ValueError at (nowhere)"


def test_a_record_without_an_exception_gets_no_story() -> None:
    for nothing in (None, (None, None, None), True, False):
        record = {"event": "x", "exc_info": nothing, "stack_info": "CANARY"}
        assert render_raised(None, "", record) == {"event": "x"}
