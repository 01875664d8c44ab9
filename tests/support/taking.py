"""A reader's events one bite at a time, as whoever writes them to a wire takes them."""

from dataclasses import dataclass

from scp_server.engine.readers import Entry, Reader
from scp_wire.encode import Encoded


@dataclass(frozen=True, slots=True)
class Taken:
    """Notices, which have no place, or else entries in order."""

    notices: tuple[Encoded, ...]
    entries: tuple[Entry, ...]


class Closed(Exception):
    """The reader was closed; `reason` is a code or event."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def take(reader: Reader, limit: int) -> Taken:
    """Wait for something; at most `limit` entries. Raises: Closed."""
    while True:
        notices = reader.notices()
        if notices:
            return Taken(notices, ())
        if reader.closed is not None:
            raise Closed(reader.closed)
        run = reader.next_run(limit, 1 << 40)
        if run.entries:
            return Taken((), run.entries)
        await reader.woken()


def wrote(reader: Reader, entries: tuple[Entry, ...] | list[Entry], epoch: str) -> None:
    """Entries of one bite, or more, were written."""
    reader.written(entries[-1].n, epoch)
    reader.count(entries)
