"""Graph's refusals, spelled as Graph spells them.

https://learn.microsoft.com/graph/errors
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True, kw_only=True)
class GraphError(Exception):
    """A refusal: HTTP status, `error.code` and the words.

    `inner_code` is a more specific code within the inner error, as the drive's have it.
    """

    status: int
    code: str
    message: str
    headers: Headers = ()
    inner_code: str | None = None


def error_body(error: GraphError, *, now: float, request_id: str, client_id: str) -> dict[str, Any]:
    """The JSON of a refusal; the drive's services write `innererror`, all others `innerError`."""
    inner: dict[str, Any] = {
        "date": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S}",
        "request-id": request_id,
        "client-request-id": client_id,
    }
    name = "innerError"
    if error.inner_code is not None:
        name, inner = "innererror", {"code": error.inner_code, **inner}
    return {"error": {"code": error.code, "message": error.message, name: inner}}


def no_token() -> GraphError:
    """401 for a call without a token."""
    return _unauthorised("Access token is empty.", (_CHALLENGE,))


def foreign_token() -> GraphError:
    """401 for a token that is none of ours."""
    words = "IDX14100: JWT is not well formed, there are no dots (.)."
    return _unauthorised(words, (_CHALLENGE,))


def expired_token() -> GraphError:
    """401 for a token past its time."""
    return _unauthorised("Lifetime validation failed, the token is expired.", (_CHALLENGE,))


def claims_challenge(claims: str, base: str) -> GraphError:
    """401 of continuous access evaluation: the token was revoked."""
    challenge = (
        f'Bearer realm="", authorization_uri="{base}/common/oauth2/authorize",'
        ' client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims",'
        f' claims="{claims}"'
    )
    words = (
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and"
        " code: TokenIssuedBeforeRevocationTimestamp"
    )
    return _unauthorised(words, (("www-authenticate", challenge),))


_CHALLENGE = (
    "www-authenticate",
    'Bearer realm="", client_id="00000003-0000-0000-c000-000000000000"',
)


def _unauthorised(words: str, headers: Headers) -> GraphError:
    return GraphError(status=401, code="InvalidAuthenticationToken", message=words, headers=headers)


def access_denied(*, drive: bool) -> GraphError:
    """403 for a token without the scope."""
    if drive:
        return GraphError(status=403, code="accessDenied", message="Access denied")
    words = "Access is denied. Check credentials and try again."
    return GraphError(status=403, code="ErrorAccessDenied", message=words)


def no_mailbox() -> GraphError:
    """404 for an account without an Exchange Online mailbox."""
    words = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    return GraphError(status=404, code="MailboxNotEnabledForRESTAPI", message=words)


def not_found() -> GraphError:
    """404 for an item of Outlook that is not here."""
    words = "The specified object was not found in the store."
    return GraphError(status=404, code="ErrorItemNotFound", message=words)


def no_such_file() -> GraphError:
    """404 for an item of a drive that is not here."""
    return GraphError(status=404, code="itemNotFound", message="The resource could not be found.")


def malformed_id() -> GraphError:
    """400 for an id that is no id at all."""
    return GraphError(status=400, code="ErrorInvalidIdMalformed", message="Id is malformed.")


def no_such_path(segment: str) -> GraphError:
    """400 for a path that leads nowhere."""
    words = f"Resource not found for the segment '{segment[:60]}'."
    return GraphError(status=400, code="BadRequest", message=words)


def bad_request(words: str, code: str = "BadRequest") -> GraphError:
    """400 that no retry mends."""
    return GraphError(status=400, code=code, message=words)


def unknown_property(name: str, kind: str) -> GraphError:
    """400 for a `$select`, `$filter` or `$orderby` of a property that is none."""
    words = f"Could not find a property named '{name[:60]}' on type 'microsoft.graph.{kind}'."
    return GraphError(status=400, code="RequestBroker--ParseUri", message=words)


def bad_filter(words: str) -> GraphError:
    """400 for a filter that cannot be read."""
    return GraphError(status=400, code="ErrorInvalidUrlQueryFilter", message=words)


def inefficient() -> GraphError:
    """400 for an order that the filter does not begin with."""
    words = "The restriction or sort order is too complex for this operation."
    return GraphError(status=400, code="InefficientFilter", message=words)


def not_with_search(parameter: str, code: str) -> GraphError:
    """400 for what cannot be combined with `$search`."""
    words = f"The query parameter '{parameter}' is not supported with '$search'."
    return GraphError(status=400, code=code, message=words)


def throttled(seconds: int, words: str, code: str = "ApplicationThrottled") -> GraphError:
    """429 with the seconds to wait."""
    headers = (("retry-after", str(max(1, seconds))),)
    return GraphError(status=429, code=code, message=words, headers=headers)


def sync_state_lost() -> GraphError:
    """410 for a delta token whose state is gone."""
    words = "The sync state generation is not found; generation=0. Run a full synchronization."
    return GraphError(status=410, code="SyncStateNotFound", message=words)


def sync_state_invalid() -> GraphError:
    """400 for a delta token that is none, or of another collection."""
    words = "The sync state is invalid or was made for another folder."
    return GraphError(status=400, code="SyncStateInvalid", message=words)
