"""SharedRun: the run that was made last, for the others who stand where its first taker stood."""

from collections.abc import Iterable

from scp_server.engine.readers import Reader, Run, Subscription


class SharedRun:
    """At most one run, and what was spelled from it. It is not in any budget: let go of it soon."""

    __slots__ = ("_at", "_head", "_limit", "_run", "_wanted")

    def __init__(self) -> None:
        self._run: Run | None = None
        self._at = self._head = self._limit = 0
        self._wanted: Subscription | None = None

    def keep(self, run: Run, reader: Reader, head: int, limit: int) -> None:
        """It was made for that reader, which has not moved on yet."""
        if reader.floors:
            return
        self._run, self._at, self._head, self._limit = run, reader.taken, head, limit
        self._wanted = reader.subscription

    def found(self, reader: Reader, head: int, limit: int) -> Run | None:
        """The run, if it is what the reader is to be given."""
        if self._run is None or reader.floors:
            return None
        same = self._at == reader.taken and self._head == head and self._limit == limit
        wanted = reader.subscription
        alike = same and (self._wanted is wanted or self._wanted == wanted)
        return self._run if alike else None

    def forget(self) -> None:
        """It may not be given out any more."""
        self._run = None

    def settle(self, readers: Iterable[Reader]) -> None:
        """Let go of it once all have passed it: nobody comes to stand there again."""
        if self._run is not None and all(reader.taken > self._at for reader in readers):
            self._run = None
