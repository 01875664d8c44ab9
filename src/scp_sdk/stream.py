"""Reading a stream to its end, over as many connections as that takes.

    open --> reading --> the end, or a typed error
               |  ^
          lost |  | with the place of the newest event
               v  |
           connecting anew, slower each time, for five minutes at most

Nothing runs in the background but the socket: who asks for the next item also does the
connecting, so that a stream has no task of its own that could be forgotten.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

import anyio

from scp_sdk.answers import StreamStatus
from scp_sdk.connection import Connection, Introduction
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
from scp_sdk.retries import Patience, backoff, delay_before_repeat
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

    connect: Callable[[Introduction, str], Awaitable[Connection]]
    """Connect, and subscribe to a stream type."""
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
        who: Introduction,
        *,
        stream_type: str | None,
        stream_id: str | None,
        on_event: OnEvent | None,
        follows: bool,
    ) -> None:
        self._calls = calls
        self._who = who
        self._stream_type = stream_type
        self._joined = stream_id is not None
        self._holdings = Holdings() if follows or self._joined else None
        self._stream_id = stream_id
        self._on_event = on_event
        self._tale: Tale | None = None
        self._link: Connection | None = None
        self._ready: deque[StreamItem] = deque()
        self._cursor: str | None = None
        self._closed = False
        self._tries = 0
        self._holes = 0
        self._doubts = 0

    @property
    def stream_id(self) -> str | None:
        """The stream's id, once it is open."""
        return self._stream_id

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
        """Connect, subscribe, then start the stream: so nothing of it can be missed.

        Raises:
            SCPError: no connection, or the stream cannot be started.
        """
        if self._tale is not None or self._closed:
            return
        try:
            if self._stream_id is not None and self._stream_type is None:
                status = await self._calls.status(self._stream_id)
                self._stream_type = status["configuration"]["stream_type"]
            self._link = await self._first_connection()
            if self._stream_id is None:
                self._stream_id = await self._calls.start()
            self._tale = Tale(self._stream_id, holdings=self._holdings)
        except BaseException:
            await self.aclose()
            raise

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
        try:
            while self._tale is not None and not (self._ready or self._tale.ended or self._closed):
                await self._hear(self._tale)
        except BaseException:
            await self.aclose()
            raise
        if self._ready:
            return True
        if self._tale is not None:
            self._cursor = self._tale.cursor or self._cursor
            if self._tale.ended == EventType.STREAM_COMPLETED and self._link is not None:
                await self._settle(self._link, self._tale.stream_id)
        await self.aclose()
        return False

    async def aclose(self) -> None:
        """Leave the stream; stop it if it was started here and still runs."""
        if self._closed:
            return
        self._closed = True
        self._ready.clear()
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
        if self._link is None:
            self._link = await self._connection_again(tale)
        with anyio.move_on_after(self._calls.patience.quiet) as silence:
            event = await self._link.receive()
            if event is None:
                await self._hang_up()
            else:
                await self._take(tale, event)
        if silence.cancelled_caught:
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

    async def _settle(self, link: Connection, stream_id: str) -> None:
        """Stay until the server knows that its last event arrived, and has completed the stream.

        Left at once, the stream would stay active, and the next one of its type be refused.
        """
        await link.prove()
        for delay in SETTLING:
            await anyio.sleep(delay)
            try:
                if (await self._calls.status(stream_id))["status"] != "active":
                    return
            except SCPError:
                return

    async def _first_connection(self) -> Connection:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._calls.connect(self._who, self._stream_type or "")
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

    async def _connection_again(self, tale: Tale) -> Connection:
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
                who = replace(self._who, last_event_id=tale.place)
                return await self._calls.connect(who, self._stream_type or "")
            except PASSING as caught:
                failure = caught

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()
