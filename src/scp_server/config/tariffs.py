"""Settings as the tariffs that the governors keep to."""

from scp_server.config.settings import Settings
from scp_server.providers.google.quota import google_tariff
from scp_server.providers.microsoft.quota import microsoft_tariff
from scp_server.providers.tariff import Tariff
from scp_wire.stream_types import Provider


def tariffs(settings: Settings) -> dict[Provider, Tariff]:
    """What each provider's calls cost, and how much of it one account may use."""
    google, microsoft = settings.google, settings.microsoft
    return {
        Provider.GOOGLE: google_tariff(
            gmail_units_per_minute=google.quota_units_per_minute,
            calendar_requests_per_minute=google.calendar_requests_per_minute,
            people_reads_per_minute=google.people_reads_per_minute,
            drive_units_per_minute=google.drive_units_per_minute,
            calls_in_flight=google.calls_in_flight,
        ),
        Provider.MICROSOFT: microsoft_tariff(
            outlook_requests=microsoft.outlook_requests_per_ten_minutes,
            drive_units_per_minute=microsoft.onedrive_units_per_minute,
        ),
    }
