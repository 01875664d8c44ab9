"""A message as the API spells it: resource, MIME payload, snippet. Pure.

As in Gmail, `body.data` of text is UTF-8 whatever the part's own `Content-Type` says (that header
stays as it was); only `format=raw` has the sender's octets.
"""

import base64
import hashlib
import html
from dataclasses import dataclass
from typing import Any

from scp_sandbox.world.compose import compose, plain_text
from scp_sandbox.world.message import Message
from scp_sandbox.world.mime import Part, find, serialise, size_of

SNIPPET_CHARS = 200
_ATTACHMENT_PREFIX = "ANGjdJ"


def minimal(message: Message, size: int, text: str) -> dict[str, Any]:
    """What every format has."""
    return {
        "id": message.id,
        "threadId": message.thread_id,
        "labelIds": list(message.labels),
        "snippet": _snippet(text),
        "sizeEstimate": size,
        "historyId": str(message.history_id),
        "internalDate": str(message.internal_ms),
    }


def snippet(message: Message) -> str:
    """The first words, on one line, with HTML's special signs escaped."""
    return _snippet(plain_text(message.recipe))


def _snippet(text: str) -> str:
    words = " ".join(text[: SNIPPET_CHARS * 2].split())
    return html.escape(words[:SNIPPET_CHARS]).replace("&#x27;", "&#39;")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which representation is asked for; `names` are lower case header names, for `metadata`."""

    format: str = "full"
    names: tuple[str, ...] = ()


def resource(message: Message, view: View) -> dict[str, Any]:
    """The message in one of the four formats."""
    text = plain_text(message.recipe)
    root = compose(message.recipe, text)
    body = minimal(message, size_of(root), text)
    match view.format:
        case "minimal":
            body["payload"] = {"partId": ""}
        case "raw":
            body["raw"] = base64.urlsafe_b64encode(serialise(root)).decode()
        case "metadata":
            body["payload"] = _metadata(root, view.names)
        case _:
            body["payload"] = _payload(message.id, root, "")
    return body


def attachment(message: Message, identity: str) -> bytes | None:
    """The octets behind an attachment id of this message."""
    part_id = _part_id(message.id, identity)
    part = find(compose(message.recipe), part_id) if part_id is not None else None
    return None if part is None else _octets(part)


def _metadata(root: Part, names: tuple[str, ...]) -> dict[str, Any]:
    headers = root.headers
    if names:
        headers = tuple(h for h in headers if h[0].lower() in names)
    shown = {"mimeType": root.mime_type}
    return {**shown, "headers": _headers(headers)} if headers else shown


def _payload(message_id: str, part: Part, part_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "partId": part_id,
        "mimeType": part.mime_type,
        "filename": part.filename,
        "headers": _headers(part.headers),
        "body": _body(message_id, part, part_id),
    }
    if part.parts:
        prefix = f"{part_id}." if part_id else ""
        body["parts"] = [
            _payload(message_id, child, f"{prefix}{n}") for n, child in enumerate(part.parts)
        ]
    return body


def _body(message_id: str, part: Part, part_id: str) -> dict[str, Any]:
    if part.boundary:
        return {"size": 0}
    if part.filename or not part.mime_type.startswith("text/"):
        return {
            "attachmentId": _attachment_id(message_id, part_id),
            "size": len(_octets(part)),
        }
    octets = part.text().encode()
    return {"size": len(octets), "data": base64.urlsafe_b64encode(octets).decode()}


def _octets(part: Part) -> bytes:
    return serialise(part.parts[0]) if part.mime_type == "message/rfc822" else part.content


def _headers(headers: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _attachment_id(message_id: str, part_id: str) -> str:
    # Long and opaque like the real ones, and good for this message only.
    seal = hashlib.sha256(f"{message_id}/{part_id}".encode()).digest() * 4
    blob = base64.urlsafe_b64encode(seal[:120] + part_id.encode()).decode().rstrip("=")
    return _ATTACHMENT_PREFIX + blob


def _part_id(message_id: str, identity: str) -> str | None:
    blob = identity.removeprefix(_ATTACHMENT_PREFIX)
    try:
        part_id = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))[120:].decode("ascii")
    except ValueError:
        return None
    return part_id if _attachment_id(message_id, part_id) == identity else None
