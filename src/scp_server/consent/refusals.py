"""What the provider's refusals on the callback mean to the user who sees them."""

import re
from collections.abc import Mapping
from typing import Final

from scp_server.domain.errors import ConsentRefused, ForeignAnswer
from scp_wire.stream_types import Provider

_WORD: Final = re.compile(r"[a-z_]{1,40}")

# RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6, and the providers' own.
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
    "consent_required": (
        "Your organisation lets only administrators allow this app. Ask one of them to approve it,"
        " then start again."
    ),
    "login_required": "You were not signed in. Start again and sign in.",
    "interaction_required": (
        "The provider wants to know more before it gives access, for instance a second proof of"
        " who you are. Start again and follow what it asks."
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


def unknown_answer() -> ForeignAnswer:
    """The answer to a callback that no consent of this browser waits for: always the same."""
    return ForeignAnswer(
        "This consent was answered before, is older than ten minutes, or was begun in another"
        " browser. Nothing was changed: start again, and finish in the same browser."
    )


_LASTING: Final[Mapping[Provider, tuple[str, str]]] = {
    Provider.GOOGLE: (
        "Google",
        "Remove this app from the connections of your Google account, then start again.",
    ),
    Provider.MICROSOFT: (
        "Microsoft",
        (
            "Start again, and let the app keep the access you give it (offline_access). If that is"
            " not asked for, the operator has to register the callback under the platform Web and"
            " allow the app the delegated permission offline_access."
        ),
    ),
}


def no_refresh_token(provider: Provider) -> ConsentRefused:
    """The mend for a grant that would be dead within the hour."""
    name, mend = _LASTING[provider]
    return ConsentRefused(
        f"{name} gave no lasting access (no refresh token), so nothing was changed. {mend}"
    )
