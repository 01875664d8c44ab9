"""Which field of a client's object is wrong."""

import re
from typing import Final

import msgspec

_PLACE: Final = re.compile(r"at `\$\.(\w+)")
_NAME: Final = re.compile(r"field `([^`]+)`")


def field_in(wrong: msgspec.ValidationError, *, otherwise: str) -> str:
    """The outermost field that a validation error speaks of, `otherwise` when it is the whole."""
    found = _PLACE.search(str(wrong)) or _NAME.search(str(wrong))
    return found[1][:64] if found else otherwise
