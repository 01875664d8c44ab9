"""Google's prices and allowances, per user (providers.md 2 and 3; as of 2026-05-01)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_server.providers.tariff import Allowance, Price, Tariff

GMAIL_UNITS_PER_MINUTE: Final = 6000
CALENDAR_REQUESTS_PER_MINUTE: Final = 600
CALLS_IN_FLIGHT: Final = 20
"""Gmail refuses a mailbox's parallel calls at an unpublished number; batches of 10 to 25 pass."""

PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "gmail.getProfile": Price(service="gmail", units=1),
        "gmail.messages.list": Price(service="gmail", units=5),
        "gmail.messages.get": Price(service="gmail", units=20),
        "gmail.history.list": Price(service="gmail", units=2),
        "calendar.calendarList.list": Price(service="calendar", units=1),
        "calendar.events.list": Price(service="calendar", units=1),
    }
)


def google_tariff(
    *,
    gmail_units_per_minute: int = GMAIL_UNITS_PER_MINUTE,
    calendar_requests_per_minute: int = CALENDAR_REQUESTS_PER_MINUTE,
) -> Tariff:
    """Prices with these allowances; projects older than May 2026 have more."""
    gmail = Allowance(units=gmail_units_per_minute, calls_in_flight=CALLS_IN_FLIGHT)
    calendar = Allowance(units=calendar_requests_per_minute, calls_in_flight=CALLS_IN_FLIGHT)
    return Tariff(prices=PRICES, allowances={"gmail": gmail, "calendar": calendar})
