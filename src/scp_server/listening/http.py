"""uvicorn's HTTP with bounds: what a client may send before it is heard, and how long it may take.

uvicorn waits for a request's head for ever and, with httptools, reads one of any size; it waits for
a body as long, keeps any number of pipelined requests, and forgets its keep-alive timer when bytes
come that begin no request. Each of that is closed here. What we rely on of uvicorn's class no
document settles: `tests/listening/test_uvicorn.py` fails when it moves.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, NoReturn, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from scp_server.delivery.asgi_line import EXTENSION, TransportLine
from scp_server.domain.errors import ScpError
from scp_server.listening.door import Door, Seat
from scp_server.listening.refusals import (
    MALFORMED,
    ONE_HOST,
    OVERLOADED,
    HeadTooLarge,
    RequestTimeout,
    whole,
)

MAX_PIPELINED: Final = 8
"""Requests that may wait behind the one that is answered. Clients of today send none."""
PARTING_SECONDS: Final = 2.0
"""A refused client may take so long to read why."""
MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of one request on the wire, framing of chunks and trailers included: bodies have a bound of
their own, but of framing the API sees nothing."""
REAP_SECONDS: Final = 30.0
"""So long may the last answer lie unread before the socket is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """Bytes, fields and seconds of one request.

    The head is the request line and the fields, up to the empty line. It has to be there
    `head_seconds` after the connection or its first byte, the body `body_seconds` after the head:
    256 KiB at 8.5 KiB a second.
    """

    head_bytes: int = 32 * 1024
    fields: int = 100
    head_seconds: float = 10.0
    body_seconds: float = 30.0


class _Stage(Enum):
    IDLE = auto()
    """Between requests: uvicorn's keep-alive timer runs, or the answer is being made."""
    HEAD = auto()
    BODY = auto()
    GONE = auto()
    """Refused, or handed to a WebSocket: what still comes is dropped."""


def bounded(bounds: HttpBounds, door: Door) -> type[HttpToolsProtocol]:
    """A class for uvicorn's `Config(http=…)`, for one server."""

    class Http(BoundedHttp):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self.bounds, self.door = bounds, door

    return Http


