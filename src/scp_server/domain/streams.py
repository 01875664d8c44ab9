"""A stream: one run of one stream type over one session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

import msgspec

from scp_wire.codes import ErrorObject
from scp_wire.filters import Filters
from scp_wire.stream_types import Provider, StreamType

Position = NewType("Position", bytes)
"""A provider's own place in its data, spelled by the connector that made it (JSON in UTF-8)."""


class StreamState(StrEnum):
    """`status` on the wire."""

    ACTIVE = "active"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class Reason(StrEnum):
    """`state_reason` on the wire, when it is not an error's code."""

    BACKFILLING = "backfilling"
    FOLLOWING = "following"
    WAITING_FOR_CONSUMER = "waiting_for_consumer"
    RATE_LIMITED = "rate_limited"
    DELIVERING = "delivering"
    NEEDS_CONSENT = "needs_consent"
    INACTIVE = "inactive"
    REQUESTED = "requested"
    COMPLETED = "completed"
    PROVIDER_RESULT_CAP = "provider_result_cap"
    """Completed with all that the provider gives, which may be less than there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """What was asked for."""

    stream_type: StreamType
    provider: Provider
    filters: Filters = field(repr=False)
    given_filters: Mapping[str, Any] = field(repr=False)
    """The filters as the caller wrote them, for the answers that show them."""
    batch_size: int
    max_results: int | None
    real_time: bool
    rate_limit_per_minute: int
    include_raw: bool
    agent_id: str | None
    agent_verified: bool = False
    """Whether the agent's key was presented: else the label is a claim."""


class Phase(StrEnum):
    """How far a stream has come."""

    STARTING = "starting"
    BACKFILLING = "backfilling"
    FOLLOWING = "following"
    READ = "read"
    """All is read and nothing is followed."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """All that a stream must remember to go on after a restart. Stored sealed."""

    phase: Phase = Phase.STARTING
    since: Position | None = None
    """Where following goes on; None when nothing is followed. In a backfill: where it began."""
    ahead: Position | None = None
    """How far changes were followed during the backfill; None when no further than `since`."""
    resume: Position | None = None
    """Where the backfill goes on; None at its start."""
    taken: int = 0
    """Items of this backfill so far, held against `max_results`."""
    cut: bool = False
    """Whether `max_results` ended the backfill with more there; `resume` is then where."""
    capped: bool = False
    """Whether the provider ended the backfill at a cap of its own, with more there perhaps."""
    recovering: bool = False
    """Whether this backfill repairs a lost position: its end is announced as `stream_resumed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A place that consumers have proven to have reached: after event `n` of `epoch`."""

    epoch: str
    n: int
    place: Place
    items: int
    """Items of the stream up to here, over all epochs, repeats not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream as stored."""

    stream_id: str
    session_pk: int
    config: StreamConfig
    state: StreamState
    state_reason: str | None
    items_streamed: int
    started_at: float
    last_activity: float
    ended_at: float | None
    error: ErrorObject | None
