"""Events: what a consumer is sent. The envelope is the guide's, with additions.

`data_update`, `token_refresh` and `rate_limit_warning` are as the guide prints them; the others
tell the life of a stream. All of them travel as the Socket.IO event `stream_event`.
"""

from enum import StrEnum
from typing import Any

import msgspec

from scp_wire.codes import ErrorCode


class EventType(StrEnum):
    """`event_type` of the envelope."""

    DATA_UPDATE = "data_update"
    DATA_BATCH = "data_batch"
    TOKEN_REFRESH = "token_refresh"  # noqa: S105  (an event, not a token)
    RATE_LIMIT_WARNING = "rate_limit_warning"
    STREAM_STARTED = "stream_started"
    STREAM_COMPLETED = "stream_completed"
    STREAM_STOPPED = "stream_stopped"
    STREAM_ERROR = "stream_error"
    STREAM_GAP = "stream_gap"
    STREAM_RESUMED = "stream_resumed"
    SESSION_EXPIRED = "session_expired"
    SERVER_DRAINING = "server_draining"


class ChangeKind(StrEnum):
    """`data.change`: created since the previous check, updated, or gone."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class Origin(StrEnum):
    """`data.origin`: read because it was there, or because it changed."""

    BACKFILL = "backfill"
    LIVE = "live"


class UpdateData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`data` of a `data_update`; in `data.items` of a `data_batch` it also has its `offset`."""

    data_type: str
    payload: Any
    change: ChangeKind
    origin: Origin
    change_id: str
    reason: str | None = None
    """Why a deleted item is gone, when it is not simply deleted: `left_filter`."""
    raw: Any = None
    raw_omitted: bool = False


class TokenRefreshData(msgspec.Struct, frozen=True, kw_only=True):
    """Epoch seconds of the new expiry, and seconds until then."""

    new_expires_at: float
    expires_in: int


class RateLimitData(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a limit in this window; `reset_time` in epoch seconds."""

    remaining_quota: int
    reset_time: float
    warning_message: str
    limit: int


class StreamData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`data` of the events that tell a stream's life."""

    stream_type: str
    status: str
    items: int | None = None
    """Items read so far."""
    reason: str | None = None


class StreamErrorData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something went wrong. `fatal` says whether the stream ended with it."""

    code: ErrorCode
    message: str
    fatal: bool
    details: dict[str, Any] = {}
    retry_at: float | None = None


class GapData(msgspec.Struct, frozen=True, kw_only=True):
    """A place could not be gone back to. What can be read again is, unless `reread` is false."""

    stream_id: str
    reason: str
    """window, position_lost or provider_limit."""
    after_event_id: str | None
    reread: bool
    complete_listing: bool


class NoticeData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`data` of `session_expired` and `server_draining`."""

    message: str
    resume_event_id: str | None = None


EventData = (
    UpdateData
    | TokenRefreshData
    | RateLimitData
    | StreamData
    | StreamErrorData
    | GapData
    | NoticeData
)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The envelope as a client reads it. Absent additions are None."""

    event_type: str
    session_id: str
    provider: str
    timestamp: float
    data: dict[str, Any]
    event_id: str | None = None
    stream_id: str | None = None
    offset: int | None = None
    cursor: str | None = None
    agent_id: str | None = None
