"""The guide's Python client: subscribes, listens, and knows nothing of places or cursors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import socketio


@dataclass(slots=True, eq=False)
class Heard:
    """What a client was sent, in the order in which it came, over all its connections."""

    events: list[dict[str, Any]] = field(default_factory=list)
    more: anyio.Event = field(default_factory=anyio.Event)

    def add(self, event: dict[str, Any]) -> None:
        """Take an event."""
        self.events.append(event)
        self.more.set()
        self.more = anyio.Event()

    async def until(self, count: int) -> None:
        """Wait until so many events have come in all, or the stream is complete."""
        while len(self.events) < count and not self.complete:
            await self.more.wait()

    @property
    def complete(self) -> bool:
        """Whether the stream was announced as complete."""
        return any(event["event_type"] == "stream_completed" for event in self.events)

    @property
    def items(self) -> list[dict[str, Any]]:
        """`data` of every item, batches taken apart."""
        return [
            item
            for event in self.events
            for item in (
                event["data"]["items"]
                if event["event_type"] == "data_batch"
                else [event["data"]]
                if event["event_type"] == "data_update"
                else []
            )
        ]

    def change_ids(self) -> dict[str, set[str]]:
        """The change ids seen of each item."""
        seen: dict[str, set[str]] = {}
        for item in self.items:
            seen.setdefault(item["payload"]["id"], set()).add(item["change_id"])
        return seen


@asynccontextmanager
async def listening(
    url: str, session_id: str, heard: Heard, *, batch: bool = False
) -> AsyncIterator[socketio.AsyncClient]:
    """A connection as the guide makes it, until the context is left or the server is gone."""
    client = socketio.AsyncClient(reconnection=False)
    client.on("stream_event", heard.add)
    await client.connect(url, auth={"session_id": session_id}, transports=["websocket"])
    try:
        if batch:
            await client.call("subscribe_data", {"data_types": ["gmail_messages"], "batch": True})
        yield client
    finally:
        with anyio.CancelScope(shield=True):
            await client.disconnect()
