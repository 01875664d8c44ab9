"""The world's own present: the moment up to which it was lived before anybody looked.

Fixed, because ids hold times and the same seed must give the same ids on any day.
"""

from datetime import UTC, datetime

ANCHOR = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
ANCHOR_MS = int(ANCHOR.timestamp() * 1000)
DAY_MS = 86_400_000
