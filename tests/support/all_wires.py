"""A consumer on each wire at once: Socket.IO over WebSocket and polling, SSE, NDJSON."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import anyio
from support.raw_engineio import (
    WITHIN,
    Closed,
    RawPolling,
    RawWebSocket,
    raw_polling,
    raw_websocket,
)

from scp_sdk.rest import carried


@dataclass(slots=True)
class AllWires:
    """Four open connections."""

    websocket: RawWebSocket
    polling: RawPolling
    sse: aiohttp.ClientResponse
    ndjson: aiohttp.ClientResponse

    async def ended(self) -> dict[str, list[str]]:
        """Wait until the server has ended all of them: the types of the events each was told."""
        told: dict[str, list[str]] = {}
        with anyio.fail_after(WITHIN):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._websocket, told)
                tasks.start_soon(self._polling, told)
                tasks.start_soon(_body, "sse", self.sse, told)
                tasks.start_soon(_body, "ndjson", self.ndjson, told)
        return told

    async def _websocket(self, told: dict[str, list[str]]) -> None:
        try:
            while True:
                await self.websocket.answer()
        except Closed:
            told["websocket"] = [event["event_type"] for event in self.websocket.events]

    async def _polling(self, told: dict[str, list[str]]) -> None:
        heard: list[str] = []
        try:
            while True:
                for packet in await self.polling.poll():
                    if packet.startswith('42["stream_event",'):
                        heard.append(json.loads(packet[2:])[1]["event_type"])
                    elif packet == "2":
                        await self.polling.post("3")
        except Closed:
            told["polling"] = heard


async def _body(name: str, response: aiohttp.ClientResponse, told: dict[str, list[str]]) -> None:
    lines = (await response.text()).splitlines()
    events = [line.removeprefix("data: ") for line in lines if "event_type" in line]
    told[name] = [json.loads(event)["event_type"] for event in events]


@asynccontextmanager
async def all_wires(
    url: str, stream_id: str, session: str, key: str | None = None
) -> AsyncIterator[AllWires]:
    """Consumers of a stream on all wires, with a key beside the session."""
    more = {} if key is None else {"agent_key": key}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        websocket = await stack.enter_async_context(raw_websocket(url, session, **more))
        polling = await stack.enter_async_context(raw_polling(url, session, **more))
        bodies = [
            await stack.enter_async_context(
                http.get(
                    f"{url}/api/stream/{stream_id}/events",
                    params={"format": form},
                    headers=carried(session, key),
                )
            )
            for form in ("sse", "ndjson")
        ]
        assert [body.status for body in bodies] == [200, 200]
        yield AllWires(websocket, polling, *bodies)
