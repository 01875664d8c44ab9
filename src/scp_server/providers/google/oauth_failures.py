"""What the refusals of Google's OAuth server mean, and who mends them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    ProviderError,
    ProviderProtocolError,
    ProviderUnavailable,
)

_CREDENTIALS: Final = (
    "check SCP_GOOGLE__CLIENT_ID and SCP_GOOGLE__CLIENT_SECRET against the OAuth client in the"
    " Google Cloud console"
)
_BUSY: Final = "Google's sign-in server is busy. It is tried again by itself."

# The `error` member of RFC 6749 5.2 and Google's own additions.
GOOGLE_OAUTH_FAILURES: Final[Mapping[str, tuple[type[ProviderError], str]]] = MappingProxyType(
    {
        # Revoked, unused for six months, password changed, 7 days in "Testing", 100 tokens.
        "invalid_grant": (
            ConsentLost,
            (
                "Google no longer accepts this consent: it was withdrawn, replaced or has expired."
                " The user has to consent again."
            ),
        ),
        "access_denied": (
            ConsentLost,
            "Google denies access for this user. The user has to consent again.",
        ),
        "admin_policy_enforced": (
            ConsentLost,
            (
                "The administrator of the user's organisation does not allow this app. Ask them to"
                " trust it, then consent again."
            ),
        ),
        "invalid_client": (OperatorFault, f"Google refuses this server's client: {_CREDENTIALS}."),
        "unauthorized_client": (
            OperatorFault,
            (
                "Google says that the consent belongs to another client: if the client was changed,"
                f" change it back or let the users consent again; else {_CREDENTIALS}."
            ),
        ),
        "deleted_client": (
            OperatorFault,
            (
                "The OAuth client was deleted at Google: restore it in the Google Cloud console, or"
                " set another one in SCP_GOOGLE__CLIENT_ID and SCP_GOOGLE__CLIENT_SECRET."
            ),
        ),
        "disabled_client": (
            OperatorFault,
            "The OAuth client is disabled at Google: see the Google Cloud console for the reason.",
        ),
        "redirect_uri_mismatch": (
            OperatorFault,
            (
                "Google does not know this server's callback: add SCP_PUBLIC_URL followed by"
                " /oauth/google/callback to the client's authorised redirect URIs."
            ),
        ),
        "invalid_scope": (
            OperatorFault,
            (
                "Google refuses the scopes: enable the APIs of the wanted stream types in the"
                " Google Cloud project and add their scopes to its consent screen."
            ),
        ),
        "temporarily_unavailable": (ProviderUnavailable, _BUSY),
        "server_error": (ProviderUnavailable, _BUSY),
        "internal_failure": (ProviderUnavailable, _BUSY),
        "rate_limit_exceeded": (ProviderUnavailable, _BUSY),
    }
)


def failure(error: str | None, status: int) -> ProviderError:
    """The error for a refusal; `error` None when the answer did not name one."""
    known = GOOGLE_OAUTH_FAILURES.get(error or "")
    if known is None:
        return ProviderProtocolError(
            f"Google's sign-in server refused with HTTP {status} and no reason we know. Check"
            " SCP_GOOGLE__TOKEN_URL; if it is right, try again later."
        )
    kind, message = known
    return kind(message)
