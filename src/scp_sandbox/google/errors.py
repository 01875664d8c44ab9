"""Google's refusals, spelled as Google spells them.

https://developers.google.com/workspace/gmail/api/guides/handle-errors
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

Service = Literal["gmail", "calendar", "people", "drive", "pubsub"]

HOSTS: Mapping[Service, str] = MappingProxyType(
    {
        "gmail": "gmail.googleapis.com",
        "calendar": "calendar-json.googleapis.com",
        "people": "people.googleapis.com",
        "drive": "drive.googleapis.com",
        "pubsub": "pubsub.googleapis.com",
    }
)

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    410: "FAILED_PRECONDITION",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_BAD_CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie"
    " or other valid authentication credential. See"
    " https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_NO_CREDENTIALS = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login"
    " cookie or other valid authentication credential. See"
    " https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_NOT_ENOUGH = "Request had insufficient authentication scopes."


@dataclass(slots=True, kw_only=True)
class GoogleError(Exception):
    """A refusal: HTTP status, `errors[].reason` and the words. Rendered by `error_body`.

    `detail` is the reason of a `google.rpc.ErrorInfo` with its domain and `metadata`; `more` are
    further `details[]`; `inner` is the message within `errors[]` where it is not the outer one.
    """

    status: int
    reason: str
    message: str
    domain: str = "global"
    location: str | None = None
    location_type: str | None = None
    inner: str | None = None
    detail: str | None = None
    metadata: dict[str, str] | None = None
    detail_domain: str = "googleapis.com"
    more: tuple[dict[str, Any], ...] = ()


def error_body(error: GoogleError, service: Service) -> dict[str, Any]:
    """The JSON of a refusal.

    Calendar puts `errors` first and has no `status`, nor has Drive; People and Pub/Sub have no
    `errors`, but `details`.
    """
    entry: dict[str, Any] = {
        "message": error.inner or error.message,
        "domain": error.domain,
        "reason": error.reason,
    }
    if error.location:
        entry["location"] = error.location
        entry["locationType"] = error.location_type or "parameter"
    words = error.inner or error.message
    if service == "calendar" and error.detail is None:
        return {"error": {"errors": [entry], "code": error.status, "message": words}}
    if service == "drive" and error.detail is None:
        return {"error": {"code": error.status, "message": words, "errors": [entry]}}
    body: dict[str, Any] = {"code": error.status, "message": error.message}
    if service not in ("people", "pubsub"):
        body["errors"] = [entry]
    body["status"] = _STATUS_NAMES.get(error.status, "UNKNOWN")
    if details := _details(error):
        body["details"] = details
    return {"error": body}


def _details(error: GoogleError) -> list[dict[str, Any]]:
    if error.detail is None:
        return list(error.more)
    info: dict[str, Any] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.detail,
        "domain": error.detail_domain,
    }
    if error.metadata is not None:
        info["metadata"] = error.metadata
    return [info, *error.more]


def bad_credentials() -> GoogleError:
    """401 for a token that is unknown, expired or revoked."""
    return GoogleError(
        status=401,
        reason="authError",
        message=_BAD_CREDENTIALS,
        inner="Invalid Credentials",
        location="Authorization",
        location_type="header",
    )


def no_credentials() -> GoogleError:
    """401 for a call without any token."""
    return GoogleError(
        status=401,
        reason="required",
        message=_NO_CREDENTIALS,
        inner="Login Required.",
        location="Authorization",
        location_type="header",
    )


def scope_insufficient(service: Service, method: str) -> GoogleError:
    """403 for a grant that lacks the method's scope."""
    return GoogleError(
        status=403,
        reason="insufficientPermissions",
        message=_NOT_ENOUGH,
        inner="Insufficient Permission",
        detail="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        metadata={"service": HOSTS[service], "method": method},
    )


def forbidden(message: str) -> GoogleError:
    """403 that no retry mends."""
    return GoogleError(status=403, reason="forbidden", message=message)


def not_found(service: Service) -> GoogleError:
    """404 for an item, or a history id, that is not here."""
    newer = service in ("gmail", "people", "pubsub")
    words = "Requested entity was not found." if newer else "Not Found"
    return GoogleError(status=404, reason="notFound", message=words)


def invalid(message: str, *, reason: str = "invalidArgument") -> GoogleError:
    """400 of Gmail."""
    return GoogleError(status=400, reason=reason, message=message)


def invalid_parameter(name: str, message: str, *, reason: str = "invalid") -> GoogleError:
    """400 that names the parameter, as Calendar's do."""
    return GoogleError(
        status=400, reason=reason, message=message, location=name, location_type="parameter"
    )


def too_many_at_once() -> GoogleError:
    """429 of Gmail's undocumented cap per mailbox."""
    return GoogleError(
        status=429, reason="rateLimitExceeded", message="Too many concurrent requests for user."
    )


def slow_down(*, retry_at: float, politely: bool, service: Service) -> GoogleError:
    """A spent user quota: 403 `usageLimits`, or 429, which Gmail's names a time in.

    People knows only 429.
    """
    if service == "people":
        return _critical_reads()
    if politely:
        mild = service == "calendar"
        words = "Rate Limit Exceeded" if mild else "User Rate Limit Exceeded"
        reason = "rateLimitExceeded" if mild else "userRateLimitExceeded"
        return GoogleError(status=403, reason=reason, message=words, domain="usageLimits")
    if service == "drive":
        return GoogleError(
            status=429,
            reason="rateLimitExceeded",
            message="Rate Limit Exceeded",
            domain="usageLimits",
        )
    moment = datetime.fromtimestamp(retry_at, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    # Two spaces: so it is captured, and so clients parse it.
    words = f"User-rate limit exceeded.  Retry after {stamp}"
    domain = "global" if service == "gmail" else "usageLimits"
    return GoogleError(status=429, reason="rateLimitExceeded", message=words, domain=domain)


def _critical_reads() -> GoogleError:
    metric = "Critical read requests (Contact and Profile Reads)"
    return GoogleError(
        status=429,
        reason="rateLimitExceeded",
        message=(
            f"Quota exceeded for quota metric '{metric}' and limit '{metric} per minute per user'"
            f" of service '{HOSTS['people']}' for consumer 'project_number:100000000001'."
        ),
        detail="RATE_LIMIT_EXCEEDED",
        metadata={"service": HOSTS["people"], "consumer": "projects/100000000001"},
    )


def too_many_full_syncs() -> GoogleError:
    """429 of People's extra quota on the first page of a full sync."""
    violation = {"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}
    return GoogleError(
        status=429,
        reason="rateLimitExceeded",
        message="Resource has been exhausted (e.g. check quota).",
        more=({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},),
    )