def seated(websocket: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """A class for uvicorn's `Config(ws=…)` that gives its seat back when its socket ends."""

    class Seated(websocket):  # type: ignore[valid-type, misc]  # a class that is handed in
        seat: Seat | None = None

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.seat is not None:
                self.seat.leave()

    return Seated


class BoundedHttp(HttpToolsProtocol):
    """One connection. See `bounded`."""

    bounds: HttpBounds
    door: Door

    _stage = _Stage.HEAD
    _seat: Seat | None = None
    _timer: asyncio.TimerHandle | None = None
    _fault: ScpError | None = None
    """What a callback of the parser found."""
    _bytes = 0
    """Of the request that is being read, its head or its body."""
    _head_over = False
    _parting = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A socket was accepted."""
        super().connection_made(transport)
        self._seat = self.door.enter(self.client)
        if self._seat is None:
            self._refuse(OVERLOADED)
        else:
            self._within(self.bounds.head_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket has ended."""
        self._within(None)
        if self._seat is not None:
            self._seat.leave()
        if self._parting:
            self._parting = False
            self.door.parted()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser no more of a head than one may have."""
        while data and self._stage is not _Stage.GONE:
            if self._stage is _Stage.IDLE:
                # Empty lines before a request begin none for the parser, but they do here.
                self._begin()
            piece = data if self._stage is _Stage.BODY else data[: self._head_room()]
            data = data[len(piece) :]
            self._bytes += len(piece)
            super().data_received(piece)
            if self._stage is _Stage.HEAD and not self._head_room():
                self._turn_away(_too_long(self.bounds))
            elif self._bytes > MAX_MESSAGE:
                self._cut_off("message_bytes")

    # What the parser calls. What it raises here the parser passes on, and uvicorn then refuses.

    def on_message_begin(self) -> None:
        """A request begins: its scope shows the connection."""
        super().on_message_begin()
        if len(self.pipeline) >= MAX_PIPELINED:
            self._fail(MALFORMED)
        if self._stage is not _Stage.HEAD:
            self._begin()
        self._head_over = False
        line = TransportLine(self.transport.get_write_buffer_size, self.transport.abort)
        self.scope["extensions"] = {EXTENSION: {"line": line}}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field; those that come after the body (trailers) are not let into the scope."""
        if self._head_over:
            return
        if len(self.headers) >= self.bounds.fields:
            self._fail(_too_many(self.bounds))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: whole, and no longer than it may be."""
        self._head_over = True
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.bounds.head_bytes:
            self._fail(_too_long(self.bounds))
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            self._fail(ONE_HOST)  # RFC 9112 section 3.2
        super().on_headers_complete()
        if self.parser.should_upgrade() and not self._should_upgrade():
            # Another protocol is not spoken here, and what follows cannot be told from it.
            self.cycle.keep_alive = False
        self._stage, self._bytes = _Stage.BODY, 0
        self._within(self.bounds.body_seconds, self._late)

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._stage = _Stage.IDLE
        # Where it was answered before all of it came, uvicorn's timer is gone since.
        seconds = None if self._answering() else float(self.timeout_keep_alive)
        self._within(seconds, self._late)

    # What uvicorn calls.

    def handle_websocket_upgrade(self) -> None:
        """Hand the socket on, and the seat with it."""
        self._within(None)
        self._stage = _Stage.GONE
        super().handle_websocket_upgrade()
        heir = self.transport.get_protocol()
        if heir is not self:
            cast("Any", heir).seat, self._seat = self._seat, None

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser, or a callback of ours, did not take."""
        self._turn_away(self._fault or MALFORMED)

    def on_response_complete(self) -> None:
        """An answer is written; where it is the last one it must not lie unread for ever."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._within(REAP_SECONDS, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        super().timeout_keep_alive_handler()
        self._within(REAP_SECONDS, self.transport.abort)

    # Bounds.

    def _head_room(self) -> int:
        return max(0, self.bounds.head_bytes - self._bytes)

    def _begin(self) -> None:
        self._stage, self._bytes = _Stage.HEAD, 0
        self._within(self.bounds.head_seconds, self._late)

    def _within(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and then is not None:
            self._timer = self.loop.call_later(seconds, then)

    def _answering(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not (cycle.response_complete or cycle.disconnected)

    def _late(self) -> None:
        """The head or the body did not come in time."""
        if self._stage is _Stage.IDLE or (self._stage is _Stage.HEAD and not self._bytes):
            self.transport.close()  # nobody has asked for anything
        elif self._stage is _Stage.HEAD and self._answering():
            self._within(self.bounds.head_seconds, self._late)  # we read no further, not the client
        elif self._stage is _Stage.BODY and self.cycle.response_complete:
            self.transport.close()
        elif self._stage is _Stage.BODY and self.cycle.response_started:
            self._cut_off("request_timeout")
        else:
            self._abandon()
            self._turn_away(_too_late(self.bounds, self._stage))

    def _abandon(self) -> None:
        """Who waits for the rest of the body is told that the client is gone."""
        if self._stage is _Stage.BODY:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    # Refusing.

    def _fail(self, error: ScpError) -> NoReturn:
        self._fault = error
        raise ValueError(error.code)

    def _turn_away(self, error: ScpError) -> None:
        self.door.tally.turned_away(error.code.lower())
        self._refuse(error)

    def _cut_off(self, reason: str) -> None:
        self.door.tally.turned_away(reason)
        self._stage = _Stage.GONE
        self.transport.abort()

    def _refuse(self, error: ScpError) -> None:
        """Answer no, and end the connection once that was read, or soon."""
        self._stage = _Stage.GONE
        self._within(None)
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self._answering() or not self.door.may_part():
            self.transport.abort()
            return
        self._parting = True
        https = self.scheme == "https"
        self.transport.write(whole(error, self.server_state.default_headers, https=https))
        self._within(PARTING_SECONDS, self.transport.abort)
        if self.transport.can_write_eof():
            # Closing at once would reset the connection while the client is still sending, and
            # what it has not read yet would be lost to it.
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()


def _too_long(bounds: HttpBounds) -> ScpError:
    return HeadTooLarge(
        f"The request line and the headers may have {bounds.head_bytes} bytes. Send less.",
        limit=bounds.head_bytes,
    )


def _too_many(bounds: HttpBounds) -> ScpError:
    return HeadTooLarge(
        f"A request may have {bounds.fields} header fields. Send fewer.", limit=bounds.fields
    )


def _too_late(bounds: HttpBounds, stage: _Stage) -> ScpError:
    what, seconds = (
        ("body", bounds.body_seconds) if stage is _Stage.BODY else ("head", bounds.head_seconds)
    )
    return RequestTimeout(
        f"The request's {what} did not come within {seconds:g} seconds. Send it again.",
        limit=seconds,
    )
