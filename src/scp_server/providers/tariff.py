"""Tariff: what a provider's calls cost, and how much of it one account may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one account may use of one service: units in any `window` seconds, and calls at once."""

    units: int
    calls_in_flight: int
    window: float = MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one call of a method takes from which service's allowance."""

    service: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A provider's prices and allowances."""

    prices: Mapping[str, Price]
    """By the provider's own method name; every method a connector asks for has one."""
    allowances: Mapping[str, Allowance]
    """By service."""

    def service(self, method: str) -> str:
        """Whose allowance a method is taken from."""
        return self.prices[method].service

    def units(self, methods: Sequence[str]) -> tuple[int, ...]:
        """What each of these calls costs."""
        return tuple(self.prices[method].units for method in methods)
