"""Proof: what a consumer has, known from its pongs or its acknowledgements. No clock, no I/O.

Bytes given to the kernel prove nothing. An Engine.IO pong that answers a ping sent after an event
does: the wire keeps order, so whoever answers the ping has read the event before it. A consumer
that acknowledges is believed alone: it says what it has processed, not only read.
"""

from collections.abc import Sequence
from typing import Final

from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef

MANY: Final = 128
"""Unproven events after which a ping is due at once."""
PROMPTLY: Final = 0.5
"""Seconds after which a ping is due for even a single one (one second is the promise)."""
EPOCHS: Final = 8
"""Numberings of which late acknowledgements are recognised."""


class Proof:
    """What was written to one connection and has not proven to have arrived.

    Times are monotonic seconds.
    """

    __slots__ = (
        "_asked",
        "_last_ping",
        "_owed_since",
        "_unasked",
        "_unasked_since",
        "_unproven",
        "_written",
    )

    def __init__(self) -> None:
        self._unproven: list[tuple[int, EventRef]] = []
        """(the newest ping when it was written, the place it leads to)"""
        self._written: dict[str, int] = {}
        """By epoch, the last event that was written."""
        self._last_ping = self._asked = 0
        self._unasked = 0
        self._unasked_since = 0.0
        self._owed_since: float | None = None

    def wrote(self, refs: Sequence[EventRef], *, ping: int, events: int, now: float) -> None:
        """`events` events leading to these places were written, after the ping of that number."""
        self._owe(ping, events, now)
        for ref in refs:
            self._unproven.append((ping, ref))
        self._remember(refs[-1])

    def wrote_up_to(self, ref: EventRef, *, ping: int, events: int, now: float) -> None:
        """As `wrote`, where nothing but pongs will prove: what one pong proves is one place."""
        self._owe(ping, events, now)
        unproven = self._unproven
        if unproven and unproven[-1][0] == ping:
            unproven[-1] = (ping, ref)
        else:
            unproven.append((ping, ref))
        if ref.epoch in self._written:
            self._written[ref.epoch] = ref.n
        else:
            self._remember(ref)

    def _owe(self, ping: int, events: int, now: float) -> None:
        if ping != self._last_ping:
            # A heartbeat went out since: it asks for all that was written before it.
            self._last_ping, self._unasked = ping, 0
        if not self._unasked:
            self._unasked_since = now
        self._unasked += events
        if self._owed_since is None:
            self._owed_since = now

    def _remember(self, ref: EventRef) -> None:
        if ref.epoch not in self._written and len(self._written) >= EPOCHS:
            del self._written[next(iter(self._written))]
        self._written[ref.epoch] = ref.n

    @property
    def many(self) -> bool:
        """Whether so much is unproven that it is not to wait for the next look."""
        return self._unasked >= MANY

    def ping_due(self, now: float) -> bool:
        """Whether a ping should be sent: soon after an event, at once after many.

        One at a time: while what the last one asks for is not proven, another says nothing new.
        """
        if not self._unasked or (self._unproven and self._unproven[0][0] < self._asked):
            return False
        return self._unasked >= MANY or now - self._unasked_since >= PROMPTLY

    def pinged(self, number: int) -> None:
        """A ping of that number was sent because it was due."""
        self._last_ping = self._asked = number
        self._unasked = 0

    def ponged(self, number: int, now: float) -> EventRef | None:
        """The ping of that number was answered: the place that proves, None when none."""
        place: EventRef | None = None
        while self._unproven and self._unproven[0][0] < number:
            place = self._unproven.pop(0)[1]
        return self._progressed(place, now)

    def acknowledged(self, ref: EventRef, now: float) -> EventRef | None:
        """Everything up to `ref` was acknowledged: the place that proves, None when none.

        Raises: InvalidRequest when that was never written here.
        """
        if ref.n > self._written.get(ref.epoch, -1):
            raise InvalidRequest(
                "That event was never sent on this connection. Acknowledge the event_id of the "
                "last event you processed.",
                field="event_id",
            )
        place: EventRef | None = None
        while self._is_told_by(ref):
            place = self._unproven.pop(0)[1]
        return self._progressed(place, now)

    def _is_told_by(self, ref: EventRef) -> bool:
        """Whether `ref` says that the oldest unproven place has been reached."""
        if not self._unproven:
            return False
        oldest = self._unproven[0][1]
        if oldest.epoch == ref.epoch:
            return oldest.n <= ref.n
        # The session was wound back in between: whoever has processed an event of the new
        # numbering is done with the old one, of which no event may ever be named again.
        return any(place.epoch == ref.epoch and place.n <= ref.n for _, place in self._unproven)

    def _progressed(self, place: EventRef | None, now: float) -> EventRef | None:
        if place is not None:
            self._owed_since = now if self._unproven else None
        return place

    @property
    def unproven(self) -> int:
        """Places on their way: events, where each was written with a place of its own."""
        return len(self._unproven)

    @property
    def owed_since(self) -> float | None:
        """When it last showed that it takes what it is owed, or was first owed something."""
        return self._owed_since
