"""What the provider's refusals on the callback mean to the user who sees them."""

import re
from collections.abc import Mapping
from typing import Final

from scp_server.domain.errors import ConsentRefused

_WORD: Final = re.compile(r"[a-z_]{1,40}")

# RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6, and Google's own.
_MEANINGS: Final[Mapping[str, str]] = {
    "access_denied": (
        "Access was not granted, so nothing was changed. If that was a mistake, start again."
    ),
    "admin_policy_enforced": (
        "The administrator of your organisation does not allow this app. Ask them to trust it,"
        " then start again."
    ),
    "org_internal": (
        "This app is open to members of its own organisation only. Use an account of it, or ask"
        " the operator to open the app to others."
    ),
    "temporarily_unavailable": "The provider is busy. Start again in a minute.",
    "server_error": "The provider failed. Start again in a minute.",
}


def refusal(error: str) -> ConsentRefused:
    """The error for an `error` parameter. It came through a browser: only a known form is shown."""
    known = _MEANINGS.get(error)
    if known is not None:
        return ConsentRefused(known)
    named = f" ({error})" if _WORD.fullmatch(error) else ""
    return ConsentRefused(
        f"The provider refused the consent{named}, so nothing was changed. If starting again does"
        " not help, ask the operator to check the app's registration at the provider."
    )


def unknown_answer() -> ConsentRefused:
    """The answer to a callback that no consent of this browser waits for: always the same."""
    return ConsentRefused(
        "This consent was answered before, is older than ten minutes, or was begun in another"
        " browser. Nothing was changed: start again, and finish in the same browser."
    )


def no_refresh_token(provider: str) -> ConsentRefused:
    """The mend for a grant that would be dead within the hour."""
    return ConsentRefused(
        f"{provider} gave no lasting access (no refresh token), so nothing was changed. Remove this"
        f" app from the connections of your {provider} account, then start again."
    )
