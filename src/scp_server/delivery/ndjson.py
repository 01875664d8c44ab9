"""Lines of JSON (https://github.com/ndjson/ndjson-spec)."""

from typing import Final

from scp_server.domain.event_ref import EventRef


class JsonLines:
    """`application/x-ndjson`. Every event is a line; an empty one is a beat."""

    name: Final = "ndjson"
    media: Final = "application/x-ndjson"
    beat: Final = b"\n"

    def opening(self, place: EventRef | None) -> bytes:
        """Nothing: the response's headers say where it begins."""
        return b""

    def spelled(self, event: bytes, place: EventRef | None) -> bytes:
        """The event, which carries its own id."""
        return event + b"\n"


NDJSON: Final = JsonLines()
