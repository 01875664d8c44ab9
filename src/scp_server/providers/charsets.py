"""Charsets: octets of a text and what they are said to be, to text. Never raises."""

import codecs
from typing import Final

_STATEFUL: Final = ("iso-2022", "iso2022", "hz", "utf-7", "utf7", "csiso2022")
"""Spelled in ASCII octets, so that they pass for UTF-8 and mean something else."""
_NOT_OF_MAIL: Final = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
)
"""Codecs of Python that are no charsets."""


def decoded(octets: bytes, charset: str | None, *, whole: bool = True) -> str:
    """The text of octets declared to be in `charset`; what cannot be decoded is replaced.

    Google hands out text parts in UTF-8, whatever their Content-Type says, and other sources do
    not: octets that are valid UTF-8 are taken as that, since text in another charset hardly ever
    is, but for charsets that are spelled in ASCII. `whole` false: they may end within a character.
    """
    said = (charset or "").strip().lower().replace("_", "-")
    stateful = said.startswith(_STATEFUL) and octets.isascii()
    if stateful or (said.startswith(("utf-16", "utf-32")) and b"\0" in octets):
        return _as(octets, said)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(octets, final=whole)
    except UnicodeDecodeError:
        return _as(octets, said)


def _as(octets: bytes, charset: str) -> str:
    try:
        usable = charset not in _NOT_OF_MAIL and codecs.lookup(charset).name not in _NOT_OF_MAIL
        if usable:
            return octets.decode(charset, "replace")
    except (LookupError, ValueError, TypeError):
        pass
    return octets.decode("utf-8", "replace")
