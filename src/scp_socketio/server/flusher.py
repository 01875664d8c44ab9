"""Merges writes: what is written in one turn of the loop is one `transport.write` per socket."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """It is not to come."""


class Loop(Protocol):
    """What is needed of an asyncio loop."""

    def call_soon(self, callback: Callable[[], object]) -> object:
        """In the next turn."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """After `delay` seconds."""


class Writer(Protocol):
    """Something that holds what was written until it is told to hand it on."""

    def flush(self) -> None:
        """Hand on what waits, as far as there is room."""


class Flusher:
    """One `call_soon` for all writers of a server that were written to in this turn.

    A broadcast leaves the same parts waiting in every writer. `join` notices, and then all of them
    share one joined copy; it is let go when the turn is over.
    """

    __slots__ = ("_joined", "_parts", "_planned", "_writers", "loop")

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._planned = False
        self._writers: list[Writer] = []
        self._parts: list[bytes] = []
        self._joined = b""

    def add(self, writer: Writer) -> None:
        """Have the writer flushed at the end of this turn. Add it once a turn."""
        self._writers.append(writer)
        if not self._planned:
            self._planned = True
            self.loop.call_soon(self._flush)

    def join(self, parts: list[bytes]) -> bytes:
        """The parts as one; the list is the caller's again."""
        if parts != self._parts:  # the same objects compare by identity, at once
            self._parts, self._joined = parts.copy(), b"".join(parts)
        return self._joined

    def _flush(self) -> None:
        writers, self._writers = iter(self._writers), []
        self._planned = False
        try:
            for writer in writers:
                writer.flush()
        finally:
            self._parts, self._joined = [], b""
            for left in writers:  # one of them raised: the others are not to suffer
                self.add(left)
