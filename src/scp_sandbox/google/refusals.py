"""The provider's own body for each status that a fault may order."""

from scp_sandbox.google.errors import (
    GoogleError,
    Service,
    bad_credentials,
    not_found,
    slow_down,
)

_CALENDAR_GONE = "Sync token is no longer valid, a full sync is required."
_WORDS: dict[int, tuple[str, str]] = {
    400: ("badRequest", "Bad Request"),
    403: ("forbidden", "Forbidden"),
    409: ("conflict", "Conflict"),
    412: ("conditionNotMet", "Precondition Failed"),
    500: ("backendError", "Internal error encountered."),
    502: ("backendError", "Bad Gateway"),
    503: ("backendError", "The service is currently unavailable."),
    504: ("backendError", "Deadline expired before operation could complete."),
}


def refusal(status: int, reason: str | None, service: Service, *, retry_at: float) -> GoogleError:
    """What Google would say with `status`; `reason` replaces the usual reason."""
    error = _usual(status, reason, service, retry_at)
    if reason:
        error.reason = reason
        if service == "people":
            error.detail, error.detail_domain = reason, "people.googleapis.com"
        if "limit" in reason.lower():
            error.domain = "usageLimits"
    return error


def _usual(status: int, reason: str | None, service: Service, retry_at: float) -> GoogleError:
    if status == 401:
        return bad_credentials()
    if status == 404:
        return not_found(service)
    if status == 410:
        return full_sync_required()
    if status == 429:
        return slow_down(retry_at=retry_at, politely=False, service=service)
    if status == 403 and reason and "limit" in reason.lower():
        return slow_down(retry_at=retry_at, politely=True, service=service)
    usual, words = _WORDS.get(status, ("backendError", "Backend Error"))
    return GoogleError(status=status, reason=usual, message=words)


def full_sync_required() -> GoogleError:
    """410 of Calendar for a dead or foreign sync token."""
    return GoogleError(
        status=410,
        reason="fullSyncRequired",
        message=_CALENDAR_GONE,
        domain="calendar",
        location="syncToken",
        location_type="parameter",
    )
