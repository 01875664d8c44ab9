"""The event that everybody sends: a mail's `data_update`, EVENT_BYTES of packet."""

import json
import sys
import time
from pathlib import Path
from typing import Any

EVENT_BYTES = 1_964
"""Of `42["stream_event",{…}]`."""
FRAME_BYTES = EVENT_BYTES + 4
STAMP = b'"subject":"'
"""What stands before the time at which an event was made, in nanoseconds of the monotonic clock."""
STAMP_DIGITS = 20
EPOCH = "a1b2c3d4e5f6"
STREAM = "stream-" + "s" * 22
SESSION = "session-" + "0" * 22
TIMESTAMP = 1_790_000_000.125


def stamp() -> str:
    """Now."""
    return f"{time.monotonic_ns():020d}"


def payload(text: str, made: str) -> dict[str, Any]:
    """A message, as `scp_wire.items` has it."""
    return {
        "id": "18c2f0a1b2c3d4e5",
        "thread_id": "18c2f0a1b2c3d4e5",
        "subject": made,
        "from": "ada@mail.example",
        "from_name": "Ada",
        "to": ["grace@mail.example"],
        "cc": [],
        "bcc": [],
        "date": "2026-11-23T07:45:00Z",
        "date_original": "Mon, 23 Nov 2026 07:45:00 +0000",
        "labels": ["INBOX", "UNREAD"],
        "unread": True,
        "snippet": "The quick brown fox",
        "attachments": [],
        "body_text": text,
        "body_html": None,
        "truncated": [],
    }


def event(n: int, text: str) -> dict[str, Any]:
    """The event as a peer emits it."""
    return {
        "event_type": "data_update",
        "session_id": SESSION,
        "provider": "google",
        "timestamp": TIMESTAMP,
        "event_id": f"{EPOCH}-{n}",
        "stream_id": STREAM,
        "offset": n,
        "data": {
            "data_type": "gmail_messages",
            "payload": payload(text, stamp()),
            "change": "created",
            "origin": "backfill",
            "change_id": "c" * 22,
        },
    }


_BARE = len('42["stream_event",') + len(json.dumps(event(0, ""), separators=(",", ":"))) + 1
_TEXTS = ["x" * (EVENT_BYTES - _BARE - 2 * (digits - 1)) for digits in range(10)]


def text(n: int) -> str:
    """The body that makes event `n` EVENT_BYTES long."""
    return _TEXTS[len(str(n))]


if __name__ == "__main__":
    # For Node: an event without number and text.
    Path(sys.argv[1]).write_text(json.dumps({"event": event(0, ""), "room": len(text(0))}))
