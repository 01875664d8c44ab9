"""Consumers that are cut off and come back, each with a record of all that it was told."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from support.raw_engineio import Closed, raw_websocket
from support.raw_http import raw_get
from support.running import Server

Event = Any
"""A stream event, as JSON."""
SUBSCRIBE = {"data_types": ["contacts"], "ack": True, "window": 2}


def is_item(event: Event) -> bool:
    return bool(event["event_type"] == "data_update")


def item_of(event: Event) -> str:
    return str(event["data"]["payload"]["id"])


@dataclass(eq=False)
class Record:
    """What one consumer processed, in order, over all its connections."""

    events: list[Event] = field(default_factory=list)
    place: str | None = None
    """The last event id it processed."""
    goal: int = 0
    """How many events it is to process."""

    def add(self, event: Event) -> None:
        self.events.append(event)
        self.place = event.get("event_id", self.place)

    @property
    def items(self) -> list[str]:
        """Ids of its items in the order in which it first had each."""
        return list(dict.fromkeys(item_of(event) for event in self.events if is_item(event)))

    @property
    def ended(self) -> bool:
        return any(event["event_type"] == "stream_completed" for event in self.events)

    @property
    def enough(self) -> bool:
        return self.ended or len(self.events) >= self.goal


async def over_socketio(
    server: Server,
    session: str,
    record: Record,
    agent: str,
    gate: Callable[[], Awaitable[None]] | None = None,
    agreed_on: anyio.Event | None = None,
) -> None:
    """Process events and acknowledge each, until there are enough; then break off.

    With a gate, wait there before each event instead, and go on for ever. Raises: Closed.
    """
    named = {} if record.place is None else {"last_event_id": record.place}
    async with raw_websocket(server.url, session, agent_id=agent, **named) as raw:
        await raw.send("427" + json.dumps(["subscribe_data", SUBSCRIBE]))
        agreed, came = False, 0
        while gate is not None or not record.enough:
            packet = await raw.receive()
            if packet.startswith("437"):
                agreed = json.loads(packet[3:])[0]["success"]
                assert agreed, packet
                if agreed_on is not None:
                    agreed_on.set()
            elif packet.startswith('42["stream_event",'):
                if gate is not None:
                    await gate()
                event = json.loads(packet[2:])[1]
                record.add(event)
                came += "event_id" in event
            else:
                continue
            if agreed and came:
                # Also of what came before it was agreed to acknowledge.
                await raw.send("42" + json.dumps(["stream_ack", {"event_id": record.place}]))


async def over_ndjson(server: Server, session: str, stream_id: str, record: Record) -> None:
    """Process lines until there are enough, or no more; then reset the connection."""
    headers = {"Authorization": f"Bearer {session}"}
    if record.place is not None:
        headers["Last-Event-ID"] = record.place
    url = f"{server.url}/api/stream/{stream_id}/events?format=ndjson"
    async with raw_get(url, headers) as raw:
        seen, going_on = 0, True
        while going_on and not record.enough:
            going_on = await raw.receive(1024)
            assert raw.status in {0, 200, 204}, (raw.status, raw.body)
            for event in raw.events[seen:]:
                if not record.enough:
                    record.add(event)
                    seen += 1


@dataclass(eq=False)
class Witness:
    """A consumer that comes back whenever the server does, and takes no more than it may."""

    server: Server
    session: str
    record: Record = field(default_factory=Record)
    allowed: int = 0
    """How many different items it may have."""
    subscribed: anyio.Event = field(default_factory=anyio.Event)
    _gone: anyio.Event = field(default_factory=anyio.Event)
    _scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def listen(self) -> None:
        """Listen until the server closes the connection, or it is told to leave."""
        self._gone, self._scope = anyio.Event(), anyio.CancelScope()
        try:
            with self._scope:
                await over_socketio(
                    self.server,
                    self.session,
                    self.record,
                    "witness",
                    gate=self._gate,
                    agreed_on=self.subscribed,
                )
        except Closed:
            pass
        finally:
            self._gone.set()

    async def leave(self) -> None:
        """Break off."""
        self._scope.cancel()
        await self._gone.wait()

    def allow(self, items: int) -> None:
        self.allowed = items
        self._change()

    async def reached(self) -> None:
        """Wait until it has as many as it may have, or all there are."""
        while len(self.record.items) < self.allowed and not self.record.ended:
            await self._changed.wait()

    async def _gate(self) -> None:
        self._change()
        while len(self.record.items) >= self.allowed:
            await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
