"""Graph's prices and allowances, per mailbox and drive (as of 2026-11).

https://learn.microsoft.com/graph/throttling-limits
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scp_server.providers.tariff import Allowance, Price, Tariff

OUTLOOK_REQUESTS: Final = 10_000
"""Per app and mailbox, in any ten minutes."""
OUTLOOK_WINDOW: Final = 600.0
OUTLOOK_AT_ONCE: Final = 4
"""Calls in flight per app and mailbox. A batch counts as four: Outlook runs no more of its parts
side by side, and refuses what a second batch would add."""
DRIVE_UNITS_PER_MINUTE: Final = 1_200
"""Resource units per app and tenant of the smallest size; larger ones have up to 6,000."""
DRIVE_AT_ONCE: Final = 4

_OUTLOOK: Final = Price(service="outlook", units=1)

PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "graph.mailFolders.delta": _OUTLOOK,
        "graph.messages.list": _OUTLOOK,
        "graph.messages.search": _OUTLOOK,
        "graph.messages.delta": _OUTLOOK,
        "graph.messages.get": _OUTLOOK,
        "graph.attachments.list": _OUTLOOK,
        "graph.calendar.get": _OUTLOOK,
        "graph.calendarView.delta": _OUTLOOK,
        "graph.events.get": _OUTLOOK,
        "graph.contactFolders.delta": _OUTLOOK,
        "graph.contacts.delta": _OUTLOOK,
        "graph.contacts.get": _OUTLOOK,
        # With a token a delta costs one unit, without it two: the dearer one is counted.
        "graph.drive.delta": Price(service="onedrive", units=2),
    }
)


def microsoft_tariff(
    *,
    outlook_requests: int = OUTLOOK_REQUESTS,
    drive_units_per_minute: int = DRIVE_UNITS_PER_MINUTE,
) -> Tariff:
    """Prices with these allowances."""
    outlook = Allowance(
        units=outlook_requests, calls_in_flight=OUTLOOK_AT_ONCE, window=OUTLOOK_WINDOW
    )
    drive = Allowance(units=drive_units_per_minute, calls_in_flight=DRIVE_AT_ONCE)
    return Tariff(prices=PRICES, allowances={"outlook": outlook, "onedrive": drive})
