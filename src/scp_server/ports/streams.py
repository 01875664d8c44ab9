"""StreamStore: streams, their counters, and the ledger of their places."""

from typing import Protocol

from scp_server.domain.streams import LedgerRow, Stream, StreamState
from scp_wire.codes import ErrorObject


class StreamStore(Protocol):
    """Durable when a method returns. Configurations and places are sealed.

    Every method raises StorageUnavailable when the database does not answer.
    """

    async def create(self, stream: Stream) -> None:
        """Store a new stream.

        Raises: StreamAlreadyActive when an active one of this type runs on the session.
        """
        ...

    async def get(self, stream_id: str) -> Stream | None:
        """The stream of that id, ended ones for seven days."""
        ...

    async def of_session(self, session_pk: int) -> list[Stream]:
        """All streams of a session, newest first."""
        ...

    async def in_state(self, state: StreamState) -> list[Stream]:
        """All streams in a state: at start, those to resume."""
        ...

    async def save(self, stream_id: str, row: LedgerRow, *, now: float) -> None:
        """Consumers have proven to have reached this place: it is where a restart goes on.

        Its items count as streamed. A place that was gone back to has fewer: then the count stays.
        """
        ...

    async def note(self, stream_id: str, row: LedgerRow, *, now: float) -> None:
        """Keep a place that was written to consumers, who may name it later: `place_at` finds it.

        It is not where a restart goes on, and its items do not count yet.
        """
        ...

    async def count(self, stream_id: str, items: int) -> None:
        """At least so many items were written to a consumer. The count never goes back."""
        ...

    async def end(
        self,
        stream_id: str,
        state: StreamState,
        reason: str,
        error: ErrorObject | None,
        *,
        now: float,
    ) -> None:
        """The stream ended."""
        ...

    async def latest(self, stream_id: str) -> LedgerRow | None:
        """The newest place of a stream that was saved, not noted; None before the first."""
        ...

    async def place_at(self, stream_id: str, epoch: str, n: int) -> LedgerRow | None:
        """The newest place at or before event `n` of `epoch`; None when none is old enough."""
        ...

    async def epoch_began(self, session_pk: int, epoch: str) -> float | None:
        """When the first place of a session's epoch was stored, as far as one is left.

        Epoch seconds; None when nothing is known of it any more.
        """
        ...

    async def tidy(self, *, now: float) -> None:
        """Thin ledgers to a thousand rows, the older the sparser; forget what is over.

        Streams and sessions are forgotten a week after their end, consent requests when their
        ten minutes are over.
        """
        ...
