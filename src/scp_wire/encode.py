"""How an event is spelled: the only place that knows.

An event is encoded once, for all its consumers. The session's id is a secret that only the
consumer who presented it may see again, so it is not part of what is encoded: `event` puts it in
last. Items of a batch are the very bytes of their single events.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from scp_wire.events import EventData, EventType

_ENCODER: Final = msgspec.json.Encoder()

MAX_EVENT_BYTES: Final = 1024 * 1024
"""No event is larger; an item whose raw form would make it so leaves the raw form out."""
ENVELOPE_ROOM: Final = 4096
"""Bytes kept free for the envelope around an item's body."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The part of an envelope that is the same for every consumer. `timestamp` in epoch seconds."""

    provider: str
    timestamp: float
    event_id: str | None = None
    stream_id: str | None = None
    offset: int | None = None
    cursor: str | None = None
    agent_id: str | None = None


class Encoded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event encoded once. `envelope` and `body` are JSON objects in UTF-8."""

    event_type: EventType
    envelope: bytes
    body: bytes
    offset: int | None = None

    @property
    def size(self) -> int:
        """Bytes it holds, the session's id not counted."""
        return len(self.envelope) + len(self.body)


def spelled(text: str) -> bytes:
    """A JSON string."""
    return _ENCODER.encode(text)


def encode_body(data: EventData) -> bytes:
    """Spell the `data` of an event."""
    return _ENCODER.encode(data)


def encode(event_type: EventType, envelope: Envelope, body: bytes) -> Encoded:
    """Spell an event once, for all its consumers."""
    return Encoded(
        event_type=event_type,
        envelope=_ENCODER.encode(envelope),
        body=body,
        offset=envelope.offset,
    )


def event(encoded: Encoded, shown_session: str) -> bytes:
    """The event as one consumer gets it, a JSON object; `shown_session` is the id it presented."""
    return _spelled(encoded.event_type, shown_session, encoded.envelope, encoded.body)


def batch(items: Sequence[Encoded], shown_session: str) -> bytes:
    """A `data_batch` of consecutive items of one stream, under the envelope of the last."""
    bodies = b",".join(b'%b,"offset":%d}' % (item.body[:-1], item.offset or 0) for item in items)
    body = b'{"items":[%b]}' % bodies
    return _spelled(EventType.DATA_BATCH, shown_session, items[-1].envelope, body)


def _spelled(event_type: EventType, shown_session: str, envelope: bytes, body: bytes) -> bytes:
    return b'{"event_type":"%b","session_id":%b,%b,"data":%b}' % (
        event_type.encode(),
        _ENCODER.encode(shown_session),
        envelope[1:-1],
        body,
    )
