"""Errors: what can go wrong for a client, one class a meaning.

* SCPError                      anything the SDK raises on purpose
  + ConnectionFailed            no answer: the server is away, or the way to it
  + ProtocolError               an answer, but not of an SCP server
  + RequestError                the request has to be changed
    - InvalidRequest            INVALID_REQUEST, PAYLOAD_TOO_LARGE, METHOD_NOT_ALLOWED, ...
    - NotFound                  NOT_FOUND
    - Forbidden                 FORBIDDEN
  + SessionError                the session has to be mended first
    - SessionRequired           SESSION_REQUIRED
    - SessionNotFound           SESSION_NOT_FOUND
    - SessionPending            SESSION_PENDING
    - TokenExpired              TOKEN_EXPIRED; `authorization_url` renews it
    - InsufficientScope         INSUFFICIENT_SCOPE; `missing_scopes`
  + StreamError                 about one stream
    - StreamNotFound            STREAM_NOT_FOUND
    - StreamAlreadyActive       STREAM_ALREADY_ACTIVE; `stream_id`
    - StreamConfigError         STREAM_CONFIG_ERROR; `field`
    - CursorInvalid             CURSOR_INVALID
    - StreamInterrupted         it ended before everything was read; `cursor`
  + RateLimited                 RATE_LIMIT_EXCEEDED; `retry_after`
    - StreamRateLimited         STREAM_RATE_LIMITED
  + ProviderError               PROVIDER_ERROR
    - ProviderRateLimited       PROVIDER_RATE_LIMITED
    - ProviderUnavailable       PROVIDER_UNAVAILABLE
  + ServerUnavailable           STORAGE_UNAVAILABLE, SHUTTING_DOWN: passes
  + ServerFault                 INTERNAL_ERROR; `details["trace_id"]`

The class says what happened, `code` says it as the wire does, the message says what to do. A code
that this version does not know is a plain SCPError. No session id is ever part of an error.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from scp_wire.codes import ErrorCode


class SCPError(Exception):
    """Anything the SDK raises on purpose.

    `code` is the wire's (`scp_wire.codes.ErrorCode`) or, for what only a client can notice, one
    of `CONNECTION_FAILED`, `PROTOCOL_ERROR`, `STREAM_INTERRUPTED`. `details` is the server's.
    `retry_after` is in seconds, None when nobody said. `status` is the HTTP status, None when the
    error did not come over HTTP.
    """

    default_code: ClassVar[str] = ErrorCode.INTERNAL_ERROR.value

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details: dict[str, Any] = dict(details or {})
        self.retry_after = retry_after
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class ConnectionFailed(SCPError):
    """Nobody answered, or the connection broke and could not be made again."""

    default_code = "CONNECTION_FAILED"


class ProtocolError(SCPError):
    """What answered does not speak the protocol: is `base_url` an SCP server's?"""

    default_code = "PROTOCOL_ERROR"


class RequestError(SCPError):
    """The request can never succeed as it is."""


class InvalidRequest(RequestError):
    """Malformed, contradictory, too large, or out of range."""

    default_code = ErrorCode.INVALID_REQUEST.value


class NotFound(RequestError):
    """No such path: is `base_url` right, and the server new enough?"""

    default_code = ErrorCode.NOT_FOUND.value


class Forbidden(RequestError):
    """The server knows who asks, and refuses."""

    default_code = ErrorCode.FORBIDDEN.value


class SessionError(SCPError):
    """The session, not the request, stands in the way."""


class SessionRequired(SessionError):
    """No session id was given, neither to the call nor to the client."""

    default_code = ErrorCode.SESSION_REQUIRED.value


class SessionNotFound(SessionError):
    """Unknown or ended: the user has to consent to a new one."""

    default_code = ErrorCode.SESSION_NOT_FOUND.value


class SessionPending(SessionError):
    """The user has not consented yet: see `wait_for_consent`."""

    default_code = ErrorCode.SESSION_PENDING.value


class TokenExpired(SessionError):
    """The provider took the grant back, or it ran out."""

    default_code = ErrorCode.TOKEN_EXPIRED.value

    @property
    def authorization_url(self) -> str | None:
        """Where the user renews the consent; the session and its streams go on afterwards."""
        return _text(self.details, "authorization_url")


class InsufficientScope(SessionError):
    """The user granted less than this needs."""

    default_code = ErrorCode.INSUFFICIENT_SCOPE.value

    @property
    def missing_scopes(self) -> list[str]:
        """The provider's names of what is missing."""
        scopes = self.details.get("missing_scopes")
        return [str(scope) for scope in scopes] if isinstance(scopes, list) else []


class StreamError(SCPError):
    """About one stream."""


class StreamNotFound(StreamError):
    """No such stream for this caller."""

    default_code = ErrorCode.STREAM_NOT_FOUND.value


class StreamAlreadyActive(StreamError):
    """The session has a stream of this type already: read that one, or stop it."""

    default_code = ErrorCode.STREAM_ALREADY_ACTIVE.value

    @property
    def stream_id(self) -> str | None:
        """The stream that runs."""
        return _text(self.details, "stream_id")


