"""Share: one stream's bounded part of a session's window."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import Place
from scp_server.engine.readers import Entry
from scp_server.engine.signal import Signal
from scp_wire.encode import spelled
from scp_wire.events import EventType
from scp_wire.stream_types import StreamType

PLAIN_ROOM: Final = 384
"""More bytes than an envelope takes without its cursor and label."""
CURSOR_ROOM: Final = 544
"""A cursor has 512 at most (contract section 1)."""


MOST_MARKS: Final = 1000
"""Marks that wait in memory for their proof. With more, the older half is thinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimits:
    """How much of a stream waits in memory: `events` and `size` (bytes) at most."""

    events: int = 256
    size: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a stream goes on when everything up to event `n` has arrived."""

    n: int
    place: Place
    items: int


@dataclass(slots=True, kw_only=True)
class Share:
    """One stream's part of the window."""

    stream_id: str
    stream_type: StreamType
    batch_size: int
    on_proven: Callable[[Mark], None]
    on_noted: Callable[[Mark], None] | None = None
    """Told of places that every reader was written, and not all can prove while they are here."""
    waiting: deque[Entry] = field(default_factory=deque)
    size: int = 0
    last_n: int = 0
    offset: int = 0
    proven_n: int = 0
    """Every reader that wants this stream has everything up to here."""
    first_n: int = 0
    """The session's newest event when this stream began its part of the epoch."""
    evicted_n: int = 0
    """Everything up to here is gone from memory."""
    last_item_n: int = 0
    """The newest of its items in this epoch; 0 before the first."""
    heard_n: int = 0
    """The newest of its items that was written to anyone in this epoch."""
    free_n: int = 0
    """Every reader that wants this stream can do without everything up to here."""
    noted_n: int = 0
    """The newest place that was told as noted."""
    marks: deque[Mark] = field(default_factory=deque)
    items_written: int = 0
    """Items of the stream that at least one consumer was written, over all epochs."""
    changed: Signal = field(default_factory=Signal)
    """Fires when there may be room, a proof, or another reader."""

    def keeps_after(self, n: int) -> bool:
        """Whether every event of it after `n` is still in memory."""
        return self.evicted_n <= max(n, self.first_n)

    def mark_at(self, n: int) -> Mark | None:
        """The newest unproven mark at or before event `n`."""
        return next((mark for mark in reversed(self.marks) if mark.n <= n), None)

    def prove(self, n: int) -> None:
        """Every reader that wants this stream has everything up to event `n`."""
        self.proven_n = max(self.proven_n, min(n, self.last_n))
        reached: Mark | None = None
        while self.marks and self.marks[0].n <= self.proven_n:
            reached = self.marks.popleft()
        if reached is not None:
            self.on_proven(reached)

    def note(self, n: int) -> None:
        """Every reader has been written everything up to event `n`, and may say so much later."""
        mark = self.mark_at(n)
        if mark is not None and mark.n > self.noted_n and self.on_noted is not None:
            self.noted_n = mark.n
            self.on_noted(mark)

    def keep_mark(self, mark: Mark) -> None:
        """Keep a mark until it is proven; of very many, the older the fewer."""
        if self.marks and self.marks[-1].n == mark.n:
            self.marks.pop()
        self.marks.append(mark)
        if len(self.marks) > MOST_MARKS:
            marks, half = list(self.marks), MOST_MARKS // 2
            self.marks = deque([*marks[1:half:2], *marks[half:]])

    @property
    def all_proven(self) -> bool:
        """Whether nothing waits for proof."""
        return self.proven_n >= self.last_n


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event to be put into the window: everything but its number."""

    event_type: EventType
    body: bytes
    timestamp: float
    agent_id: str | None = None
    cursor: Callable[[EventRef], str] | None = None
    """Makes the cursor once the event's number is known."""
    ordinal: int | None = None
    """For items: which of the stream's items it is, from 1, over all epochs."""
    item_id: str | None = None

    @property
    def room(self) -> int:
        """Bytes it may take in the window. Its envelope is spelled when it is numbered."""
        label = 0 if self.agent_id is None else len(spelled(self.agent_id))
        return len(self.body) + PLAIN_ROOM + label + (CURSOR_ROOM if self.cursor else 0)
