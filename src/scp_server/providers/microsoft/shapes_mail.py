"""A Graph message's JSON to a Message. What is missing or odd becomes null; nothing raises but a
message without an id.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from scp_server.providers.foreign import flag, items, text, texts, thing, whole
from scp_server.providers.lengths import capped
from scp_server.providers.microsoft.html_text import text_of_html
from scp_server.providers.microsoft.values import (
    address_of,
    addresses_of,
    identity_of,
    moment_of,
    name_of,
    short,
)
from scp_wire.items import BODY_HTML_LIMIT, BODY_TEXT_LIMIT, Attachment, Message

ATTACHMENT_LIMIT: Final = 500
LABEL_LIMIT: Final = 500
SELECT: Final = (
    "id,changeKey,createdDateTime,lastModifiedDateTime,receivedDateTime,sentDateTime,subject,"
    "bodyPreview,body,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,conversationId,"
    "parentFolderId,categories,isRead,isDraft,hasAttachments,importance,flag,internetMessageId,"
    "inferenceClassification"
)
"""Everything that the shape or a filter looks at."""
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]+")


def mail_message(
    body: Mapping[str, Any], folder: str | None, attachments: Sequence[Attachment] | None
) -> Message:
    """The message, in the folder of that name; `attachments` None: they could not be listed.

    Raises: ProviderProtocolError when it has no id.
    """
    content = thing(body.get("body"))
    rich = text(content.get("contentType")) == "html"
    written = text(content.get("content"))
    plain, plain_cut = _plain(written, rich=rich)
    marked, marked_cut = capped(written, BODY_HTML_LIMIT) if written and rich else (None, False)
    sender = body.get("from") or body.get("sender")
    folders = [] if folder is None else [folder]
    read = flag(body.get("isRead"))
    cut = {
        "body_text": plain_cut,
        "body_html": marked_cut,
        "attachments": attachments is None or len(attachments) > ATTACHMENT_LIMIT,
    }
    return Message(
        id=identity_of(body, "a message"),
        thread_id=text(body.get("conversationId")),
        subject=short(body.get("subject")),
        sender=address_of(sender),
        from_name=name_of(sender),
        to=addresses_of(body.get("toRecipients")),
        cc=addresses_of(body.get("ccRecipients")),
        bcc=addresses_of(body.get("bccRecipients")),
        date=moment_of(body.get("receivedDateTime")) or moment_of(body.get("sentDateTime")),
        date_original=None,
        labels=[*folders, *texts(body.get("categories"))][:LABEL_LIMIT],
        unread=None if read is None else not read,
        snippet=short(body.get("bodyPreview")),
        body_text=plain,
        body_html=marked,
        truncated=[name for name, is_cut in cut.items() if is_cut],
        attachments=list((attachments or ())[:ATTACHMENT_LIMIT]),
    )


def attachments_of(body: Mapping[str, Any]) -> list[Attachment]:
    """The attachments of a listing, but for those without an id: they cannot be asked for."""
    found = (thing(entry) for entry in items(body.get("value")))
    return [
        Attachment(
            id=identity,
            name=short(entry.get("name")),
            mime_type=text(entry.get("contentType")),
            size=whole(entry.get("size")),
        )
        for entry in found
        if (identity := text(entry.get("id")))
    ]


def _plain(written: str | None, *, rich: bool) -> tuple[str | None, bool]:
    if written is None:
        return None, False
    if not rich:
        clean = _CONTROLS.sub("", written.replace("\r\n", "\n"))
        return capped(clean, BODY_TEXT_LIMIT)
    shown, complete = text_of_html(written, BODY_TEXT_LIMIT)
    value, cut = capped(shown, BODY_TEXT_LIMIT)
    return value, cut or not complete
