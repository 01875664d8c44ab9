"""Consumers that come again whatever happens, one on each wire, and keep all they are sent."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import anyio
import socketio

AGAIN: Final = 0.05
"""Seconds before the next try."""


@dataclass(slots=True, eq=False)
class Taker:
    """What one consumer was sent, in all its connections."""

    wire: str
    taken: Counter[str] = field(default_factory=Counter)
    """How often each item came."""
    last: str = ""
    changed: anyio.Event = field(default_factory=anyio.Event)

    def take(self, event: dict[str, Any]) -> None:
        """Keep what an event brings."""
        self.last = event.get("event_id") or self.last
        data = event["data"]
        items = data["items"] if event["event_type"] == "data_batch" else [data]
        self.taken.update(item["payload"]["id"] for item in items if "payload" in item)
        self.changed.set()
        self.changed = anyio.Event()

    async def more(self, count: int) -> None:
        """Wait until so many more items have come."""
        until = self.taken.total() + count
        while self.taken.total() < until:
            await self.changed.wait()


@asynccontextmanager
async def takers(
    url: Callable[[], str], stream_id: str, session: str
) -> AsyncIterator[list[Taker]]:
    """Takers of one stream over Socket.IO, SSE and NDJSON, until the context is left."""
    found = [Taker("socketio"), Taker("sse"), Taker("ndjson")]
    async with anyio.create_task_group() as tasks:
        for taker in found:
            tasks.start_soon(_again_and_again, taker, url, stream_id, session)
        yield found
        tasks.cancel_scope.cancel()


async def _again_and_again(
    taker: Taker, url: Callable[[], str], stream_id: str, session: str
) -> None:
    once: Callable[[Taker, str, str, str], Awaitable[None]]
    once = _socketio if taker.wire == "socketio" else _http
    while True:
        with suppress(aiohttp.ClientError, socketio.exceptions.ConnectionError, OSError):
            await once(taker, url(), stream_id, session)
        await anyio.sleep(AGAIN)


async def _http(taker: Taker, url: str, stream_id: str, session: str) -> None:
    headers = {"Authorization": f"Bearer {session}"}
    if taker.last:
        headers["Last-Event-ID"] = taker.last
    where = f"{url}/api/stream/{stream_id}/events?format={taker.wire}"
    async with (
        aiohttp.ClientSession(read_bufsize=1 << 22) as http,
        http.get(where, headers=headers) as answer,
    ):
        if answer.status != 200:
            return
        async for line in answer.content:
            text = line.removeprefix(b"data: ")
            if text.startswith(b"{"):
                taker.take(json.loads(text))


async def _socketio(taker: Taker, url: str, stream_id: str, session: str) -> None:
    client = socketio.AsyncClient(reconnection=False)
    client.on("stream_event", taker.take)
    try:
        # A server that was killed has no seats any more: who has others beside it names its place.
        place = {"last_event_id": taker.last} if taker.last else {}
        await client.connect(url, auth={"session_id": session} | place, transports=["websocket"])
        await client.wait()
    finally:
        with anyio.CancelScope(shield=True):
            await client.disconnect()
