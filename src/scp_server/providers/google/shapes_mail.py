"""A Gmail message's JSON to a Message. What is missing or odd becomes null; nothing raises but a
message without an id.
"""

import html
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import identifier, text, texts, thing, whole
from scp_server.providers.google.headers import (
    VALUE_LIMIT,
    Mailbox,
    mail_date,
    mailboxes,
    readable,
)
from scp_server.providers.google.mime import (
    ATTACHMENT_LIMIT,
    Part,
    Text,
    attachments_of,
    headers_of,
    parts_of,
    text_of,
)
from scp_server.providers.lengths import capped
from scp_server.providers.moments import utc_of_ms
from scp_wire.items import BODY_HTML_LIMIT, BODY_TEXT_LIMIT, Message, ThreadMessage

SNIPPET_LIMIT: Final = 4096
LABEL_LIMIT: Final = 500
_CUT_HEADERS: Final = ("subject", "from", "to", "cc", "bcc")


def mail_message(body: Mapping[str, Any]) -> Message:
    """The message.

    Raises: ProviderProtocolError when it has no id.
    """
    headers = _first_of_each(thing(body.get("payload")))
    parts = parts_of(thing(body.get("payload")))
    plain = text_of(parts, "text/plain", BODY_TEXT_LIMIT)
    rich = text_of(parts, "text/html", BODY_HTML_LIMIT)
    return Message(
        **msgspec.structs.asdict(_without_bodies(body, headers, parts)),
        body_text=plain.value,
        body_html=rich.value,
        truncated=_truncated(headers, parts, plain, rich),
    )


def thread_message(body: Mapping[str, Any]) -> ThreadMessage:
    """The message as its thread lists it.

    Raises: ProviderProtocolError when it has no id.
    """
    payload = thing(body.get("payload"))
    return _without_bodies(body, _first_of_each(payload), parts_of(payload))


def _without_bodies(
    body: Mapping[str, Any], headers: Mapping[str, str], parts: list[Part]
) -> ThreadMessage:
    senders = mailboxes(headers.get("from", ""))
    sender = senders[0] if senders else Mailbox(address="", name=None)
    original = headers.get("date")
    return ThreadMessage(
        id=message_id(body),
        thread_id=text(body.get("threadId")),
        subject=readable(headers["subject"]) if "subject" in headers else None,
        sender=sender.address or None,
        from_name=sender.name,
        to=[box.address for box in mailboxes(headers.get("to", ""))],
        cc=[box.address for box in mailboxes(headers.get("cc", ""))],
        bcc=[box.address for box in mailboxes(headers.get("bcc", ""))],
        date=_date(body, original),
        date_original=original[:256] if original is not None else None,
        labels=texts(body.get("labelIds"))[:LABEL_LIMIT],
        unread=_unread(body),
        snippet=_snippet(body),
        attachments=attachments_of(parts)[:ATTACHMENT_LIMIT],
    )


def message_id(body: Mapping[str, Any]) -> str:
    """The message's id.

    Raises: ProviderProtocolError when there is none.
    """
    identity = identifier(body.get("id"))
    if not identity:
        raise ProviderProtocolError("Google sent a message without an id.")
    return identity


def message_version(body: Mapping[str, Any]) -> str:
    """The record of the mailbox's history that changed it last."""
    version = whole(body.get("historyId"))
    return "" if version is None else str(version)


def message_labels(body: Mapping[str, Any]) -> frozenset[str]:
    """Its labels; Gmail leaves the field out where there are none."""
    return frozenset(texts(body.get("labelIds")))


def message_header(body: Mapping[str, Any], name: str) -> str | None:
    """The first header of that (lower case) name, raw."""
    return _first_of_each(thing(body.get("payload"))).get(name)


def _first_of_each(payload: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers_of(payload):
        found.setdefault(name, value)
    return found


def _date(body: Mapping[str, Any], original: str | None) -> str | None:
    milliseconds = whole(body.get("internalDate"))
    arrived = None if milliseconds is None else utc_of_ms(milliseconds)
    return arrived or (mail_date(original) if original else None)


def _unread(body: Mapping[str, Any]) -> bool | None:
    labels = body.get("labelIds", [])
    return "UNREAD" in labels if isinstance(labels, list) else None


def _snippet(body: Mapping[str, Any]) -> str | None:
    raw = text(body.get("snippet"))
    return None if raw is None else capped(html.unescape(raw), SNIPPET_LIMIT)[0]


def _truncated(headers: Mapping[str, str], parts: list[Part], plain: Text, rich: Text) -> list[str]:
    cut = [name for name in _CUT_HEADERS if len(headers.get(name, "")) > VALUE_LIMIT]
    if plain.cut:
        cut.append("body_text")
    if rich.cut:
        cut.append("body_html")
    if sum(part.attached for part in parts) > ATTACHMENT_LIMIT:
        cut.append("attachments")
    return cut
