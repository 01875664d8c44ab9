"""Header values of mails as people read them: encoded words and addresses, however broken."""

import binascii
import re
from dataclasses import dataclass
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from scp_server.providers.charsets import decoded
from scp_server.providers.foreign import fit
from scp_server.providers.moments import utc

VALUE_LIMIT: Final = 32 * 1024
"""Characters of one header that are looked at. Gmail takes 500 KB of headers, nobody reads them."""

_WORD: Final = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN: Final = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,64}\?[bBqQ]\?[^?]*\?=)")
_FOLD: Final = re.compile(r"\r?\n[ \t]*|[\x00-\x08\x0b\x0c\x0e-\x1f]")
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
    """The addresses of a header, names decoded; what is no address is left out."""
    flat = _FOLD.sub(" ", value[:VALUE_LIMIT])
    try:
        pairs = getaddresses([flat])
    except (IndexError, ValueError, RecursionError):
        pairs = []
    found = [_mailbox(name, address) for name, address in pairs if address.strip()]
    if found:
        return found
    # A value that the parser refuses as a whole still shows its addresses.
    return [_mailbox("", address) for address in _ADDRESS.findall(flat)]


def mail_date(value: str) -> str | None:
    """A Date header as RFC 3339 UTC; None when it is no date."""
    try:
        return utc(parsedate_to_datetime(value[:256]))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _mailbox(name: str, address: str) -> Mailbox:
    shown = readable(name).strip("\"' ")
    return Mailbox(address=fit(address.strip().strip("<>")), name=shown or None)


def _octets(coding: str, content: str) -> bytes | None:
    raw = content.encode("utf-8", "replace")
    if coding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None
