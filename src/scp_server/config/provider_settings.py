"""The settings of providers: the app registrations, and where the providers are."""

from typing import Annotated

from msgspec import Meta, Struct

from scp_server.domain.secrets import Secret

_URL = {"form": "url"}


class GoogleSettings(Struct, frozen=True, kw_only=True):
    """The app registration at Google, and where Google is."""

    client_id: Annotated[
        str | None,
        Meta(description="Client id of the OAuth app. Without it Google is switched off."),
    ] = None
    client_secret: Annotated[Secret | None, Meta(description="Client secret of the OAuth app.")] = (
        None
    )
    authorization_url: Annotated[
        str, Meta(description="Where users are sent to consent.", extra=_URL)
    ] = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: Annotated[
        str, Meta(description="Where codes and refresh tokens are redeemed.", extra=_URL)
    ] = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
    revocation_url: Annotated[str, Meta(description="Where grants are revoked.", extra=_URL)] = (
        "https://oauth2.googleapis.com/revoke"
    )
    userinfo_url: Annotated[
        str, Meta(description="Where an access token's user is asked for.", extra=_URL)
    ] = "https://openidconnect.googleapis.com/v1/userinfo"
    jwks_url: Annotated[
        str, Meta(description="The keys ID tokens are signed with.", extra=_URL)
    ] = "https://www.googleapis.com/oauth2/v3/certs"
    issuer: Annotated[str, Meta(description="The issuer ID tokens must name.", extra=_URL)] = (
        "https://accounts.google.com"
    )
    gmail_url: Annotated[str, Meta(description="What /gmail/v1/… is joined to.", extra=_URL)] = (
        "https://gmail.googleapis.com"
    )
    calendar_url: Annotated[
        str, Meta(description="What /calendar/v3/… is joined to.", extra=_URL)
    ] = "https://www.googleapis.com"
    people_url: Annotated[str, Meta(description="What /v1/people/… is joined to.", extra=_URL)] = (
        "https://people.googleapis.com"
    )
    drive_url: Annotated[str, Meta(description="What /drive/v3/… is joined to.", extra=_URL)] = (
        "https://www.googleapis.com"
    )
    batch_size: Annotated[
        int,
        Meta(ge=1, le=100, description="Calls in one batch request; 1 sends each on its own."),
    ] = 20
    quota_units_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Gmail quota units a user may spend per minute. Projects older than May"
            " 2026 may have more: see the quotas page of the Cloud console.",
        ),
    ] = 6_000
    calendar_requests_per_minute: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Calendar requests per user and minute.")
    ] = 600
    people_reads_per_minute: Annotated[
        int, Meta(ge=1, le=10_000_000, description="People API reads per user and minute.")
    ] = 90
    drive_units_per_minute: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Drive quota units per user and minute.")
    ] = 325_000
    calls_in_flight: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Calls at once for one user at one of Google's services; each part of a"
            " batch is one.",
        ),
    ] = 20


class MicrosoftSettings(Struct, frozen=True, kw_only=True):
    """The app registration at Microsoft, and where Microsoft is."""

    client_id: Annotated[
        str | None,
        Meta(description="Client id of the app. Without it Microsoft is switched off."),
    ] = None
    client_secret: Annotated[Secret | None, Meta(description="Client secret of the app.")] = None
    tenant: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9.-]{1,255}$",
            description="Who may consent: common, organizations, consumers, or a directory's id.",
        ),
    ] = "common"
    authorization_url: Annotated[
        str,
        Meta(
            description="Where users are sent to consent; {tenant} is filled in.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"
    token_url: Annotated[
        str,
        Meta(
            description="Where codes and refresh tokens are redeemed; {tenant} is filled in.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105  (an address)
    jwks_url: Annotated[
        str,
        Meta(
            description="The keys ID tokens are signed with; {tenant} is filled in.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"
    issuer: Annotated[
        str,
        Meta(
            description="The issuer ID tokens must name; {tenant} is the token's own tenant.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/v2.0"
    graph_url: Annotated[str, Meta(description="What /v1.0/… is joined to.", extra=_URL)] = (
        "https://graph.microsoft.com"
    )
    batch_size: Annotated[
        int, Meta(ge=1, le=20, description="Calls in one batch request; 1 sends each on its own.")
    ] = 20
    outlook_requests_per_ten_minutes: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Outlook requests per mailbox and ten minutes.")
    ] = 10_000
    onedrive_units_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="OneDrive resource units per user and minute. Microsoft counts them per"
            " organisation, from 1,200 for the smallest.",
        ),
    ] = 1_200
    event_days_back: Annotated[
        int,
        Meta(
            ge=0,
            le=1_824,
            description="outlook_events without `time_min` begin so many days before today.",
        ),
    ] = 30
    event_days_ahead: Annotated[
        int,
        Meta(
            ge=1,
            le=1_825,
            description="outlook_events without `time_max` end so many days after today; with"
            " the days back no more than 1,825, the widest window Microsoft shows.",
        ),
    ] = 365
