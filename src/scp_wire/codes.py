"""Every error code on the wire. Codes are added, never renamed."""

from enum import StrEnum
from typing import Any

import msgspec


class ErrorCode(StrEnum):
    """What went wrong, for programs. The message beside it is for people."""

    STREAM_NOT_FOUND = "STREAM_NOT_FOUND"
    NOT_FOUND = "NOT_FOUND"
    STREAM_ALREADY_ACTIVE = "STREAM_ALREADY_ACTIVE"
    STREAM_RATE_LIMITED = "STREAM_RATE_LIMITED"
    STREAM_CONFIG_ERROR = "STREAM_CONFIG_ERROR"
    INVALID_REQUEST = "INVALID_REQUEST"
    SESSION_REQUIRED = "SESSION_REQUIRED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    SESSION_PENDING = "SESSION_PENDING"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105  (a code, not a token)
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    FORBIDDEN = "FORBIDDEN"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    PROVIDER_RATE_LIMITED = "PROVIDER_RATE_LIMITED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_ERROR = "PROVIDER_ERROR"
    CURSOR_INVALID = "CURSOR_INVALID"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    HEAD_TOO_LARGE = "HEAD_TOO_LARGE"
    OVERLOADED = "OVERLOADED"


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """The same three fields in a REST body, a Socket.IO `error` and a `connect_error`'s data."""

    code: ErrorCode
    message: str
    details: dict[str, Any] = {}
