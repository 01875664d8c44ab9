"""Settings as the app registrations at the providers, and as what is read by them."""

from scp_server.config.provider_settings import GoogleSettings, MicrosoftSettings
from scp_server.config.settings import Settings
from scp_server.providers.google.oauth import GoogleEndpoints
from scp_server.providers.microsoft.calendar_filters import Days
from scp_server.providers.microsoft.oauth import MicrosoftEndpoints
from scp_wire.stream_types import Provider


def google_registration(google: GoogleSettings) -> GoogleEndpoints | None:
    """The app at Google; None when it is not set up."""
    if google.client_id is None or google.client_secret is None:
        return None
    return GoogleEndpoints(
        authorization_url=google.authorization_url,
        token_url=google.token_url,
        revocation_url=google.revocation_url,
        userinfo_url=google.userinfo_url,
        jwks_url=google.jwks_url,
        issuer=google.issuer,
        gmail_url=google.gmail_url,
        calendar_url=google.calendar_url,
        people_url=google.people_url,
        drive_url=google.drive_url,
        client_id=google.client_id,
        client_secret=google.client_secret,
    )


def microsoft_registration(microsoft: MicrosoftSettings) -> MicrosoftEndpoints | None:
    """The app at Microsoft; None when it is not set up."""
    if microsoft.client_id is None or microsoft.client_secret is None:
        return None
    return MicrosoftEndpoints(
        tenant=microsoft.tenant,
        authorization_url=microsoft.authorization_url,
        token_url=microsoft.token_url,
        jwks_url=microsoft.jwks_url,
        issuer=microsoft.issuer,
        graph_url=microsoft.graph_url,
        client_id=microsoft.client_id,
        client_secret=microsoft.client_secret,
    )


def outlook_days(microsoft: MicrosoftSettings) -> Days:
    """How much of a calendar is in sight where a stream's filters do not say."""
    return Days(back=microsoft.event_days_back, ahead=microsoft.event_days_ahead)


def missing(settings: Settings) -> dict[Provider, tuple[str, ...]]:
    """The settings each provider still lacks; nothing for those that are set up."""
    return {
        provider: tuple(
            f"SCP_{provider.upper()}__{name}"
            for name, value in (
                ("CLIENT_ID", registration.client_id),
                ("CLIENT_SECRET", registration.client_secret),
            )
            if value is None
        )
        for provider, registration in (
            (Provider.GOOGLE, settings.google),
            (Provider.MICROSOFT, settings.microsoft),
        )
    }