class StreamConfigError(StreamError):
    """The stream cannot be started as it is configured."""

    default_code = ErrorCode.STREAM_CONFIG_ERROR.value

    @property
    def field(self) -> str | None:
        """The field that is wrong."""
        return _text(self.details, "field")


class CursorInvalid(StreamError):
    """Forged, damaged, too old, or of another session or configuration: start without it."""

    default_code = ErrorCode.CURSOR_INVALID.value


class StreamInterrupted(StreamError):
    """The stream ended before everything was read, or where this client could not see it."""

    default_code = "STREAM_INTERRUPTED"

    @property
    def cursor(self) -> str | None:
        """Where a new stream goes on, if it is known."""
        return _text(self.details, "cursor")


class RateLimited(SCPError):
    """A limit of the server's; `retry_after` says when to come back."""

    default_code = ErrorCode.RATE_LIMIT_EXCEEDED.value


class StreamRateLimited(RateLimited):
    """Too many starts of streams."""

    default_code = ErrorCode.STREAM_RATE_LIMITED.value


class ProviderError(SCPError):
    """Google or Microsoft refused, or answered nonsense."""

    default_code = ErrorCode.PROVIDER_ERROR.value


class ProviderRateLimited(ProviderError):
    """The provider asks us to slow down."""

    default_code = ErrorCode.PROVIDER_RATE_LIMITED.value


class ProviderUnavailable(ProviderError):
    """The provider fails in a way that usually passes."""

    default_code = ErrorCode.PROVIDER_UNAVAILABLE.value


class ServerUnavailable(SCPError):
    """The server cannot work right now; nothing was done."""

    default_code = ErrorCode.STORAGE_UNAVAILABLE.value


class ServerFault(SCPError):
    """A fault of the server's; its operator finds it by `details["trace_id"]`."""


KIND_OF: Final[Mapping[ErrorCode, type[SCPError]]] = MappingProxyType(
    {
        ErrorCode.STREAM_NOT_FOUND: StreamNotFound,
        ErrorCode.NOT_FOUND: NotFound,
        ErrorCode.STREAM_ALREADY_ACTIVE: StreamAlreadyActive,
        ErrorCode.STREAM_RATE_LIMITED: StreamRateLimited,
        ErrorCode.STREAM_CONFIG_ERROR: StreamConfigError,
        ErrorCode.INVALID_REQUEST: InvalidRequest,
        ErrorCode.SESSION_REQUIRED: SessionRequired,
        ErrorCode.SESSION_NOT_FOUND: SessionNotFound,
        ErrorCode.SESSION_PENDING: SessionPending,
        ErrorCode.TOKEN_EXPIRED: TokenExpired,
        ErrorCode.INSUFFICIENT_SCOPE: InsufficientScope,
        ErrorCode.FORBIDDEN: Forbidden,
        ErrorCode.METHOD_NOT_ALLOWED: InvalidRequest,
        ErrorCode.PAYLOAD_TOO_LARGE: InvalidRequest,
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: InvalidRequest,
        ErrorCode.RATE_LIMIT_EXCEEDED: RateLimited,
        ErrorCode.PROVIDER_RATE_LIMITED: ProviderRateLimited,
        ErrorCode.PROVIDER_UNAVAILABLE: ProviderUnavailable,
        ErrorCode.PROVIDER_ERROR: ProviderError,
        ErrorCode.CURSOR_INVALID: CursorInvalid,
        ErrorCode.STORAGE_UNAVAILABLE: ServerUnavailable,
        ErrorCode.SHUTTING_DOWN: ServerUnavailable,
        ErrorCode.INTERNAL_ERROR: ServerFault,
        ErrorCode.SLOW_CONSUMER: ConnectionFailed,
        ErrorCode.REQUEST_TIMEOUT: InvalidRequest,
        ErrorCode.HEAD_TOO_LARGE: InvalidRequest,
        ErrorCode.OVERLOADED: ServerUnavailable,
    }
)
"""The class of each code. Complete: a test holds it against `ErrorCode`."""


def error_from(
    said: object, *, status: int | None = None, retry_after: float | None = None
) -> SCPError:
    """The typed error for an error object as the server spells it.

    `retry_after` is the header's; without it the object's own counts.
    """
    if not isinstance(said, dict) or not isinstance(said.get("code"), str):
        return ProtocolError("What answered is not an SCP server: check base_url.", status=status)
    code: str = said["code"]
    details = said.get("details")
    details = details if isinstance(details, dict) else {}
    if retry_after is None:
        retry_after = _seconds(details.get("retry_after"))
    kind = KIND_OF[ErrorCode(code)] if code in KNOWN else SCPError
    message = str(said.get("message", ""))
    return kind(message, code=code, details=details, retry_after=retry_after, status=status)


KNOWN: Final = frozenset(code.value for code in ErrorCode)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e6 else None


def _text(details: Mapping[str, Any], name: str) -> str | None:
    value = details.get(name)
    return value if isinstance(value, str) else None
