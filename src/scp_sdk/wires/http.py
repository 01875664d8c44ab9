"""Events as the body of one HTTP response: server-sent events, or lines of JSON.

A stream is named in the path, so it is started before it is read. The connection's own
back-pressure holds the server: what is not asked for is not read, beyond 64 KiB. What arrived is
known to the server when the next request names it (`Last-Event-ID`).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote

import aiohttp
import anyio
import msgspec

from scp_sdk.errors import ConnectionFailed, ProtocolError, SCPError
from scp_sdk.rest import carried, read_answer
from scp_sdk.wires.framing import Framing, JsonLines, ServerSentEvents
from scp_sdk.wires.link import NothingMore, Wanted
from scp_wire.events import Event

Format = Literal["sse", "ndjson"]

FRAMING: Final[Mapping[Format, type[Framing]]] = MappingProxyType(
    {"sse": ServerSentEvents, "ndjson": JsonLines}
)
ACCEPTED: Final[Mapping[Format, str]] = MappingProxyType(
    {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}
)
SILENCE: Final = 60.0
"""Seconds without an event or a beat after which a connection is lost; beats come far oftener."""
PROOF_WITHIN: Final = 3.0
"""Seconds in which the last event should be proven."""

_EVENTS: Final = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How the events of a stream are asked for."""

    http: aiohttp.ClientSession
    base_url: str
    format: Format
    who: Wanted
    within: float

    async def answer(self) -> aiohttp.ClientResponse | None:
        """The response, whose body is the events; None when there is nothing more.

        Raises:
            SCPError: refused, with the server's reason, or not reached.
        """
        try:
            with anyio.fail_after(self.within):
                return await self._asked()
        except TimeoutError as cause:
            raise ConnectionFailed(
                f"{self.base_url} did not answer within {self.within:g} s."
            ) from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise ConnectionFailed(
                f"Cannot reach {self.base_url}: {type(cause).__name__}. Does the server run?"
            ) from cause

    async def _asked(self) -> aiohttp.ClientResponse | None:
        who = self.who
        headers = {
            "accept": ACCEPTED[self.format],
            **carried(who.session_id, who.agent_key),
        }
        if who.last_event_id is not None:
            headers["last-event-id"] = who.last_event_id
        response = await self.http.get(
            f"{self.base_url}/api/stream/{quote(who.stream_id or '', safe='')}/events",
            params={"format": self.format} | ({"batch": "true"} if who.batch else {}),
            headers=headers,
            timeout=aiohttp.ClientTimeout(),
            # A redirect could carry the credential to another host.
            allow_redirects=False,
        )
        if response.status == 200 and response.content_type == ACCEPTED[self.format]:
            return response
        async with response:
            if response.status == 204:
                return None
            read_answer(response, await response.read())
            raise ProtocolError("What answered sends no events: check base_url.")


class HttpLink:
    """An open response. Made by `open_http`."""

    def __init__(self, asking: Asking, response: aiohttp.ClientResponse | None) -> None:
        self._asking = asking
        self._response = response
        self._framing = FRAMING[asking.format]()
        self._events: deque[Event] = deque()
        self._over = False
        self.heard_at = anyio.current_time()
        self.silence = SILENCE

    async def receive(self) -> Event | None:
        """See `Link`."""
        if self._response is None:
            raise NothingMore
        while not (self._events or self._over):
            await self._read(self._response)
        return self._events.popleft() if self._events else None

    async def acknowledge(self, place: str) -> None:
        """See `Link`. Here only a next request can say so."""

    async def finish(self, place: str) -> bool:
        """See `Link`. Naming the last event in a request is its proof."""
        await self.aclose()
        who = replace(self._asking.who, last_event_id=place)
        try:
            response = await replace(self._asking, who=who, within=PROOF_WITHIN).answer()
        except SCPError:
            return False
        if response is not None:
            response.close()
        return True

    async def aclose(self) -> None:
        """See `Link`."""
        self._over = True
        if self._response is not None:
            self._response.close()

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        try:
            chunk = await response.content.readany()
        except (aiohttp.ClientError, OSError):
            chunk = b""
        self.heard_at = anyio.current_time()
        self._over = self._over or not chunk
        try:
            self._events.extend(_EVENTS.decode(said) for said in self._framing.feed(chunk))
        except msgspec.MsgspecError as cause:
            raise ProtocolError(f"An event does not have the agreed shape: {cause}.") from cause


async def open_http(
    http: aiohttp.ClientSession,
    base_url: str,
    who: Wanted,
    *,
    format: Format,
    within: float,
) -> HttpLink:
    """Ask for a stream's events; the answer must begin within so many seconds.

    Raises:
        SCPError: refused, with the server's reason, or not reached.
    """
    asking = Asking(http=http, base_url=base_url, format=format, who=who, within=within)
    return HttpLink(asking, await asking.answer())
