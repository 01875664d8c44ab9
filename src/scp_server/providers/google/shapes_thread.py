"""A Gmail thread's JSON to a Thread. What is missing or odd becomes null; nothing raises but a
thread, or a message in it, without an id.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import entries, identifier, thing, whole
from scp_server.providers.google.shapes_mail import LABEL_LIMIT, thread_message
from scp_server.providers.moments import parsed
from scp_wire.items import Thread, ThreadMessage

MESSAGES_ROOM: Final = 640 * 1024
"""Bytes of JSON for the messages of one thread: with the rest it fits an event."""
PARTICIPANT_LIMIT: Final = 1000


def mail_thread(body: Mapping[str, Any]) -> Thread:
    """The thread. Where its messages would not fit an event, the oldest of them are left out.

    Raises: ProviderProtocolError when it, or one of its messages, has no id.
    """
    messages = [thread_message(message) for message in thread_messages(body)]
    first = messages[0] if messages else None
    dates = [message.date for message in messages if message.date is not None]
    labels = dict.fromkeys(label for message in messages for label in message.labels)
    return Thread(
        id=thread_id(body),
        subject=first.subject if first else None,
        sender=first.sender if first else None,
        participants=_participants(messages),
        message_count=len(messages) if "messages" in body else None,
        last_date=max(dates, key=_instant, default=None),
        labels=list(labels)[:LABEL_LIMIT],
        messages=_fitting(messages),
    )


def thread_messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Its messages as Gmail sent them, oldest first.

    Raises: ProviderProtocolError when they are no array.
    """
    return [thing(message) for message in entries(body, "messages")]


def thread_id(body: Mapping[str, Any]) -> str:
    """The thread's id.

    Raises: ProviderProtocolError when there is none.
    """
    identity = identifier(body.get("id"))
    if not identity:
        raise ProviderProtocolError("Google sent a thread without an id.")
    return identity


def thread_version(body: Mapping[str, Any]) -> str:
    """The record of the history that changed it last, and how many messages it has.

    Gmail does not say that a thread's history id rises when one of its messages is deleted.
    """
    messages = thread_messages(body)
    ids = [whole(entry.get("historyId")) for entry in (body, *messages)]
    newest = max((number for number in ids if number is not None), default="")
    return f"{newest}.{len(messages)}"


def _participants(messages: Sequence[ThreadMessage]) -> list[str]:
    found: dict[str, str] = {}
    for address in _addresses(messages):
        found.setdefault(address.casefold(), address)
    return list(found.values())[:PARTICIPANT_LIMIT]


def _addresses(messages: Sequence[ThreadMessage]) -> Iterator[str]:
    for message in messages:
        if message.sender is not None:
            yield message.sender
        yield from message.to
        yield from message.cc
        yield from message.bcc


def _instant(date: str) -> float:
    moment = parsed(date)
    return moment.timestamp() if moment is not None else float("-inf")


def _fitting(messages: Sequence[ThreadMessage]) -> list[ThreadMessage]:
    room = MESSAGES_ROOM
    for kept, message in enumerate(reversed(messages)):
        room -= len(msgspec.json.encode(message))
        if room < 0:
            return list(messages[len(messages) - kept :])
    return list(messages)
