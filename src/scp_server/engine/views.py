"""StreamView: a stream as it is right now, for whoever asks."""

from dataclasses import dataclass

from scp_server.domain.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamView:
    """The stored stream with its live state and counters filled in. Times: epoch seconds."""

    stream: Stream
    items_read: int
    last_checked_at: float | None = None
    next_check_at: float | None = None
    lag_seconds: float | None = None
    cursor: str | None = None
