"""How often a stream looks for changes: soon after one, then slower while nothing happens."""

from typing import Final

QUICK: Final = 2.0
"""Seconds until the next look after a change was seen."""
SLOW: Final = 30.0
"""Seconds between looks at a quiet account. An idle Gmail history.list costs 2 units of 6,000."""
DURING_BACKFILL: Final = 30.0
"""Changes are followed during the backfill at least once a minute; half of that is safe."""
_GROWTH: Final = 1.5


def next_interval(previous: float, *, changed: bool) -> float:
    """Seconds to wait before the next look."""
    return QUICK if changed else min(max(previous, QUICK) * _GROWTH, SLOW)
