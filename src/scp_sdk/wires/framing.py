"""Events in the body of an HTTP response: chunks in, JSON out. No I/O.

Of both formats, what the connection cut off is dropped: it was never sent completely.
"""

from collections.abc import Iterator
from typing import Protocol

from scp_sdk.errors import ProtocolError

MAX_LINE = 4 * 1024 * 1024
"""Bytes. No event has more than 1 MiB."""


class Framing(Protocol):
    """Finds the events in a body."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that a chunk completes, each as JSON.

        Raises:
            ProtocolError: a line is too long to be of an event.
        """
        ...


class Lines:
    """Cuts chunks into lines, which end with LF or CRLF."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that a chunk completes, without their ends."""
        first, *others = chunk.split(b"\n")
        self._keep(first)
        for part in others:
            line = b"".join(self._parts)
            self._parts, self._size = [], 0
            yield line.removesuffix(b"\r")
            self._keep(part)

    def _keep(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._size += len(part)
        if self._size > MAX_LINE:
            raise ProtocolError("A line is longer than any event: check base_url.")


class JsonLines:
    """`application/x-ndjson`: an event a line; an empty line is a sign of life."""

    def __init__(self) -> None:
        self._lines = Lines()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """See `Framing`."""
        return (line for line in self._lines.feed(chunk) if line)


class ServerSentEvents:
    """`text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    `id:` is not needed, for every event carries its own; `retry:` is not obeyed, for the SDK has
    its own patience; comments are signs of life.
    """

    def __init__(self) -> None:
        self._lines = Lines()
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """See `Framing`."""
        for line in self._lines.feed(chunk):
            if line:
                name, _, value = line.partition(b":")
                if name == b"data":
                    self._data.append(value.removeprefix(b" "))
            elif self._data:
                data, self._data = self._data, []
                yield b"\n".join(data)
