"""Time zones under the names Outlook takes: IANA's and Windows's. Pure."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from scp_sandbox.world.event import known_zone

_WINDOWS = {
    "UTC": "UTC",
    "GMT Standard Time": "Europe/London",
    "Greenwich Standard Time": "Atlantic/Reykjavik",
    "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris",
    "Central Europe Standard Time": "Europe/Budapest",
    "E. Europe Standard Time": "Europe/Chisinau",
    "Russian Standard Time": "Europe/Moscow",
    "India Standard Time": "Asia/Kolkata",
    "China Standard Time": "Asia/Shanghai",
    "Tokyo Standard Time": "Asia/Tokyo",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "E. South America Standard Time": "America/Sao_Paulo",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Mountain Standard Time": "America/Denver",
    "Pacific Standard Time": "America/Los_Angeles",
}
_BY_IANA = {iana: windows for windows, iana in _WINDOWS.items()}
_IN_ANY_CASE = {name.lower(): iana for name, iana in _WINDOWS.items()}


def known_as(name: str) -> tzinfo | None:
    """The zone of a Windows or IANA name; None where there is none."""
    if name.lower() == "utc":
        return UTC
    return known_zone(_IN_ANY_CASE.get(name.lower(), name))


def windows_name(iana: str) -> str:
    """What Outlook calls an IANA zone; the IANA name itself where it has no other."""
    return _BY_IANA.get(iana, iana)


def spelled(moment: datetime, zone: str | None) -> dict[str, str]:
    """A `dateTimeTimeZone`: no offset within, seven digits of fraction."""
    place = (known_as(zone) if zone else None) or UTC
    return {
        "dateTime": f"{moment.astimezone(place):%Y-%m-%dT%H:%M:%S}.0000000",
        "timeZone": zone or "UTC",
    }


@lru_cache(maxsize=1 << 14)  # a filter compares the same moments for each page of a listing
def instant(text: str) -> datetime | None:
    """A moment in ISO 8601; without an offset it is UTC. None when it is none."""
    whole = text.strip()
    try:
        found = datetime.fromisoformat(_six_digits(whole))
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _six_digits(text: str) -> str:
    """Python reads six digits of fraction at most; Graph writes seven."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
