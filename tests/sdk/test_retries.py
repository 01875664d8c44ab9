"""When a request is sent again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_sdk import (
    ConnectionFailed,
    Patience,
    RateLimited,
    SCPError,
    ServerFault,
    ServerUnavailable,
    StreamConfigError,
)
from scp_sdk.retries import backoff, delay_before_repeat


def repeated(failure: SCPError, *, reads_only: bool, tries: int = 1, limited: int = 0) -> bool:
    delay = delay_before_repeat(
        failure,
        reads_only=reads_only,
        tries=tries,
        patience=Patience(rate_limited=limited),
        jitter=0.5,
    )
    return delay is not None


@pytest.mark.parametrize(
    "failure", [ConnectionFailed(), ServerUnavailable(status=503, retry_after=3.0)], ids=repr
)
def test_what_passes_is_asked_again_by_a_read_and_never_by_a_write(failure: SCPError) -> None:
    assert repeated(failure, reads_only=True)
    assert not repeated(failure, reads_only=False)


@pytest.mark.parametrize(
    "failure",
    [
        RateLimited(status=429, retry_after=60.0),
        StreamConfigError(status=400),
        ServerFault(status=500),
    ],
    ids=repr,
)
def test_what_stays_is_not_asked_again(failure: SCPError) -> None:
    assert not repeated(failure, reads_only=True)


def test_a_limit_is_waited_for_as_often_as_asked_whatever_the_method() -> None:
    limit = RateLimited(status=429, retry_after=60.0)
    assert repeated(limit, reads_only=False, tries=2, limited=2)
    assert not repeated(limit, reads_only=False, tries=3, limited=2)


def test_a_read_gives_up_after_two_repeats() -> None:
    assert repeated(ConnectionFailed(), reads_only=True, tries=2)
    assert not repeated(ConnectionFailed(), reads_only=True, tries=3)


def test_a_read_that_would_wait_for_long_is_not_repeated() -> None:
    away = ServerUnavailable(status=503, retry_after=31.0)
    assert not repeated(away, reads_only=True)


@given(
    tries=st.integers(1, 10_000),
    jitter=st.floats(0, 1, exclude_max=True),
    said=st.none() | st.floats(0, 900),
)
def test_waits_obey_the_server_and_are_otherwise_bounded(
    tries: int, jitter: float, said: float | None
) -> None:
    patience = Patience()
    failure = ConnectionFailed(retry_after=said)
    delay = backoff(failure, tries=tries, patience=patience, jitter=jitter)
    if said is None:
        assert patience.first_delay / 2 <= delay <= patience.longest_delay
    else:
        assert delay == said
