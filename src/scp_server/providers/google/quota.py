"""Google's prices and allowances, per user (as of 2026-05-01).

https://developers.google.com/workspace/gmail/api/reference/quota and the other services' like it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_server.providers.tariff import Allowance, Price, Tariff

GMAIL_UNITS_PER_MINUTE: Final = 6000
CALENDAR_REQUESTS_PER_MINUTE: Final = 600
PEOPLE_READS_PER_MINUTE: Final = 90
"""Critical read requests, which listing contacts is."""
DRIVE_UNITS_PER_MINUTE: Final = 325_000
CALLS_IN_FLIGHT: Final = 20
"""Gmail refuses a mailbox's parallel calls at an unpublished number; batches of 10 to 25 pass."""

PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "gmail.getProfile": Price(service="gmail", units=1),
        "gmail.messages.list": Price(service="gmail", units=5),
        "gmail.messages.get": Price(service="gmail", units=20),
        "gmail.threads.list": Price(service="gmail", units=10),
        "gmail.threads.get": Price(service="gmail", units=40),
        "gmail.history.list": Price(service="gmail", units=2),
        "calendar.calendarList.list": Price(service="calendar", units=1),
        "calendar.events.list": Price(service="calendar", units=1),
        "calendar.events.get": Price(service="calendar", units=1),
        "people.connections.list": Price(service="people", units=1),
        # Google has not published what a call of Drive costs. The old allowance of 12,000 calls a
        # minute makes 27 units of one; these guesses are on the safe side of that.
        "drive.changes.getStartPageToken": Price(service="drive", units=50),
        "drive.files.list": Price(service="drive", units=100),
        "drive.changes.list": Price(service="drive", units=100),
    }
)


def google_tariff(
    *,
    gmail_units_per_minute: int = GMAIL_UNITS_PER_MINUTE,
    calendar_requests_per_minute: int = CALENDAR_REQUESTS_PER_MINUTE,
    people_reads_per_minute: int = PEOPLE_READS_PER_MINUTE,
    drive_units_per_minute: int = DRIVE_UNITS_PER_MINUTE,
    calls_in_flight: int = CALLS_IN_FLIGHT,
) -> Tariff:
    """Prices with these allowances; projects older than May 2026 have more."""
    units = {
        "gmail": gmail_units_per_minute,
        "calendar": calendar_requests_per_minute,
        "people": people_reads_per_minute,
        "drive": drive_units_per_minute,
    }
    allowances = {
        service: Allowance(units=amount, calls_in_flight=calls_in_flight)
        for service, amount in units.items()
    }
    return Tariff(prices=PRICES, allowances=allowances)
