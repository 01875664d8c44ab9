"""Time zones under the names Outlook takes: IANA's and Windows's. Pure."""

from datetime import UTC, datetime, tzinfo

from scp_sandbox.world.event import known_zone

_WINDOWS = {
    "utc": "UTC",
    "gmt standard time": "Europe/London",
    "greenwich standard time": "Atlantic/Reykjavik",
    "w. europe standard time": "Europe/Berlin",
    "romance standard time": "Europe/Paris",
    "central europe standard time": "Europe/Budapest",
    "e. europe standard time": "Europe/Chisinau",
    "russian standard time": "Europe/Moscow",
    "india standard time": "Asia/Kolkata",
    "china standard time": "Asia/Shanghai",
    "tokyo standard time": "Asia/Tokyo",
    "aus eastern standard time": "Australia/Sydney",
    "e. south america standard time": "America/Sao_Paulo",
    "eastern standard time": "America/New_York",
    "central standard time": "America/Chicago",
    "mountain standard time": "America/Denver",
    "pacific standard time": "America/Los_Angeles",
}
_BY_IANA = {iana: windows for windows, iana in _WINDOWS.items()}
_SPELLED = {
    name: " ".join(w if w.endswith(".") else w.capitalize() for w in name.split())
    for name in _WINDOWS
}


def known_as(name: str) -> tzinfo | None:
    """The zone of a Windows or IANA name; None where there is none."""
    if name.lower() == "utc":
        return UTC
    return known_zone(_WINDOWS.get(name.lower(), name))


def windows_name(iana: str) -> str:
    """What Outlook calls an IANA zone; the IANA name itself where it has no other."""
    if iana == "UTC":
        return "UTC"
    found = _BY_IANA.get(iana)
    return _SPELLED[found] if found else iana


def spelled(moment: datetime, zone: str | None) -> dict[str, str]:
    """A `dateTimeTimeZone`: no offset within, seven digits of fraction."""
    place = (known_as(zone) if zone else None) or UTC
    return {
        "dateTime": f"{moment.astimezone(place):%Y-%m-%dT%H:%M:%S}.0000000",
        "timeZone": zone or "UTC",
    }


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
