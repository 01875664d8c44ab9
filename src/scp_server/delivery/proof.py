"""Proof: what a client has, known from its pongs.

Bytes given to the kernel prove nothing. An Engine.IO pong that answers a ping sent after an event
does: the wire keeps order, so whoever answers the ping has read the event before it.
"""

from collections import deque
from typing import Final

import anyio

from scp_server.domain.event_ref import EventRef
from scp_server.engine.signal import Signal

MANY: Final = 32
"""Unproven events after which a ping is sent at once."""
PROMPTLY: Final = 0.5
"""Seconds after which a ping follows even a single unproven event (one second is the promise)."""


class Proof:
    """Keeps the pings that are out, each with the place that lay before it on the wire."""

    def __init__(self) -> None:
        self._sent: EventRef | None = None
        self._since_ping = 0
        self._pings: deque[EventRef | None] = deque()
        self._changed = Signal()

    def sent(self, ref: EventRef) -> None:
        """An event leading to `ref` was given to the wire."""
        self._sent = ref
        self._since_ping += 1
        if self._since_ping in {1, MANY}:
            self._changed.fire()

    def pinged(self) -> None:
        """A ping was given to the wire, whoever asked for it."""
        self._pings.append(self._sent)
        self._since_ping = 0

    def ponged(self) -> EventRef | None:
        """A pong came in: the place it proves, None when it proves nothing."""
        ref = self._pings.popleft() if self._pings else None
        self._changed.fire()
        return ref

    @property
    def pings_out(self) -> int:
        """Pings that were not answered yet."""
        return len(self._pings)

    async def answered(self) -> None:
        """Wait until no ping is out."""
        while self._pings:
            await self._changed.wait()

    async def until_ping_is_due(self) -> None:
        """Wait until a ping should be sent: soon after an event, at once after many.

        One ping is out at a time: the answer to the last one comes first.
        """
        due = False
        while not due:
            while self._pings or self._since_ping == 0:
                await self._changed.wait()
            # A ping of somebody else's may go out meanwhile, and be enough.
            with anyio.move_on_after(PROMPTLY):
                while 0 < self._since_ping < MANY:
                    await self._changed.wait()
            due = self._since_ping > 0 and not self._pings
