"""Errors: what can go wrong, and who mends it.

* ScpError                     anything raised on purpose
  + StartRefused               the operator must mend something before the server can start
  + SealBroken                 something at rest was damaged or moved: never read as if it were not
  + RequestError               the caller can mend it: it becomes an error answer
    - InvalidRequest, StreamConfigError, StreamNotFound, ... one class a code
    - LimitReached             wait, then try again
  + ProviderError              the provider said no, or nothing: the engine acts on its `remedy`
    - ProviderRateLimited      WAIT as long as it asks
    - ProviderUnavailable      BACK_OFF: try again, slower each time
    - ProviderProtocolError    BACK_OFF: it answered what no API of it answers
    - PositionLost             START_OVER: our place in its data is gone
    - ConsentLost              ASK_USER: only the user can mend it
    - ScopeMissing             ASK_USER: the user granted less than this needs
    - RequestRefused           GIVE_UP: it will never accept this request
    - OperatorFault            ASK_OPERATOR: it refuses this server, whoever the user is

The class says what happened, the code says it on the wire, the remedy says what the engine does.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import ClassVar

from scp_server.domain.sliding_log import Verdict
from scp_wire.codes import ErrorCode


class ScpError(Exception):
    """Anything raised on purpose. `message` tells the mend; `details` never holds a secret."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL_ERROR

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, object] = details


class StartRefused(ScpError):
    """The server cannot start as it is set up; `message` says what to change."""


class SealBroken(ScpError):
    """A sealed value does not open: damaged, of another row, or under a key we do not have."""


class RequestError(ScpError):
    """The caller asked for something it cannot have."""


class InvalidRequest(RequestError):
    """Malformed, contradictory or out of range."""

    code = ErrorCode.INVALID_REQUEST


class StreamConfigError(RequestError):
    """A stream that cannot be started as configured; `details.field` names the reason."""

    code = ErrorCode.STREAM_CONFIG_ERROR


class StreamNotFound(RequestError):
    """No such stream for this caller."""

    code = ErrorCode.STREAM_NOT_FOUND


class StreamAlreadyActive(RequestError):
    """One stream of a type runs per session; `details.stream_id` is the one that does."""

    code = ErrorCode.STREAM_ALREADY_ACTIVE


class SessionRequired(RequestError):
    """No credential was presented."""

    code = ErrorCode.SESSION_REQUIRED


class SessionNotFound(RequestError):
    """Unknown, ended, or not this key's: always the same answer."""

    code = ErrorCode.SESSION_NOT_FOUND


class TicketUsed(SessionNotFound):
    """A ticket that was redeemed before: somebody on its way may have read it."""


class SessionPending(RequestError):
    """The user has not consented yet."""

    code = ErrorCode.SESSION_PENDING


class TokenExpired(RequestError):
    """The grant is gone; `details.authorization_url` renews it."""

    code = ErrorCode.TOKEN_EXPIRED


class InsufficientScope(RequestError):
    """The user granted less than this needs; `details.missing_scopes`."""

    code = ErrorCode.INSUFFICIENT_SCOPE


class Forbidden(RequestError):
    """Who is asking is known, and may not."""

    code = ErrorCode.FORBIDDEN


class CursorInvalid(RequestError):
    """Forged, damaged, too old, or of another session or configuration."""

    code = ErrorCode.CURSOR_INVALID


class ProviderNotConfigured(RequestError):
    """The operator has not set this provider up; `details.missing` names the settings."""

    code = ErrorCode.INVALID_REQUEST


class ConsentRefused(RequestError):
    """A consent that cannot be completed; the session stays as it was."""

    code = ErrorCode.INVALID_REQUEST


class ForeignAnswer(ConsentRefused):
    """A callback that no consent of this browser waits for."""


class StorageUnavailable(ScpError):
    """The database did not answer; nothing was done."""

    code = ErrorCode.STORAGE_UNAVAILABLE


