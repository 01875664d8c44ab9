"""How long to wait before a retry: the provider's word first, then slower each time."""

from typing import Final

from scp_server.domain.errors import ProviderError, ProviderRateLimited, ProviderUnavailable

FIRST_DELAY: Final = 1.0
"""Google: truncated exponential backoff from a second (workspace/gmail handle-errors guide)."""
MAX_DELAY: Final = 64.0
MAX_RETRY_AFTER: Final = 15 * 60.0
"""A longer Retry-After is taken as this: the call is then simply refused again."""


def delay(error: ProviderError, attempt: int, chance: float) -> float:
    """Seconds to wait before attempt `attempt` + 1 (attempts count from 1).

    `chance` is uniform in [0, 1): full jitter, so that many streams do not return at once.
    """
    if (
        isinstance(error, ProviderRateLimited | ProviderUnavailable)
        and error.retry_after is not None
    ):
        return min(max(error.retry_after, FIRST_DELAY), MAX_RETRY_AFTER)
    ceiling = min(FIRST_DELAY * 2.0 ** min(attempt, 10), MAX_DELAY)
    return max(FIRST_DELAY / 4, ceiling * chance)
