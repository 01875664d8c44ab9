"""Lengths: how much of a provider's text is taken over."""


def capped(value: str, limit: int) -> tuple[str, bool]:
    """The text within `limit` bytes of UTF-8, never within a character, and whether it was cut."""
    octets = value.encode("utf-8", "replace")
    if len(octets) <= limit:
        return value, False
    return octets[:limit].decode("utf-8", "ignore"), True
