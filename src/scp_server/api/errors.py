"""Errors on HTTP: the one table from error code to status, and the faults HTTP itself adds."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_server.domain.errors import RequestError, ScpError
from scp_wire.codes import ErrorCode, ErrorObject

STATUS_OF: Final[Mapping[ErrorCode, int]] = MappingProxyType(
    {
        ErrorCode.STREAM_NOT_FOUND: 404,
        ErrorCode.NOT_FOUND: 404,
        ErrorCode.STREAM_ALREADY_ACTIVE: 409,
        ErrorCode.STREAM_RATE_LIMITED: 429,
        ErrorCode.STREAM_CONFIG_ERROR: 400,
        ErrorCode.INVALID_REQUEST: 400,
        ErrorCode.SESSION_REQUIRED: 401,
        ErrorCode.SESSION_NOT_FOUND: 404,
        ErrorCode.SESSION_PENDING: 409,
        ErrorCode.TOKEN_EXPIRED: 401,
        ErrorCode.INSUFFICIENT_SCOPE: 403,
        ErrorCode.FORBIDDEN: 403,
        ErrorCode.METHOD_NOT_ALLOWED: 405,
        ErrorCode.PAYLOAD_TOO_LARGE: 413,
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
        ErrorCode.RATE_LIMIT_EXCEEDED: 429,
        ErrorCode.PROVIDER_RATE_LIMITED: 503,
        ErrorCode.PROVIDER_UNAVAILABLE: 503,
        ErrorCode.PROVIDER_ERROR: 502,
        ErrorCode.CURSOR_INVALID: 400,
        ErrorCode.STORAGE_UNAVAILABLE: 503,
        ErrorCode.SHUTTING_DOWN: 503,
        ErrorCode.INTERNAL_ERROR: 500,
        ErrorCode.SLOW_CONSUMER: 503,
        ErrorCode.REQUEST_TIMEOUT: 408,
        ErrorCode.HEAD_TOO_LARGE: 431,
        ErrorCode.OVERLOADED: 503,
    }
)
"""Every code has one status. SLOW_CONSUMER ends a delivery; no request is answered with it."""

RETRY_AFTER: Final[Mapping[ErrorCode, int]] = MappingProxyType(
    {
        ErrorCode.STORAGE_UNAVAILABLE: 5,
        ErrorCode.SHUTTING_DOWN: 25,  # a drain is over within 25 s
        ErrorCode.PROVIDER_UNAVAILABLE: 30,
        ErrorCode.PROVIDER_RATE_LIMITED: 60,
        ErrorCode.OVERLOADED: 30,
    }
)
"""Seconds to wait where the error itself does not say."""


class NotFound(RequestError):
    """No such path."""

    code = ErrorCode.NOT_FOUND


class MethodNotAllowed(RequestError):
    """The path is there, the method is not. `allowed` are the methods that are."""

    code = ErrorCode.METHOD_NOT_ALLOWED

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"This path does not take {method[:16]}. Use one of: {', '.join(allowed)}.",
            allowed_values=list(allowed),
        )
        self.allowed = allowed


class PayloadTooLarge(RequestError):
    """The body is larger than we read. `drained` says whether all of it was seen and dropped."""

    code = ErrorCode.PAYLOAD_TOO_LARGE

    def __init__(self, limit: int, *, drained: bool) -> None:
        super().__init__(f"The body may have at most {limit} bytes. Send less.", limit=limit)
        self.drained = drained


class UnsupportedMediaType(RequestError):
    """Not JSON, or JSON in a wrapping we do not open."""

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


def status_of(error: ScpError) -> int:
    """The HTTP status an error is answered with."""
    return STATUS_OF[error.code]


def error_object(error: ScpError) -> ErrorObject:
    """The error as the wire shows it: `reset_time` in whole seconds, as in the guide."""
    details = dict(error.details)
    if isinstance(reset := details.get("reset_time"), float):
        details["reset_time"] = math.ceil(reset)
    return ErrorObject(code=error.code, message=error.message, details=details)


def retry_after(error: ScpError) -> int | None:
    """Seconds for `Retry-After`, where trying again makes sense."""
    told = getattr(error, "retry_after", None)
    if isinstance(told, int | float):
        return max(1, min(int(-(-told // 1)), 900))
    return RETRY_AFTER.get(error.code)
