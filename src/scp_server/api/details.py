"""Details: what `error.details` may tell, for the documents. Each error fills in what fits it."""

import msgspec
from msgspec import UNSET, UnsetType


class StreamTypeState(msgspec.Struct, frozen=True, kw_only=True):
    """A stream type, and whether this server reads it."""

    stream_type: str
    available: bool


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Which field, what it was (never a secret), what it may be; or how to go on."""

    field: str | UnsetType = UNSET
    value: str | float | bool | UnsetType | None = UNSET
    allowed_values: list[str | bool] | UnsetType = UNSET
    minimum: int | UnsetType = UNSET
    maximum: int | UnsetType = UNSET
    min_length: int | UnsetType = UNSET
    max_length: int | UnsetType = UNSET
    stream_types: list[StreamTypeState] | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    provider_needed: str | UnsetType = UNSET
    missing: list[str] | UnsetType = UNSET
    """Settings that would switch a provider on."""
    missing_scopes: list[str] | UnsetType = UNSET
    stream_id: str | UnsetType = UNSET
    """The stream that runs already."""
    authorization_url: str | UnsetType = UNSET
    """Where the user renews the consent."""
    retry_after: int | UnsetType = UNSET
    """Seconds."""
    retry_at: float | UnsetType = UNSET
    """Epoch seconds."""
    limit: int | UnsetType = UNSET
    reset_time: int | UnsetType = UNSET
    """Epoch seconds."""
    trace_id: str | UnsetType = UNSET
