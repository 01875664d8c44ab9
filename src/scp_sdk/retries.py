"""When to try again, and after how long: decided here, done elsewhere."""

from dataclasses import dataclass

from scp_sdk.errors import ConnectionFailed, RateLimited, SCPError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How patient a client is. Times in seconds."""

    reads: int = 2
    """Repeats of a GET that got no answer or a 503."""
    rate_limited: int = 0
    """Repeats of any request that a limit refused (429: nothing was done)."""
    first_delay: float = 0.5
    longest_delay: float = 8.0
    longest_wait: float = 30.0
    """A read is not repeated when the server asks to wait longer than this."""
    longest_outage: float = 300.0
    """How long an iteration tries to get a lost connection back. A seat is kept for 120 s, a
    server restarts in less; after five minutes a person should look."""
    quiet: float = 30.0
    """How long an iteration hears nothing before it asks whether its stream still runs."""
    consent: float = 2.0
    """Between two looks at a pending session: 30 a minute, of 50 that are allowed."""


def delay_before_repeat(
    failure: SCPError, *, reads_only: bool, tries: int, patience: Patience, jitter: float
) -> float | None:
    """Seconds until a failed request is sent again, or None: it is not.

    `tries` counts the attempts made, from 1; `jitter` is a random number in [0, 1).
    """
    # A limit refused the request before anything was done, so even a POST may be repeated; but
    # waiting for a whole window is for the caller to decide.
    if isinstance(failure, RateLimited):
        wanted = tries <= patience.rate_limited
    # Without an answer a POST may have been carried out: only reads are repeated, and not when
    # the caller would seem to hang.
    else:
        passing = isinstance(failure, ConnectionFailed) or failure.status == 503
        soon = (failure.retry_after or 0.0) <= patience.longest_wait
        wanted = passing and soon and reads_only and tries <= patience.reads
    return backoff(failure, tries=tries, patience=patience, jitter=jitter) if wanted else None


def backoff(failure: SCPError, *, tries: int, patience: Patience, jitter: float) -> float:
    """Seconds before attempt `tries` + 1."""
    # The server's word comes first: it knows when its window opens.
    if failure.retry_after is not None:
        return failure.retry_after
    # Else twice as long each time, and spread over the upper half, so that clients which lost
    # the same server do not come back together.
    full = min(patience.longest_delay, patience.first_delay * 2.0 ** min(tries - 1, 16))
    return full * (0.5 + jitter / 2)
