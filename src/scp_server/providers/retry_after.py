"""Retry-After: how long a provider asks to be left alone (RFC 9110 10.2.3)."""

import math
from email.utils import parsedate_to_datetime


def retry_after(header: str, now: float) -> float | None:
    """Seconds from `now` (epoch seconds), at least 0; None when it is not understandable."""
    text = header.strip()
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, now)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _until(text: str, now: float) -> float | None:
    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (ValueError, OverflowError, TypeError):
        return None
