"""Header values of mails as people read them: encoded words and addresses, however broken."""

import binascii
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from scp_server.providers.charsets import decoded
from scp_server.providers.foreign import fit
from scp_server.providers.moments import utc

VALUE_LIMIT: Final = 32 * 1024
"""Characters of one header that are looked at. Gmail takes 500 KB of headers, nobody reads them."""

_WORD: Final = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN: Final = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,64}\?[bBqQ]\?[^?]*\?=)")
_FOLD: Final = re.compile(r"\r?\n[ \t]*|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BIT: Final = re.compile(r'(?:"[^"]*"|<[^<>]*>|[^,;"<]|["<])+')
"""What stands between commas and semicolons, but for those within quotes and brackets."""
_GROUP: Final = re.compile(r"^[^\"<>@:]*:")
_COMMENT: Final = re.compile(r"\(([^()]*)\)")
_ESCAPED: Final = re.compile(r"\\(.)")
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()\[\]@]+@[^\s<>,;:\"()\[\]@]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """An address as in a From or To."""

    address: str
    name: str | None


def readable(value: str) -> str:
    """A header's text: unfolded, its encoded words decoded (RFC 2047), broken ones left alone."""
    flat = _FOLD.sub(" ", value[:VALUE_LIMIT])
    joined = _BETWEEN.sub(r"\1", flat)
    pieces: list[str] = []
    at = 0
    pending: tuple[str, bytes] | None = None
    for word in _WORD.finditer(joined):
        between = joined[at : word.start()]
        octets = _octets(word.group(2), word.group(3))
        charset = word.group(1).partition("*")[0].lower()
        if pending and (between or octets is None or pending[0] != charset):
            pieces.append(decoded(pending[1], pending[0]))
            pending = None
        pieces.append(between)
        if octets is None:
            pieces.append(word.group(0))
        else:
            # Senders split characters between words of one charset: joined before decoding.
            pending = (charset, (pending[1] if pending else b"") + octets)
        at = word.end()
    if pending:
        pieces.append(decoded(pending[1], pending[0]))
    return fit("".join([*pieces, joined[at:]])).strip()


def mailboxes(value: str) -> list[Mailbox]:
    """The addresses of a header (RFC 5322, and what is sent instead), names decoded.

    The standard library's parser is not used: it takes an address that stands where a name
    belongs, a common sight and an old trick, for the address, or for nothing, by its version.
    """
    flat = _FOLD.sub(" ", value[:VALUE_LIMIT])
    found = [box for bit in _BIT.findall(flat) if (box := _mailbox(bit)) is not None]
    # Half of an unquoted "Doe, Jane <jane@...>" is no address.
    whole = [box for box in found if "@" in box.address]
    return whole or found


def mail_date(value: str) -> str | None:
    """A Date header as RFC 3339 UTC; None when it is no date."""
    try:
        return utc(parsedate_to_datetime(value[:256]))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _mailbox(bit: str) -> Mailbox | None:
    bit = _GROUP.sub("", bit)
    name, angle, rest = bit.rpartition("<")
    address = rest.partition(">")[0].strip()
    if not angle:
        comment = _COMMENT.search(bit)
        plain = _COMMENT.sub(" ", bit)
        exact = _ADDRESS.search(plain)
        name = comment.group(1) if comment else ""
        address = exact.group(0) if exact else plain.strip()
    if not address or " " in address:
        return None
    return Mailbox(address=fit(address), name=_name(name))


def _name(raw: str) -> str | None:
    name = raw.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = _ESCAPED.sub(r"\1", name[1:-1])
    return readable(name).strip("\"' ") or None


def _octets(coding: str, content: str) -> bytes | None:
    raw = content.encode("utf-8", "replace")
    if coding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None
