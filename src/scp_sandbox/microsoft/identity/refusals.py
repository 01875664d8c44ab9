"""AADSTS: the refusals of the identity platform.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from scp_sandbox.call import Reply

NO_STORE = (("cache-control", "no-store, no-cache"), ("pragma", "no-cache"))


@dataclass(slots=True, kw_only=True)
class Refusal(Exception):
    """A refusal: the OAuth `error`, the AADSTS number and its words.

    `suberror` and `claims` go into the body as they are; `status` is HTTP's.
    """

    error: str
    code: int
    words: str
    status: int = 400
    suberror: str | None = None
    claims: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def body(self, now: float, base: str) -> dict[str, Any]:
        """The JSON of the refusal."""
        stamp = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%SZ}"
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        shown: dict[str, Any] = {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self.words} Trace ID: {trace}"
            f" Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [self.code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{base}/error?code={self.code}",
        }
        if self.suberror is not None:
            shown["suberror"] = self.suberror
        if self.claims is not None:
            shown["claims"] = self.claims
        return shown | self.extra

    def reply(self, now: float, base: str) -> Reply:
        """The refusal as the token endpoint says it."""
        return answer(self.body(now, base), self.status)


def answer(body: dict[str, Any], status: int = 200) -> Reply:
    """JSON that must not be cached."""
    return Reply(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json; charset=utf-8",
        headers=(*NO_STORE, ("x-ms-request-id", str(uuid.uuid4()))),
    )


def missing(name: str) -> Refusal:
    """A request without one of its fields."""
    words = f"The request body must contain the following parameter: '{name}'."
    return Refusal(error="invalid_request", code=900144, words=words)


def unknown_client(client_id: str) -> Refusal:
    """A client that nobody registered: the operator's mistake."""
    words = (
        f"Application with identifier '{client_id[:60]}' was not found in the directory. This can"
        " happen if the application has not been installed by the administrator of the tenant."
    )
    return Refusal(error="unauthorized_client", code=700016, words=words)


def bad_secret() -> Refusal:
    """A wrong client secret: the operator's mistake."""
    words = (
        "Invalid client secret provided. Ensure the secret being sent in the request is the client"
        " secret value, not the client secret ID."
    )
    return Refusal(error="invalid_client", code=7000215, words=words, status=401)


def expired_secret(client_id: str) -> Refusal:
    """A client secret past its end: the operator's business, and every user is down."""
    words = (
        f"The provided client secret keys for app '{client_id}' are expired. Visit the portal to"
        " create new keys for your app, or consider using certificate credentials."
    )
    return Refusal(error="invalid_client", code=7000222, words=words, status=401)


def unknown_tenant(tenant: str) -> Refusal:
    """A tenant that does not exist."""
    words = f"Tenant '{tenant[:60]}' not found. Check to make sure you have the correct tenant ID."
    return Refusal(error="invalid_request", code=90002, words=words)


def malformed_grant() -> Refusal:
    """A code or refresh token that is none of this server's."""
    words = "The provided value for the input parameter is not valid: the grant is malformed."
    return Refusal(error="invalid_grant", code=9002313, words=words)


def used_code() -> Refusal:
    """A code redeemed before."""
    words = "OAuth2 Authorization code was already redeemed, please retry with a new valid code."
    return Refusal(error="invalid_grant", code=54005, words=words)


def expired_code() -> Refusal:
    """A code too old."""
    words = "The provided authorization code or refresh token has expired due to inactivity."
    return Refusal(error="invalid_grant", code=70008, words=words)


def inactive(issued: float, days: int) -> Refusal:
    """A refresh token that nobody used for too long."""
    since = f"{datetime.fromtimestamp(issued, UTC):%Y-%m-%dT%H:%M:%S}.0000000Z"
    words = (
        "The refresh token has expired due to inactivity. The token was issued on"
        f" {since} and was inactive for {days}.00:00:00."
    )
    return Refusal(error="invalid_grant", code=700082, words=words)


def no_consent(client_id: str, *, personal: bool) -> Refusal:
    """A consent that was never given, or taken back."""
    if personal:
        words = (
            "The user could not be authenticated or the grant is expired. The user must first sign"
            " in and if needed grant the client application access to the requested scope."
        )
        return Refusal(error="invalid_grant", code=70000, words=words)
    words = (
        "The user or administrator has not consented to use the application with ID"
        f" '{client_id}'. Send an interactive authorization request for this user and resource."
    )
    return Refusal(error="invalid_grant", code=65001, words=words, suberror="consent_required")


def interaction(error: str, claims: str) -> Refusal:
    """A second factor is wanted, or another challenge that only the user can meet."""
    words = (
        "Due to a configuration change made by your administrator, or because you moved to a new"
        " location, you must use multi-factor authentication to access"
        " '00000003-0000-0000-c000-000000000000'."
    )
    return Refusal(error=error, code=50076, words=words, suberror="basic_action", claims=claims)
