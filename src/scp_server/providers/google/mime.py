"""A Gmail payload's tree of parts: its texts and its attachments. Odd trees are read as far as
they go.
"""

import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scp_server.providers.charsets import decoded
from scp_server.providers.foreign import items, text, thing, whole
from scp_server.providers.google.headers import VALUE_LIMIT, readable
from scp_server.providers.lengths import capped
from scp_wire.items import Attachment

ATTACHMENT_LIMIT: Final = 500
NAME_LIMIT: Final = 255
"""Characters of an attachment's name; no file system takes longer ones."""
PART_LIMIT: Final = 10_000
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]+")
"""JSON spells each of them with six bytes, and no reader shows them."""
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s"';]{1,64})""", re.IGNORECASE)
_TO_BASE64: Final = bytes.maketrans(b"-_", b"+/")
_NO_BASE64: Final = bytes(
    c for c in range(256) if not (chr(c).isascii() and chr(c).isalnum()) and c not in b"-_+/"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """All parts of one text type, joined, and whether something was cut off or not sent."""

    value: str | None
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A leaf of the tree (or an enclosed message), with its place: "0.1" is the root's first
    child's second.
    """

    place: str
    mime_type: str
    body: Mapping[str, Any]
    filename: str | None
    attached: bool
    charset: str | None


def headers_of(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names in lower case and raw values."""
    for entry in items(node.get("headers")):
        name, value = text(thing(entry).get("name")), text(thing(entry).get("value"))
        if name is not None and value is not None:
            yield name.strip().lower(), value


def parts_of(payload: Mapping[str, Any]) -> list[Part]:
    """The leaves in order. An enclosed message is one leaf, whatever is in it."""
    leaves: list[Part] = []
    waiting: list[tuple[str, Mapping[str, Any]]] = [("", payload)]
    for _ in range(PART_LIMIT):
        if not waiting:
            break
        path, node = waiting.pop()
        mime_type = (text(node.get("mimeType")) or "").strip().lower()
        children = items(node.get("parts"))
        if mime_type.startswith("multipart/") or (children and mime_type != "message/rfc822"):
            inner = [(f"{path}.{n}".lstrip("."), thing(child)) for n, child in enumerate(children)]
            waiting += reversed(inner)
        elif mime_type or node.get("body"):
            leaves.append(_leaf(path, mime_type, node))
    return leaves


def text_of(parts: Sequence[Part], mime_type: str, limit: int) -> Text:
    """The text in all parts of this type that are not attached, cut to `limit` bytes of UTF-8."""
    pieces: list[str] = []
    cut = False
    for part in parts:
        if part.mime_type != mime_type or part.attached:
            continue
        piece, short = _text(part, limit)
        cut = cut or short
        if piece is not None:
            pieces.append(piece)
    if not pieces:
        return Text(value=None, cut=cut)
    value, shortened = capped("\n".join(pieces), limit)
    return Text(value=value, cut=cut or shortened)


def attachments_of(parts: Sequence[Part]) -> list[Attachment]:
    """What is not the message's own text. Ids are places in the tree: Gmail's attachment ids
    change from one fetch to the next.
    """
    return [
        Attachment(
            id=part.place,
            name=part.filename,
            mime_type=part.mime_type or None,
            size=whole(part.body.get("size")),
        )
        for part in parts
        if part.attached
    ]


def _leaf(path: str, mime_type: str, node: Mapping[str, Any]) -> Part:
    headers = dict(headers_of(node))
    charset = _CHARSET.search(headers.get("content-type", "")[:VALUE_LIMIT])
    disposition = headers.get("content-disposition", "").strip().lower()
    filename = readable(text(node.get("filename")) or "")[:NAME_LIMIT] or None
    is_text = mime_type in {"text/plain", "text/html"}
    attached = filename is not None or disposition.startswith("attachment") or not is_text
    given = (text(node.get("partId")) or "")[:NAME_LIMIT]
    return Part(
        place=given or path or "0",
        mime_type=mime_type[:NAME_LIMIT],
        body=thing(node.get("body")),
        filename=filename,
        attached=attached,
        charset=charset.group(1) if charset else None,
    )


def _text(part: Part, limit: int) -> tuple[str | None, bool]:
    data = part.body.get("data")
    if not isinstance(data, str):
        # Large text is sent as an attachment only: there is some, and it is not here.
        return None, (whole(part.body.get("size")) or 0) > 0
    # No charset has more than four octets for what is one in UTF-8.
    most = (4 * limit // 3 + 3) * 4
    octets = _base64url(data[:most])
    complete = len(data) <= most
    value = decoded(octets, part.charset, whole=complete)
    return _CONTROLS.sub("", value.replace("\r\n", "\n")), not complete


def _base64url(data: str) -> bytes:
    raw = data.encode("ascii", "ignore").translate(_TO_BASE64, _NO_BASE64)
    # A last character without another one holds no whole octet.
    raw = raw[:-1] if len(raw) % 4 == 1 else raw
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
