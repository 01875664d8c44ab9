"""Bodies of the REST API, both ways. Times are epoch seconds unless said otherwise.

Every answer is `{"success": true, "data": ...}` or `{"success": false, "error": ...}`.
"""

from typing import Annotated, Any, Literal

import msgspec

from scp_wire.codes import ErrorObject

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
AgentLabel = Annotated[
    # It is shown to people and written to the audit trail: no control characters.
    str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Cursor = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]

DEFAULT_BATCH_SIZE = 100
MAX_BATCH_SIZE = 1000
DEFAULT_RATE_LIMIT = 60


class StartStream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/stream/start`."""

    stream_type: Identifier
    session_id: Identifier | None = None
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=MAX_BATCH_SIZE)] = DEFAULT_BATCH_SIZE
    max_results: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    """Bounds the backfill only; null reads all there is."""
    filters: dict[str, Any] = {}
    real_time: bool = False
    rate_limit_per_minute: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = DEFAULT_RATE_LIMIT
    include_raw: bool = False
    cursor: Cursor | None = None
    agent_id: AgentLabel | None = None


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """`configuration` in the answer to a start."""

    batch_size: int
    max_results: int | None
    real_time: bool
    rate_limit_per_minute: int
    include_raw: bool
    filters: dict[str, Any]


class StreamStarted(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a start."""

    stream_id: str
    session_id: str
    stream_type: str
    provider: str
    configuration: Configuration


class FullConfiguration(Configuration, frozen=True, kw_only=True):
    """`configuration` in a status."""

    stream_type: str
    session_id: str
    provider: str


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /api/stream/{stream_id}/status`."""

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
    error: ErrorObject | None
    agent_id: str | None
    agent_verified: bool
    """Whether an agent's key stands behind `agent_id`; else it is a label."""
    configuration: FullConfiguration
    cursor: str | None = None


class StopStream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/stream/{stream_id}/stop`, which may be left out."""

    session_id: Identifier | None = None


class StreamStopped(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a stop."""

    stream_id: str
    status: str


class StreamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One stream in `GET /api/streams`."""

    stream_type: str
    session_id: str
    provider: str
    started_at: float
    items_streamed: int
    status: str
    state_reason: str | None
    last_activity: float


class WebsocketStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Open Socket.IO connections of the caller; with the operator key, of all."""

    active_connections: int


class StreamList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /api/streams`."""

    streams: dict[str, StreamSummary]
    total_count: int
    websocket_statistics: WebsocketStatistics


class ImportedTokens(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A grant obtained elsewhere, brought by the operator."""

    access_token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
    refresh_token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)] | None = None
    expires_at: float
    scope: Annotated[str, msgspec.Meta(max_length=8192)]


class OpenSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/sessions`."""

    provider: Literal["google", "microsoft"]
    stream_types: Annotated[list[Identifier], msgspec.Meta(min_length=1, max_length=7)]
    agent_id: AgentLabel | None = None
    return_to: Annotated[str, msgspec.Meta(max_length=2048)] | None = None
    code_challenge: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}$")] | None = None
    """S256 (RFC 7636) of the code_verifier that the exchange of the return code must bring."""
    tokens: ImportedTokens | None = None


class SessionOpened(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to opening a session. `authorization_url` is null for an imported grant."""

    session_id: str
    authorization_url: str | None
    expires_at: float


class ExchangeCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/sessions/exchange`."""

    code: Identifier
    code_verifier: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._~-]{43,128}$")] | None = None
    """Where the session was opened with a code_challenge."""


class SessionHandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `POST /api/sessions/exchange`: the id, this once."""

    session_id: str


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /api/session`."""

    session_id: str
    """Masked."""
    provider: str
    state: str
    account: str | None
    scopes: list[str]
    stream_types: list[str]
    agent_id: str | None
    agent_verified: Annotated[
        bool,
        msgspec.Meta(
            description="Whether `agent_id` is the name of an agent whose key was presented when"
            " the session was opened; else it is what the caller said."
        ),
    ]
    created_at: float
    expires_at: float
    authorization_url: str | None
    """Where the user can renew the consent."""


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `DELETE /api/session`."""

    state: str
    provider_revocation: Annotated[
        str,
        msgspec.Meta(
            description="`requested`, `not_needed` (other sessions of the account remain),"
            " `failed`, or `unavailable`: Microsoft has no such request. The tokens are destroyed"
            " all the same; users remove the app itself at myapps.microsoft.com (work or school)"
            " or account.live.com/consent/Manage (personal)."
        ),
    ]


class ProviderState(msgspec.Struct, frozen=True, kw_only=True):
    """One provider in `GET /api/providers`."""

    configured: bool
    missing: list[str]
    """Names of the settings that would switch it on."""
    stream_types: dict[str, bool]
    """Each stream type it can serve, and whether this server reads it already."""


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /api/providers`."""

    providers: dict[str, ProviderState]


class OpenTicket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/tickets`, which may be left out."""

    session_id: Identifier | None = None


class TicketOpened(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `POST /api/tickets`: good once, as `?ticket=`, until `expires_at`."""

    ticket: str
    expires_at: float


AgentName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


class CreateAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/agents`."""

    name: AgentName
    """Is never given to another agent."""
    stream_types: Annotated[list[Identifier], msgspec.Meta(min_length=1, max_length=7)] | None = (
        None
    )
    """The only ones the key is for; null: all."""
    session_ids: Annotated[list[Identifier], msgspec.Meta(max_length=100)] | None = None
    """The sessions given to it, which answer to their id alone no more. If there are any, the key
    opens no others."""
    expires_at: Annotated[float, msgspec.Meta(gt=0)] | None = None
    replace: bool = False
    """Give the agent of this name another key; its sessions stay its own."""


class AgentCreated(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `POST /api/agents`: the key, this once."""

    name: str
    agent_key: str
    expires_at: float | None


class AgentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One agent in `GET /api/agents`."""

    name: str
    agent_key: str
    """Masked."""
    state: Literal["active", "expired", "revoked"]
    stream_types: list[str] | None
    opens_sessions: bool
    sessions: int
    """That belong to it and have not ended."""
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class AgentList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /api/agents`."""

    agents: list[AgentSummary]


class AgentRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `DELETE /api/agents/{name}`."""

    name: str
    state: Literal["revoked"]
    closed_connections: int


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit trail."""

    at: float
    action: str
    actor: str
    """Who: `user`, `session`, `operator`, `server`, `key:<name>`, `agent:<label>` (unverified),
    `address:<keyed hash>`."""
    result: str
    """`ok`, or an error code."""
    stream_id: str | None
    stream_type: str | None
    items: int
    """How many items; of refusals, how many alike."""
    bytes: int
    session: int | None
    """The session's number; shown with the operator key only."""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /api/audit`: newest first."""

    entries: list[AuditRow]
    cursor: str | None
    """Leads to older rows; null: there are none."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `GET /healthz` and `GET /readyz`."""

    status: Literal["ok"]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer that is not a success."""

    error: ErrorObject
    success: Literal[False] = False
