"""A consumer that keeps what a stream tells it, to be compared with the world it came from."""

from dataclasses import dataclass, field
from typing import Any

import anyio

from scp_sdk import AsyncItemStream, Event, StreamItem


@dataclass(slots=True, eq=False)
class Mirror:
    """What an SDK consumer holds: the newest payload of every item that is not deleted."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: int = 0
    told: list[str] = field(default_factory=list)
    """What was said beside the items, in short."""
    _more: anyio.Event = field(default_factory=anyio.Event)

    def hear(self, event: Event) -> None:
        """Note an event that is not an item; give it to the stream as `on_event`."""
        what = event.data.get("code") or event.data.get("reason") or ""
        self.told.append(f"{event.event_type} {what} {event.data.get('details', '')}".strip())

    def take(self, item: StreamItem) -> None:
        """Apply one change."""
        self.changes += 1
        if item.change == "deleted":
            self.held.pop(item.id, None)
        else:
            self.held[item.id] = item.payload
        self._more.set()
        self._more = anyio.Event()

    async def follow(self, stream: AsyncItemStream) -> None:
        """Apply everything a stream gives, until cancelled or at its end."""
        async with stream:
            async for item in stream:
                self.take(item)

    async def changed(self) -> None:
        """Wait until something was applied."""
        await self._more.wait()
