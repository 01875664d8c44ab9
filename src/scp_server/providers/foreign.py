"""Foreign JSON, read without believing it: what is not of the wanted type is not there."""

from collections.abc import Mapping
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError

_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1


def thing(value: object) -> Mapping[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The array, or an empty one."""
    return value if isinstance(value, list) else []


def entries(body: Mapping[str, Any], key: str) -> list[Any]:
    """The array a listing consists of; empty when the listing does not have it.

    Raises: ProviderProtocolError when it is something else: read leniently, that would say that
    nothing is there, and what is there would be lost.
    """
    value = body.get(key, [])
    if not isinstance(value, list):
        raise ProviderProtocolError(f"The provider's listing has no array in {key}.")
    return value


def text(value: object) -> str | None:
    """The string, fit to be encoded in UTF-8, or None."""
    return fit(value) if isinstance(value, str) else None


ID_LIMIT: Final = 2000
"""Characters. What is longer cannot be asked for: an address of a request holds no more."""


def identifier(value: object) -> str | None:
    """What can be the id of something: a string with a sign in it, none of them unseen; or None."""
    sound = isinstance(value, str) and 0 < len(value) <= ID_LIMIT and value.isprintable()
    return fit(value) if isinstance(value, str) and sound else None


def texts(value: object) -> list[str]:
    """The strings of an array."""
    return [fit(entry) for entry in items(value) if isinstance(entry, str)]


def flag(value: object) -> bool | None:
    """The boolean, or None."""
    return value if isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """The whole number of 64 bits, also when spelled as a string, as Google does; or None."""
    if isinstance(value, int):
        return value if _LEAST <= value <= _MOST and not isinstance(value, bool) else None
    if not isinstance(value, str) or not value.isascii():
        return None
    # Longer than any int64, and Python refuses to convert endless digits.
    digits = value.removeprefix("-").isdecimal() and len(value) <= 20
    return whole(int(value)) if digits else None


def fit(value: str) -> str:
    """The string with lone surrogates replaced: JSON in UTF-8 cannot carry them."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
