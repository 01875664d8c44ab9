"""What the client's methods return: plain dicts with known keys, as the guide reads them.

Each is the `data` of the server's answer, checked. Times are epoch seconds. A test holds the keys
against `scp_wire.rest`.
"""

from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict


class Problem(TypedDict):
    """Why a stream failed, or waits."""

    code: str
    message: str
    details: dict[str, Any]


class StreamConfiguration(TypedDict):
    """`configuration` of a stream."""

    stream_type: str
    session_id: str
    provider: str
    batch_size: int
    max_results: int | None
    real_time: bool
    rate_limit_per_minute: int
    include_raw: bool
    filters: dict[str, Any]


class StreamStatus(TypedDict):
    """Answer of `get_stream_status`. `status`: active, completed, stopped or failed."""

    stream_id: str
    status: str
    state_reason: str | None
    items_streamed: int
    items_read: int
    started_at: float
    last_activity: float
    last_checked_at: float | None
    next_check_at: float | None
    lag_seconds: float | None
    error: Problem | None
    agent_id: str | None
    agent_verified: bool
    configuration: StreamConfiguration
    cursor: NotRequired[str | None]


class StreamStopped(TypedDict):
    """Answer of `stop_stream`."""

    stream_id: str
    status: str


class StreamSummary(TypedDict):
    """One stream in the answer of `list_streams`."""

    stream_type: str
    session_id: str
    provider: str
    started_at: float
    items_streamed: int
    status: str
    state_reason: str | None
    last_activity: float


class WebsocketStatistics(TypedDict):
    """Open Socket.IO connections of the sessions asked for."""

    active_connections: int


class StreamList(TypedDict):
    """Answer of `list_streams`; `streams` by stream id."""

    streams: dict[str, StreamSummary]
    total_count: int
    websocket_statistics: WebsocketStatistics


class SessionState(TypedDict):
    """Answer of `session`. `state`: pending, active or needs_consent. The id is masked."""

    session_id: str
    provider: str
    state: str
    account: str | None
    scopes: list[str]
    stream_types: list[str]
    agent_id: str | None
    agent_verified: bool
    """Whether `agent_id` is the name of an agent whose key opened it; else it is a label."""
    created_at: float
    expires_at: float
    authorization_url: str | None


class SessionEnded(TypedDict):
    """Answer of `end_session`. `provider_revocation`: requested, not_needed or failed."""

    state: str
    provider_revocation: str


class ProviderState(TypedDict):
    """One provider in the answer of `providers`; `missing` names settings."""

    configured: bool
    missing: list[str]
    stream_types: dict[str, bool]


class ProviderList(TypedDict):
    """Answer of `GET /api/providers`, by provider."""

    providers: dict[str, ProviderState]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A session waiting for its user's consent. Its id is a secret, and not in its repr.

    Send the user to `authorization_url`; it works once, until `expires_at` (epoch seconds).
    """

    session_id: str = field(repr=False)
    authorization_url: str | None = field(repr=False)
    expires_at: float
