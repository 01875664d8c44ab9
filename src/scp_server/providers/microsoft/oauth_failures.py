"""What the refusals of the Microsoft identity platform mean, and who mends them.

The number of the refusal (`error_codes`, spelled AADSTS<number> in Microsoft's own pages) says more
than the OAuth `error`, so it decides where it is known. The description is for people and is never
looked at. Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    ProviderError,
    ProviderProtocolError,
    ProviderUnavailable,
)

Meaning = tuple[type[ProviderError], str]

_AGAIN: Final = "The user has to consent again."
_PORTAL: Final = "in the Microsoft Entra admin centre, App registrations"
_BUSY: Final = (
    ProviderUnavailable,
    "Microsoft's sign-in server is busy. It is tried again by itself.",
)
_IDLE: Final = (
    ConsentLost,
    f"Microsoft ended this consent because it was not used for 90 days. {_AGAIN}",
)
_CHANGED: Final = (
    ConsentLost,
    f"The password of the Microsoft account was changed, or its sign-ins were revoked. {_AGAIN}",
)
_WITHDRAWN: Final = (
    ConsentLost,
    f"The consent was withdrawn at Microsoft, or does not cover what is asked for. {_AGAIN}",
)
_PROOF: Final = (
    ConsentLost,
    (
        "Microsoft wants the user to prove who they are once more (multi-factor authentication)."
        f" {_AGAIN}"
    ),
)
_POLICY: Final = (
    ConsentLost,
    (
        "A policy of the user's organisation (Conditional Access) blocks this access as it is. Its"
        " administrator can say what the policy asks for, for instance a managed device or another"
        " network; then the user has to consent again."
    ),
)
_NOBODY: Final = (
    ConsentLost,
    (
        "Microsoft does not let this account sign in: it is unknown here, disabled, or of another"
        " organisation. Its administrator can mend that; then the user has to consent again."
    ),
)
_APPROVAL: Final = (
    ConsentLost,
    (
        "The user's organisation lets only administrators allow this app. Ask one of them to"
        " approve it, then consent again."
    ),
)
_SECRET: Final = (
    OperatorFault,
    (
        "Microsoft refuses this server's client secret. Its operator has to check that"
        " SCP_MICROSOFT__CLIENT_SECRET is the secret's value (not its id) and belongs to"
        " SCP_MICROSOFT__CLIENT_ID."
    ),
)
_APP: Final = (
    OperatorFault,
    (
        "Microsoft does not know this server's app, or not in this tenant. Its operator has to"
        " check SCP_MICROSOFT__CLIENT_ID and SCP_MICROSOFT__TENANT against the app's overview page"
        f" {_PORTAL}."
    ),
)
_SCOPES: Final = (
    OperatorFault,
    (
        "Microsoft refuses the scopes. This server's operator has to add the wanted stream types'"
        f" delegated Microsoft Graph permissions to the app {_PORTAL}."
    ),
)

MICROSOFT_CODES: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        # The grant is over.
        70000: _WITHDRAWN,  # personal accounts: the user removed the app
        70008: _IDLE,
        700082: _IDLE,
        700084: (
            ConsentLost,
            (
                "This server's app is registered at Microsoft as a single-page application, whose"
                " consents last a day. Its operator has to register its callback under the platform"
                " Web; then the user has to consent again."
            ),
        ),
        70043: (
            ConsentLost,
            (
                "The user's organisation asks for a new sign-in from time to time (sign-in"
                f" frequency policy). {_AGAIN}"
            ),
        ),
        50132: _CHANGED,
        50133: _CHANGED,
        50173: _CHANGED,
        50055: (ConsentLost, f"The password of the Microsoft account has expired. {_AGAIN}"),
        65001: _WITHDRAWN,
        65004: (ConsentLost, f"The user declined to give access. {_AGAIN}"),
        # The user has to show more.
        50072: _PROOF,
        50074: _PROOF,
        50076: _PROOF,
        50079: _PROOF,
        50158: _PROOF,
        # The organisation says no.
        50097: _POLICY,
        50131: _POLICY,
        53000: _POLICY,
        53001: _POLICY,
        53002: _POLICY,
        53003: _POLICY,
        53004: _POLICY,
        530032: _POLICY,
        50105: _APPROVAL,
        90093: _APPROVAL,
        90094: _APPROVAL,
        90095: _APPROVAL,
        50020: _NOBODY,
        50034: _NOBODY,
        50053: _NOBODY,
        50057: _NOBODY,
        # The operator's.
        70002: _SECRET,
        7000215: _SECRET,
        7000218: _SECRET,
        7000222: (
            OperatorFault,
            (
                "This server's client secret has expired at Microsoft. Its operator has to make a"
                f" new one {_PORTAL}, set it in SCP_MICROSOFT__CLIENT_SECRET and start the server"
                " again; all streams then go on, and no user has to consent again."
            ),
        ),
        70001: _APP,
        700016: _APP,
        7000112: (
            OperatorFault,
            f"This server's app is disabled at Microsoft. Its operator can enable it {_PORTAL}.",
        ),
        90002: (
            OperatorFault,
            (
                "Microsoft knows no such tenant. This server's operator has to set"
                " SCP_MICROSOFT__TENANT to common, organizations, consumers, or a directory's id."
            ),
        ),
        50194: (
            OperatorFault,
            (
                "This server's app is registered for one tenant only. Its operator has to set"
                " SCP_MICROSOFT__TENANT to that tenant's id, or open the app to others."
            ),
        ),
        50011: (
            OperatorFault,
            (
                "Microsoft does not know this server's callback: add SCP_PUBLIC_URL followed by"
                " /oauth/microsoft/callback to the app's redirect URIs, under the platform Web."
            ),
        ),
        500112: (
            OperatorFault,
            (
                "Microsoft says that the callback changed during the consent: SCP_PUBLIC_URL has to"
                " be the same on all servers that share these sessions."
            ),
        ),
        65005: _SCOPES,
        650053: _SCOPES,
        650056: _SCOPES,
        650057: _SCOPES,
        70011: _SCOPES,
        # It passes.
        90006: _BUSY,
        90033: _BUSY,
        90055: _BUSY,
        50196: _BUSY,  # "a loop was detected": it wants to be asked less often
    }
)

# Where no number is known: RFC 6749 5.2, OpenID Connect Core 3.1.2.6.
MICROSOFT_OAUTH_FAILURES: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "invalid_grant": (
            ConsentLost,
            (
                "Microsoft no longer accepts this consent: it was withdrawn, replaced or has"
                f" expired. {_AGAIN}"
            ),
        ),
        "interaction_required": _PROOF,
        "login_required": _PROOF,
        "consent_required": _WITHDRAWN,
        "access_denied": (ConsentLost, f"Microsoft denies access for this user. {_AGAIN}"),
        "invalid_client": _SECRET,
        "unauthorized_client": _APP,
        "invalid_scope": _SCOPES,
        "invalid_resource": _SCOPES,
        "temporarily_unavailable": _BUSY,
        "server_error": _BUSY,
    }
)

CODE_REFUSED: Final = frozenset({54005, 70000, 70008, 501481, 9002313})
"""While a code is redeemed, these speak of the code only: used, too old, of another flow."""
_LARGEST: Final = 10**10


def failure(error: str | None, codes: Iterable[int], status: int) -> ProviderError:
    """The error for a refusal; `error` None when the answer did not name one."""
    numbers = [code for code in codes if 0 < code < _LARGEST]
    known = next((MICROSOFT_CODES[code] for code in numbers if code in MICROSOFT_CODES), None)
    known = known or MICROSOFT_OAUTH_FAILURES.get(error or "")
    named = f" (AADSTS{numbers[0]})" if numbers else ""
    if known is None:
        return ProviderProtocolError(
            f"Microsoft's sign-in server refused with HTTP {status} and no reason we know{named}."
            " Check SCP_MICROSOFT__TOKEN_URL; if it is right, try again later."
        )
    kind, message = known
    return kind(message + named)
