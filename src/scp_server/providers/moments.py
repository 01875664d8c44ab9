"""Moments: times of all kinds as RFC 3339 in UTC."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can write."""
EARLIEST_MS: Final = -62_135_596_800_000


def utc(moment: datetime) -> str:
    """An instant; without an offset it is taken as UTC.

    Raises: OverflowError for the first and last hours of all time.
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    text = aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return text.rstrip("0").rstrip(".") + "Z"


def utc_of_ms(milliseconds: int) -> str | None:
    """An instant in milliseconds since 1970; None when no calendar has it."""
    if not EARLIEST_MS <= milliseconds <= LATEST_MS:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return utc(datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000))


def http_date(value: str) -> float | None:
    """The Date of an HTTP message in epoch seconds; None when it is none."""
    try:
        moment = parsedate_to_datetime(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def parsed(value: str) -> datetime | None:
    """An RFC 3339 time with an offset; None when it is none."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
