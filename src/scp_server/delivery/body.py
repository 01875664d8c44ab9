"""Body: a response's body as a pump writes to it, and whether its reader still takes anything."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol

import msgspec

from scp_server.delivery.courier import Flush
from scp_server.delivery.forms import Form, chunk
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.engine.readers import Entry
from scp_server.ports.clock import Clock
from scp_wire.events import EventType
from scp_wire.rest import MAX_BATCH_SIZE

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BEAT_SECONDS: Final = 15.0
"""Without a word for so long, a beat is written: it keeps proxies from closing the connection."""
_LAST: Final = frozenset({EventType.STREAM_COMPLETED, EventType.STREAM_STOPPED})
_PARTING: Final = frozenset({EventType.SERVER_DRAINING, EventType.SESSION_EXPIRED})
"""After these nothing follows: they say where to go on, and the response ends."""


class Line(Protocol):
    """The connection below a response, where the server shows it (see `asgi_line`)."""

    def backlog(self) -> int:
        """Bytes that wait for the reader."""
        ...

    def abort(self) -> None:
        """Drop the connection and all that waits."""
        ...


class _Fatal(msgspec.Struct):
    fatal: bool = False


def ends_stream(entry: Entry) -> bool:
    """Whether it is the last word on its stream."""
    encoded = entry.encoded
    if encoded.event_type is EventType.STREAM_ERROR:
        return msgspec.json.decode(encoded.body, type=_Fatal).fatal
    return encoded.event_type in _LAST


class Body:
    """Writes to one response. Implements `pump.Wire`."""

    def __init__(
        self, form: Form, send: Send, shown: Secret, clock: Clock, max_events: int | None
    ) -> None:
        self._form = form
        self._send = send
        self._shown = shown.reveal()
        self._clock = clock
        self._left = max_events
        self._heard = clock.monotonic()
        self.sending = False
        """Whether a write waits for the reader."""
        self.sent = 0
        """Bytes that were written."""

    @property
    def room(self) -> int:
        """See `Wire`."""
        return MAX_BATCH_SIZE if self._left is None else self._left

    @property
    def beat_due(self) -> float:
        """See `Wire`."""
        return self._heard + BEAT_SECONDS

    async def open(self, start: MutableMapping[str, Any], place: EventRef | None) -> None:
        """Begin the response at once, so that the client knows that it is connected."""
        self.sending = True
        await self._send(start)
        await self._write(self._form.opening(place))

    async def send(self, flush: Flush) -> bool:
        """See `Wire`."""
        await self._write(chunk(self._form, flush, self._shown))
        if self._left is not None:
            self._left -= len(flush.frames)
        parting = any(notice.event_type in _PARTING for notice in flush.notices)
        return self._left != 0 and not parting and not any(map(ends_stream, flush.entries))

    async def say(self, event: bytes, place: EventRef | None) -> None:
        """Write one event that no reader was given."""
        await self._write(self._form.spelled(event, place))

    async def beat(self) -> None:
        """See `Wire`."""
        await self._write(self._form.beat)

    async def end(self) -> None:
        """Nothing more follows."""
        await self._write(b"", more=False)

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        self.sending = True
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self.sending = False
        self.sent += len(data)
        self._heard = self._clock.monotonic()


class Patience:
    """Tells a reader that takes nothing of what it is owed from one that is slow, or up to date."""

    def __init__(self, body: Body, line: Line | None) -> None:
        self._body = body
        self._line = line
        self._most = 0
        self._since: float | None = None

    def waiting(self, now: float) -> float:
        """Seconds for which the reader has taken nothing although something waits for it."""
        waits = self._body.sending if self._line is None else self._line.backlog() > 0
        taken = self._body.sent - (0 if self._line is None else self._line.backlog())
        if not waits:
            self._most, self._since = max(self._most, taken), None
        elif self._since is None or taken > self._most:
            self._most, self._since = max(self._most, taken), now
        return 0.0 if self._since is None else now - self._since
