"""How what consumers are sent travels over Socket.IO."""

from collections.abc import Iterable
from typing import Final

from scp_server.delivery.courier import Flush
from scp_socketio import Message
from scp_wire import encode

STREAM_EVENT: Final = "stream_event"


def message(flush: Flush, shown: str) -> Message:
    """A flush as it travels; of a whole run, the same for all who show the same session."""
    if flush.run is None:
        return _joined(encode.event(notice, shown) for notice in flush.notices)
    if not flush.whole:
        return _joined(frame.event(shown) for frame in flush.frames)
    made = flush.run.made
    # Frames differ by how they were cut: single, or in batches.
    form = (STREAM_EVENT, shown, len(flush.frames))
    found: Message | None = made.get(form)
    if found is None:
        found = made[form] = _joined(frame.event(shown) for frame in flush.frames)
    return found


def _joined(events: Iterable[bytes]) -> Message:
    messages = [Message.event(STREAM_EVENT, event) for event in events]
    return messages[0] if len(messages) == 1 else Message.joined(messages)
