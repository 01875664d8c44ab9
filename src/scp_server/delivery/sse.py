"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from typing import Final

from scp_server.domain.event_ref import EventRef

RETRY_MILLISECONDS: Final = 2000
"""How long a browser waits before it comes again."""


class ServerSentEvents:
    """`text/event-stream`. Every event is one message with its `id`, and none has a name."""

    name: Final = "sse"
    media: Final = "text/event-stream"
    beat: Final = b": beat\n\n"

    def opening(self, place: EventRef | None) -> bytes:
        """An id without data is no event, but the browser keeps it: a connection that is lost
        before the first event is taken up again where it began.
        """
        at = b"" if place is None else b"id: %b\n" % str(place).encode()
        return b"retry: %d\n%b\n" % (RETRY_MILLISECONDS, at)

    def spelled(self, event: bytes, place: EventRef | None) -> bytes:
        """JSON in one line is one `data:` field; what has no place leaves the last id as it is."""
        if place is None:
            return b"data: %b\n\n" % event
        return b"id: %b\ndata: %b\n\n" % (str(place).encode(), event)


SSE: Final = ServerSentEvents()
