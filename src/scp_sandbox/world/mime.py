"""MIME trees and how they are spelled on the wire (RFC 2045, 2047, 2822). Pure."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Transfer = Literal["7bit", "8bit", "quoted-printable", "base64"]
Headers = tuple[tuple[str, str], ...]

_CRLF = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One node of a MIME tree.

    `headers` are all headers of the node in order; the root's include the message's own.
    `content` is free of transfer encoding and, for text, in `charset`. A `message/rfc822` node has
    the inner message as its only part.
    """

    mime_type: str
    headers: Headers = ()
    filename: str = ""
    content: bytes = b""
    charset: str | None = None
    transfer: Transfer = "7bit"
    boundary: str = ""
    parts: tuple["Part", ...] = ()

    def text(self) -> str:
        """The content as text, for a text node."""
        return self.content.decode(self.charset or "utf-8", "replace")


def text_part(body: str, *, subtype: str, charset: str, transfer: Transfer) -> Part:
    """A text node; characters that `charset` lacks become question marks."""
    headers = (
        ("Content-Type", f'text/{subtype}; charset="{charset}"'),
        ("Content-Transfer-Encoding", transfer),
    )
    content = body.replace("\n", "\r\n").encode(charset, "replace")
    return Part(
        mime_type=f"text/{subtype}",
        headers=headers,
        content=content,
        charset=charset,
        transfer=transfer,
    )


def file_part(
    content: bytes, *, mime_type: str, filename: str, content_id: str | None = None
) -> Part:
    """An attachment, or with `content_id` an inline file that HTML refers to as `cid:`."""
    shown = encoded_word(filename)
    disposition = "inline" if content_id else "attachment"
    headers = [
        ("Content-Type", f'{mime_type}; name="{shown}"'),
        ("Content-Disposition", f'{disposition}; filename="{shown}"'),
        ("Content-Transfer-Encoding", "base64"),
    ]
    if content_id:
        headers.append(("Content-ID", f"<{content_id}>"))
    return Part(
        mime_type=mime_type,
        headers=tuple(headers),
        filename=filename,
        content=content,
        transfer="base64",
    )


def multipart(subtype: str, parts: tuple[Part, ...], *, boundary: str) -> Part:
    """A `multipart/<subtype>` node around `parts`."""
    return Part(
        mime_type=f"multipart/{subtype}",
        headers=(("Content-Type", f'multipart/{subtype}; boundary="{boundary}"'),),
        boundary=boundary,
        parts=parts,
    )


def enclosed(message: Part, *, filename: str) -> Part:
    """A whole message carried inside another one, as a forward "as attachment" does."""
    headers = (
        ("Content-Type", f'message/rfc822; name="{encoded_word(filename)}"'),
        ("Content-Disposition", f'attachment; filename="{encoded_word(filename)}"'),
    )
    return Part(mime_type="message/rfc822", headers=headers, filename=filename, parts=(message,))


def with_headers(part: Part, headers: Headers) -> Part:
    """`part` as the root of a message: `headers` go before its own."""
    return replace(part, headers=headers + part.headers)


def encoded_word(text: str, *, charset: str = "utf-8", how: Literal["B", "Q"] = "B") -> str:
    """`text` as a header value: itself if ASCII, else RFC 2047 words of at most 75 octets."""
    if text.isascii():
        return text
    return " ".join(_one_word(chunk, charset, how) for chunk in _chunks(text, charset, how))


def _chunks(text: str, charset: str, how: Literal["B", "Q"]) -> Iterator[str]:
    # RFC 2047 section 2: no encoded word is longer than 75 octets or splits a character.
    piece = ""
    for char in text:
        if piece and len(_one_word(piece + char, charset, how)) > 75:
            yield piece
            piece = ""
        piece += char
    yield piece


def _one_word(text: str, charset: str, how: Literal["B", "Q"]) -> str:
    octets = text.encode(charset, "replace")
    if how == "B":
        return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="
    quoted = "".join(
        chr(o) if chr(o).isascii() and chr(o).isalnum() else "_" if o == 32 else f"={o:02X}"
        for o in octets
    )
    return f"=?{charset}?Q?{quoted}?="


def serialise(part: Part) -> bytes:
    """The RFC 2822 octets of a message or part, lines ended by CRLF."""
    lines = [f"{name}: {value}".encode() for name, value in part.headers]
    return _CRLF.join([*lines, b"", _body(part)])


def _body(part: Part) -> bytes:
    if part.mime_type == "message/rfc822":
        return serialise(part.parts[0])
    if part.boundary:
        fence = b"--" + part.boundary.encode()
        inner = b"".join(fence + _CRLF + serialise(child) + _CRLF for child in part.parts)
        return inner + fence + b"--" + _CRLF
    return _transferred(part)


def _transferred(part: Part) -> bytes:
    if part.transfer == "base64":
        encoded = base64.b64encode(part.content)
        return _CRLF.join([encoded[at : at + 76] for at in range(0, len(encoded), 76)])
    if part.transfer == "quoted-printable":
        return binascii.b2a_qp(part.content, istext=True)
    return part.content


def size_of(part: Part) -> int:
    """How many octets `serialise` gives, without encoding attachments to find out."""
    headers = sum(len(name) + len(value.encode()) + 4 for name, value in part.headers)
    return headers + 2 + _body_size(part)


def _body_size(part: Part) -> int:
    if part.mime_type == "message/rfc822":
        return size_of(part.parts[0])
    if part.boundary:
        fence = 2 + len(part.boundary)
        return sum(fence + 4 + size_of(child) for child in part.parts) + fence + 4
    if part.transfer == "base64":
        encoded = (len(part.content) + 2) // 3 * 4
        return encoded + 2 * max(0, (encoded - 1) // 76)
    return len(_transferred(part))


def find(part: Part, part_id: str) -> Part | None:
    """The node at `part_id` ("" is the root, "1.0" the first child of the second child)."""
    node = part
    for step in part_id.split(".") if part_id else ():
        if not step.isdecimal() or int(step) >= len(node.parts):
            return None
        node = node.parts[int(step)]
    return node
