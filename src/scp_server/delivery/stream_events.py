"""`stream_event`: how what a consumer is sent travels over Socket.IO."""

from collections.abc import Iterable
from typing import Final

from scp_server.delivery.courier import Flush
from scp_socketio import Message
from scp_wire import encode
from scp_wire.encode import Encoded, Envelope, encode_body
from scp_wire.events import EventType, RateLimitData

STREAM_EVENT: Final = "stream_event"


def message_of(flush: Flush, shown: str) -> Message:
    """A flush as it travels; of a whole run, the same for all who show the same session."""
    if flush.run is None:
        return _joined(encode.event(notice, shown) for notice in flush.notices)
    if not flush.whole:
        return _joined(frame.event(shown) for frame in flush.frames)
    made = flush.run.made
    # Frames differ by how they were cut: single, or in batches.
    form = (STREAM_EVENT, shown, len(flush.frames))
    message: Message | None = made.get(form)
    if message is None:
        message = made[form] = _joined(frame.event(shown) for frame in flush.frames)
    return message


def _joined(events: Iterable[bytes]) -> Message:
    messages = [Message.event(STREAM_EVENT, event) for event in events]
    return messages[0] if len(messages) == 1 else Message.joined(messages)


def notice_of(data: RateLimitData, provider: str, now: float) -> Encoded:
    """A `rate_limit_warning`, which has no place among the events. `now` in epoch seconds."""
    envelope = Envelope(provider=provider, timestamp=now)
    return encode.encode(EventType.RATE_LIMIT_WARNING, envelope, encode_body(data))
