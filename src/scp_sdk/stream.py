"""Reading a stream to its end, over as many connections as that takes.

    open --> reading --> the end, or a typed error
               |  ^
          lost |  | with the place of the newest event
               v  |
           connecting anew, slower each time, for five minutes at most

Nothing runs in the background: who asks for the next item also does the reading, the connecting
and the acknowledging, so that a stream has no task of its own that could be forgotten. An event
counts as processed when the application asks for what comes after its last item; only then is the
server told, so that a crash of the application repeats what it was at, and loses nothing.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from math import inf
from types import TracebackType
from typing import Final, Self

import anyio

from scp_sdk.answers import StreamStatus
from scp_sdk.errors import (
    ConnectionFailed,
    ProtocolError,
    RateLimited,
    SCPError,
    ServerUnavailable,
    StreamInterrupted,
    error_from,
)
from scp_sdk.holdings import Holdings
from scp_sdk.items import Hole, StreamItem, Tale
from scp_sdk.receipts import Receipts
from scp_sdk.retries import Patience, backoff, delay_before_repeat
from scp_sdk.wires.link import Link, NothingMore, Wanted
from scp_wire.events import Event, EventType

logger = logging.getLogger(__name__)

HOLES: Final = 3
"""How often in a row a hole is gone back to before the server is called broken."""
STOP_WITHIN: Final = 5.0
"""Seconds that stopping a stream left early may take."""
SETTLING: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between looks at a stream that should be completed any moment."""
ITEM_EVENTS: Final = frozenset({EventType.DATA_UPDATE, EventType.DATA_BATCH})
PASSING: Final = (ConnectionFailed, RateLimited, ServerUnavailable)
"""Refusals of a connection that are worth another try."""

OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What reading needs of the client."""

    connect: Callable[[Wanted], Awaitable[Link]]
    subscribes_first: bool
    """Whether the wire can wait for a stream that is to come: then none of it can be missed."""
    start: Callable[[], Awaitable[str]]
    status: Callable[[str], Awaitable[StreamStatus]]
    stop: Callable[[str], Awaitable[object]]
    patience: Patience
    chance: Callable[[], float]
    """A random number in [0, 1)."""


class AsyncItemStream:
    """Items of one stream: an async iterator, and a context manager that ends what it began.

    It ends when the stream completes or is stopped on request. A stream that it started and that
    still runs when it is left is stopped; one that it joined goes on.
    """

    def __init__(
        self,
        calls: Calls,
        wanted: Wanted,
        *,
        on_event: OnEvent | None,
        follows: bool,
    ) -> None:
        self._calls = calls
        self._wanted = wanted
        self._joined = wanted.stream_id is not None
        self._holdings = Holdings() if follows or self._joined else None
        self._on_event = on_event
        self._tale: Tale | None = None
        self._link: Link | None = None
        self._receipts = Receipts(wanted.last_event_id)
        self._taken = wanted.last_event_id
        self._asked_at = self._quiet_since = -inf
        self._ready: deque[StreamItem] = deque()
        self._cursor: str | None = None
        self._closed = False
        self._tries = 0
        self._holes = 0
        self._doubts = 0

    @property
    def stream_id(self) -> str | None:
        """The stream's id, once it is open."""
        return self._wanted.stream_id

    @property
    def closed(self) -> bool:
        """Whether it has ended or was left."""
        return self._closed

    @property
    def cursor(self) -> str | None:
        """Where a new stream goes on after the items given out so far; None: not known yet.

        It moves with the last item of each batch, so a few items may come again.
        """
        return self._cursor

    @property
    def last_event_id(self) -> str | None:
        """The last event that was processed: every item of it was given out and asked past.

        Who joins the stream with it, in this process or another, misses nothing after it.
        """
        return self._taken

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamItem:
        while (item := self.pop()) is None:
            if not await self.more():
                raise StopAsyncIteration
        return item

    async def open(self) -> None:
        """Connect, and start the stream: in the order in which nothing of it can be missed.

        Raises:
            SCPError: no connection, or the stream cannot be started.
        """
        if self._tale is not None or self._closed:
            return
        try:
            await self._complete_wanted()
            if self._calls.subscribes_first:
                self._link = await self._first_connection()
            stream_id = self._wanted.stream_id or await self._calls.start()
            self._wanted = replace(self._wanted, stream_id=stream_id)
            self._tale = Tale(stream_id, place=self._taken, holdings=self._holdings)
            if self._link is None:
                self._link = await self._first_connection()
        except BaseException:
            await self.aclose()
            raise

    async def _complete_wanted(self) -> None:
        if self._wanted.stream_id is not None and not self._wanted.stream_type:
            status = await self._calls.status(self._wanted.stream_id)
            stream_type = status["configuration"]["stream_type"]
            self._wanted = replace(self._wanted, stream_type=stream_type)

    def pop(self) -> StreamItem | None:
        """The next item that is here already; None when there is none."""
        if not self._ready:
            return None
        item = self._ready.popleft()
        self._cursor = item.cursor or self._cursor
        return item

    async def more(self) -> bool:
        """Wait until `pop` has an item. False at the end of the stream.

        Raises:
            SCPError: the stream failed, was stopped early, or cannot be reached any more.
        """
        await self.open()
        self._asked_at = self._quiet_since = anyio.current_time()
        try:
            while self._tale is not None and not (self._ready or self._tale.ended or self._closed):
                await self._hear(self._tale)
        except BaseException:
            await self.aclose()
            raise
        if self._ready:
            return True
        if self._tale is not None:
            self._take_in(self._tale)
            self._cursor = self._tale.cursor or self._cursor
            if self._tale.ended == EventType.STREAM_COMPLETED and not self._closed:
                await self._settle(self._tale)
        await self.aclose()
        return False

    async def aclose(self) -> None:
        """Leave the stream; stop it if it was started here and still runs."""
        if self._closed:
            return
        self._closed = True
        self._ready.clear()
        with anyio.CancelScope(shield=True):
            await self._tell()
            await self._hang_up()
        if self._tale is None or self._tale.ended or self._joined:
            return
        with anyio.move_on_after(STOP_WITHIN, shield=True):
            try:
                await self._calls.stop(self._tale.stream_id)
            except SCPError as failure:
                # It ended by itself, or the server is away and will stop it as unattended.
                logger.debug("stream left without stopping it: %s", failure.code)

    async def _hear(self, tale: Tale) -> None:
        """Take the next event, or mend what keeps it from coming."""
        self._take_in(tale)
        if self._link is None:
            self._link = await self._connection_again(tale)
            self._receipts = Receipts(tale.place)
        link, now = self._link, anyio.current_time()
        if self._receipts.due_at <= now:
            await self._tell()
        lost_at = max(link.heard_at, self._asked_at) + link.silence
        quiet_at = self._quiet_since + self._calls.patience.quiet
        until = min(lost_at, quiet_at, self._receipts.due_at)
        answered = False
        event: Event | None = None
        with anyio.CancelScope(deadline=until):
            event = await self._received(link, tale)
            answered = True
        if not answered:
            await self._look_around(link, tale)
        elif event is None:
            await self._hang_up()
        else:
            await self._take(tale, event)

    async def _received(self, link: Link, tale: Tale) -> Event | None:
        try:
            return await link.receive()
        except NothingMore:
            tale.ended = EventType.STREAM_COMPLETED
            return None

    def _take_in(self, tale: Tale) -> None:
        """The application asks for more: all that it was given so far is processed."""
        self._taken = tale.place
        self._receipts.took(tale.place, anyio.current_time())

    async def _tell(self) -> None:
        """Acknowledge what was processed."""
        if self._link is not None and (place := self._receipts.tell()) is not None:
            await self._link.acknowledge(place)

    async def _look_around(self, link: Link, tale: Tale) -> None:
        """Nothing came until a deadline, of which there are three."""
        now, patience = anyio.current_time(), self._calls.patience
        if now >= max(link.heard_at, self._asked_at) + link.silence:
            await self._hang_up()
        elif now >= self._quiet_since + patience.quiet:
            self._quiet_since = now
            await self._look_after(tale)

    async def _take(self, tale: Tale, event: Event) -> None:
        ours = event.stream_id in {None, tale.stream_id}
        if ours and event.event_type not in ITEM_EVENTS and self._on_event is not None:
            self._on_event(event)
        if ours and event.event_type == EventType.STREAM_GAP:
            logger.warning("a gap in the stream: %s", event.data.get("reason"))
        try:
            self._ready.extend(tale.read(event))
        except Hole as hole:
            self._holes += 1
            if self._holes > HOLES:
                raise ProtocolError(f"The server leaves out events: {hole}.") from hole
            await self._hang_up()
            return
        self._tries = self._holes = self._doubts = 0
        self._quiet_since = anyio.current_time()

    async def _look_after(self, tale: Tale) -> None:
        """Nothing came for long: an end that could not be seen must not look like silence."""
        try:
            status = await self._calls.status(tale.stream_id)
        except PASSING:
            return
        if status["status"] == "active":
            return
        # What ended just now is still on its way: conclude when it is quiet once more.
        self._doubts += 1
        if self._doubts < 2:
            return
        if status["status"] == "failed" and status["error"] is not None:
            raise error_from(status["error"])
        if status["status"] == "stopped":
            tale.stopped(status["state_reason"])
            return
        raise StreamInterrupted(
            "The stream ended where this client could not see it; start one with its cursor.",
            details={"cursor": tale.cursor, "stream_id": tale.stream_id},
        )

    async def _settle(self, tale: Tale) -> None:
        """Stay until the server knows that its last event arrived, and has completed the stream.

        Left at once, the stream would stay active, and the next one of its type be refused.
        """
        self._receipts.tell()  # `finish` says it.
        try:
            proven = self._link is None or tale.place is None or await self._link.finish(tale.place)
            if not proven:
                await self._hang_up()
                # Naming the event when connecting proves it as well.
                self._link = await self._calls.connect(self._where(tale))
            for delay in SETTLING:
                await anyio.sleep(delay)
                if (await self._calls.status(tale.stream_id))["status"] != "active":
                    return
        except SCPError:
            # The server will find out by itself.
            return

    def _where(self, tale: Tale) -> Wanted:
        return replace(self._wanted, last_event_id=tale.place)

    async def _first_connection(self) -> Link:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._calls.connect(self._wanted)
            except PASSING as failure:
                delay = delay_before_repeat(
                    failure,
                    reads_only=True,
                    tries=tries,
                    patience=self._calls.patience,
                    jitter=self._calls.chance(),
                )
                if delay is None:
                    raise
            await anyio.sleep(delay)

    async def _connection_again(self, tale: Tale) -> Link:
        patience = self._calls.patience
        give_up_at = anyio.current_time() + patience.longest_outage
        failure: SCPError = ConnectionFailed("The connection was lost.")
        while True:
            # Counted until an event comes: a server that only accepts must not be hammered.
            self._tries += 1
            delay = backoff(
                failure, tries=self._tries, patience=patience, jitter=self._calls.chance()
            )
            if anyio.current_time() + delay > give_up_at:
                raise failure
            await anyio.sleep(delay)
            try:
                return await self._calls.connect(self._where(tale))
            except PASSING as caught:
                failure = caught

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()
