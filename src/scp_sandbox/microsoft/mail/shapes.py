"""Messages, folders and attachments as Graph's JSON."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.entities import Kind
from scp_sandbox.microsoft.mail import content
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.content import Attachment
from scp_sandbox.microsoft.mail.mail import Folder, Mail
from scp_sandbox.world.people import Person

# What `Mail.ReadBasic` does not open.
_CLOSED = frozenset(("body", "bodyPreview", "uniqueBody", "internetMessageHeaders"))
# The property of each field that may change.
CHANGING = {
    "read": "isRead",
    "flagged": "flag",
    "categories": "categories",
    "importance": "importance",
    "focused": "inferenceClassification",
    "recipe": "subject",
    "draft": "isDraft",
}


def message_kind(box: Box) -> Kind[Mail]:
    """The kind of a mailbox's messages."""
    return Kind(
        name="message",
        properties=_message(box),
        rare=frozenset(("internetMessageHeaders", "uniqueBody")),
        etag=etag,
    )


def basic(kind: Kind[Mail]) -> Kind[Mail]:
    """The kind as `Mail.ReadBasic` shows it."""
    return replace(kind, withheld=_CLOSED)


def folder_kind(box: Box) -> Kind[Folder]:
    """The kind of a mailbox's folders."""
    return Kind(
        name="mailFolder",
        properties={
            "id": lambda f, _: f.id,
            "displayName": lambda f, _: f.name,
            "parentFolderId": lambda f, _: f.parent,
            "childFolderCount": lambda f, _: len(box.folders(f.id)),
            "unreadItemCount": lambda f, _: box.totals(f.id)[1],
            "totalItemCount": lambda f, _: box.totals(f.id)[0],
            "sizeInBytes": lambda f, _: box.totals(f.id)[0] * 8192,
            "isHidden": lambda f, _: f.hidden,
        },
    )


ATTACHMENT: Kind[Attachment] = Kind(
    name="attachment",
    properties={
        "@odata.mediaContentType": lambda a, _: a.part.mime_type,
        "id": lambda a, _: a.id,
        "lastModifiedDateTime": lambda _, __: "2026-11-20T08:00:00Z",
        "name": lambda a, _: a.part.filename,
        "contentType": lambda a, _: a.part.mime_type,
        "size": lambda a, _: a.size,
        "isInline": lambda a, _: a.inline,
        "contentId": lambda a, _: a.content_id,
        "contentLocation": lambda _, __: None,
        "contentBytes": lambda a, _: base64.b64encode(a.octets).decode(),
    },
)
_ITEM_LACKS = ("contentBytes", "contentId", "contentLocation", "@odata.mediaContentType")


def shown(attachment: Attachment, asked: Asked, names: tuple[str, ...] | None) -> dict[str, Any]:
    """An attachment as JSON: a file, or a message of its own without its octets."""
    kind = "itemAttachment" if attachment.is_item else "fileAttachment"
    body = ATTACHMENT.show(attachment, asked, names)
    if attachment.is_item:
        body = {name: value for name, value in body.items() if name not in _ITEM_LACKS}
    return {"@odata.type": f"#microsoft.graph.{kind}", **body}


def etag(mail: Mail) -> str:
    """The entity tag: the change key within."""
    return f'W/"{change_key(mail)}"'


def change_key(mail: Mail) -> str:
    """Names one state of a message."""
    octets = b"\0\0\0\x16\0\0\0" + mail.core.to_bytes(8, "big") + mail.change.to_bytes(5, "big")
    return "CQ" + base64.b64encode(octets).decode()


# A listing is filtered and sorted anew for each of its pages: the same moments a hundred times.
@lru_cache(maxsize=1 << 15)
def stamp(milliseconds: int) -> str:
    """A message's moment: whole seconds."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def recipient(person: Person) -> dict[str, Any]:
    """Somebody as Graph writes a recipient."""
    return {"emailAddress": {"name": person.name, "address": person.email}}


def _message(box: Box) -> dict[str, Callable[[Mail, Asked], Any]]:
    return {
        "id": lambda m, a: box.ids.message(m.core, m.moves, immutable=a.prefer.immutable),
        "createdDateTime": lambda m, _: stamp(m.received_ms),
        "lastModifiedDateTime": lambda m, _: stamp(m.modified_ms),
        "changeKey": lambda m, _: change_key(m),
        "categories": lambda m, _: list(m.categories),
        "receivedDateTime": lambda m, _: stamp(m.received_ms),
        "sentDateTime": lambda m, _: stamp(m.recipe.date_ms),
        "hasAttachments": lambda m, _: m.has_files,
        "internetMessageId": lambda m, _: f"<{m.recipe.message_id}>",
        "subject": lambda m, _: m.recipe.subject,
        "bodyPreview": lambda m, _: content.preview(m.recipe),
        "importance": lambda m, _: m.importance,
        "parentFolderId": lambda m, _: m.folder,
        "conversationId": lambda m, _: box.ids.conversation(m.conversation),
        "conversationIndex": lambda m, _: _index(m),
        "isDeliveryReceiptRequested": lambda m, _: None if m.draft else False,
        "isReadReceiptRequested": lambda _, __: False,
        "isRead": lambda m, _: m.read,
        "isDraft": lambda m, _: m.draft,
        "webLink": lambda m, a: _web_link(box, m, a),
        "inferenceClassification": lambda m, _: "focused" if m.focused else "other",
        "body": lambda m, a: content.body(m, text=a.prefer.text),
        "sender": lambda m, _: recipient(m.recipe.sender),
        "from": lambda m, _: recipient(m.recipe.sender),
        "toRecipients": lambda m, _: [recipient(p) for p in m.recipe.to],
        "ccRecipients": lambda m, _: [recipient(p) for p in m.recipe.cc],
        "bccRecipients": lambda _, __: [],
        "replyTo": lambda _, __: [],
        "flag": lambda m, _: {"flagStatus": "flagged" if m.flagged else "notFlagged"},
        "internetMessageHeaders": lambda m, _: content.headers(m),
        "uniqueBody": lambda m, a: content.body(m, text=a.prefer.text),
    }


def _index(mail: Mail) -> str:
    octets = b"\x01" + mail.conversation.to_bytes(8, "big") + b"\0" * 13
    if mail.core != mail.conversation:
        octets += mail.core.to_bytes(8, "big")[:5]
    return base64.b64encode(octets).decode()


def _web_link(box: Box, mail: Mail, asked: Asked) -> str:
    identity = box.ids.message(mail.core, mail.moves, immutable=False)
    query = f"ItemID={identity.replace('=', '%3D')}&exvsurl=1&viewmodel=ReadMessageItem"
    return f"{asked.call.base}/owa/?{query}"
