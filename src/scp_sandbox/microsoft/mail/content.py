"""What a message contains, as Outlook shows it: bodies, preview, attachments. Composed when read.

What was composed is remembered per mailbox for the few things that every listing needs.
"""

import base64
import hashlib
import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scp_sandbox.microsoft.mail.mail import Mail
from scp_sandbox.world.compose import compose, plain_text
from scp_sandbox.world.mime import Part, serialise, size_of
from scp_sandbox.world.recipe import Recipe

PREVIEW_CHARS = 255


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment of a message. `id` is good as long as the message's own."""

    id: str
    part: Part

    @property
    def inline(self) -> bool:
        """Whether the body shows it."""
        return self.content_id is not None

    @property
    def content_id(self) -> str | None:
        """What the body refers to it by."""
        found = next((v for n, v in self.part.headers if n == "Content-ID"), None)
        return found.strip("<>") if found else None

    @property
    def is_item(self) -> bool:
        """Whether it is a message of its own."""
        return self.part.mime_type == "message/rfc822"

    @property
    def octets(self) -> bytes:
        """The file itself."""
        return serialise(self.part.parts[0]) if self.is_item else self.part.content

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return size_of(self.part.parts[0]) if self.is_item else len(self.part.content)


def attachments(mail: Mail) -> list[Attachment]:
    """A message's attachments, inline ones too."""
    found = []
    for number, part in enumerate(_files(compose(mail.recipe))):
        digest = hashlib.sha256(f"{mail.core}/{mail.moves}/{number}".encode()).digest()[:24]
        found.append(Attachment(f"AAMkA{base64.urlsafe_b64encode(digest).decode()}AAA=", part))
    return found


def preview(recipe: Recipe) -> str:
    """`bodyPreview`: the first 255 characters of the text."""
    return plain_text(recipe).strip().replace("\n", "\r\n")[:PREVIEW_CHARS]


def body(mail: Mail, *, text: bool) -> dict[str, Any]:
    """`body`, as HTML unless text is preferred; plain messages are made HTML as Exchange does."""
    page = None if text else _page(compose(mail.recipe))
    if text:
        return {"contentType": "text", "content": plain_text(mail.recipe).replace("\n", "\r\n")}
    if page is None:
        lines = html.escape(plain_text(mail.recipe), quote=False).replace("\n", "<br>\r\n")
        page = (
            '<html><head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
            f'</head><body><div class="PlainText">{lines}</div></body></html>'
        )
    return {"contentType": "html", "content": page}


def headers(mail: Mail) -> list[dict[str, str]]:
    """`internetMessageHeaders`."""
    return [{"name": name, "value": value} for name, value in compose(mail.recipe).headers]


def raw(mail: Mail) -> bytes:
    """The whole message as MIME (`/$value`)."""
    return serialise(compose(mail.recipe))


def size(mail: Mail) -> int:
    """The message's size in bytes."""
    return size_of(compose(mail.recipe))


def _files(part: Part) -> Iterator[Part]:
    if part.mime_type == "message/rfc822" or part.filename:
        yield part
        return
    for child in part.parts:
        yield from _files(child)


def _page(part: Part) -> str | None:
    if part.mime_type == "text/html" and not part.filename:
        return part.text()
    if part.mime_type == "message/rfc822":
        return None
    return next((page for child in part.parts if (page := _page(child)) is not None), None)