class ShuttingDown(ScpError):
    """The server is draining and takes no new work."""

    code = ErrorCode.SHUTTING_DOWN


class SlowConsumer(ScpError):
    """A consumer takes nothing of what it is owed; its seat remains."""

    code = ErrorCode.SLOW_CONSUMER


class LimitReached(RequestError):
    """A limit of ours. `retry_after` in seconds, `reset_time` in epoch seconds."""

    code = ErrorCode.RATE_LIMIT_EXCEEDED

    def __init__(
        self, *, retry_after: int, limit: int, reset_time: float, verdict: Verdict | None = None
    ) -> None:
        super().__init__(
            f"Rate limit exceeded. Try again in {retry_after} seconds.",
            retry_after=retry_after,
            limit=limit,
            reset_time=reset_time,
        )
        self.retry_after = retry_after
        self.verdict = verdict
        """What the limit said, for the headers of the answer."""


class StreamLimitReached(LimitReached):
    """Too many starts of streams."""

    code = ErrorCode.STREAM_RATE_LIMITED


class ReadersLimitReached(LimitReached):
    """Too many responses that are open at the same time."""

    def __init__(self, *, retry_after: int, limit: int, reset_time: float) -> None:
        super().__init__(retry_after=retry_after, limit=limit, reset_time=reset_time)
        self.message = (
            f"This session has {limit} open readers, as many as it may have. Close one, or try"
            f" again in {retry_after} seconds."
        )


class Remedy(Enum):
    """What the engine does about a provider's error. It reads this, never the class."""

    WAIT = auto()
    BACK_OFF = auto()
    START_OVER = auto()
    ASK_USER = auto()
    ASK_OPERATOR = auto()
    """Try again, slowly, for as long as it takes: no consent is lost, no stream ends."""
    GIVE_UP = auto()


class ProviderError(ScpError):
    """The provider refused or failed a request. `message` holds no content of the user's."""

    code = ErrorCode.PROVIDER_ERROR
    remedy: ClassVar[Remedy] = Remedy.BACK_OFF
    lasting: bool = False
    """Whether the provider was waited for so long that consumers should know at once."""


class ProviderRateLimited(ProviderError):
    """It asked us to slow down. `retry_after` in seconds, None when it did not say.

    `at_once`: the calls were not too many in all, but too many at the same time.
    """

    code = ErrorCode.PROVIDER_RATE_LIMITED
    remedy = Remedy.WAIT

    def __init__(
        self, message: str, *, retry_after: float | None = None, at_once: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.at_once = at_once


class ProviderUnavailable(ProviderError):
    """It failed in a way that usually passes. `retry_after` in seconds, where it said so."""

    code = ErrorCode.PROVIDER_UNAVAILABLE

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProviderProtocolError(ProviderError):
    """It answered something that is not in its API: HTML, truncated JSON, a foreign link."""


class PositionLost(ProviderError):
    """It no longer knows the place we stopped at."""

    remedy = Remedy.START_OVER


class ConsentLost(ProviderError):
    """The grant was withdrawn or has expired; a renewal mends it."""

    code = ErrorCode.TOKEN_EXPIRED
    remedy = Remedy.ASK_USER

    def __init__(self, message: str, *, claims: str | None = None) -> None:
        super().__init__(message)
        self.claims = claims
        """What the next token must prove, as JSON: the provider's challenge to this one."""


class ScopeMissing(ProviderError):
    """The grant does not cover this call."""

    code = ErrorCode.INSUFFICIENT_SCOPE
    remedy = Remedy.ASK_USER


class RequestRefused(ProviderError):
    """It will never accept this request, for instance a search it cannot parse."""

    remedy = Remedy.GIVE_UP


class OperatorFault(ProviderError):
    """The app registration is refused (unknown client, expired secret): no user can mend it."""

    code = ErrorCode.PROVIDER_ERROR
    remedy = Remedy.ASK_OPERATOR
