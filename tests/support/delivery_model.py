"""Clients, a dispatch and an engine that may be restarted, driven a step at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import msgspec
from support.delivering import CountingMeter
from support.engine_room import Room
from support.scripted_provider import Source
from support.stores import MemoryAudit
from support.streaming import DIARY, MAIL
from support.virtual_time import LoopClock, VirtualLoop, settle

from scp_server.access.limits import Limits, LimitValues
from scp_server.bus.memory import MemoryRateLimits
from scp_server.delivery.courier import Consumer, Courier
from scp_server.delivery.dispatch import Dispatch, Recipient
from scp_server.delivery.pump import Outlet
from scp_server.domain.errors import ScpError
from scp_server.domain.event_ref import EventRef, parse
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session
from scp_server.engine.arrivals import Arrival
from scp_server.engine.readers import Proves, Subscription
from scp_socketio import Message
from scp_wire.stream_types import StreamType

T = TypeVar("T")
HIGH_WATER = 4096
STALL_SECONDS = 30.0


@dataclass(frozen=True)
class Gap:
    """That something is missing, and how much had been published when it was told."""

    reread: bool
    listed: int


@dataclass(eq=False, repr=False)
class Client:
    """A program that consumes. `had` is what it has processed, over all its connections."""

    name: str
    types: frozenset[StreamType] | None
    line: "Line | None" = None
    named: EventRef | None = None
    """The newest event it has processed."""
    had: dict[StreamType, list[str]] = field(default_factory=dict)
    gaps: dict[StreamType, list[Gap]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def wants(self, stream_type: StreamType) -> bool:
        return self.types is None or stream_type in self.types


@dataclass(eq=False)
class Line:
    """One connection of a client."""

    world: "World"
    client: Client
    recipient: Recipient | None = None
    open: bool = True
    reads: bool = True
    pings_sent: int = 0
    answered: int = 0
    on_writable: Callable[[], None] | None = None
    unread: list[Message] = field(default_factory=list)
    seen: list[EventRef] = field(default_factory=list)

    @property
    def backlog(self) -> int:
        return sum(message.size for message in self.unread)

    def write(self, message: Message) -> None:
        assert self.open
        self.unread.append(message)
        if self.reads:
            self.read()

    def read(self) -> None:
        """Process what has come, and answer its pings."""
        was_full = self.backlog > HIGH_WATER
        messages, self.unread = self.unread, []
        for message in messages:
            for packet in message.packets:
                _, event = msgspec.json.decode(str(packet)[1:])
                self.world.process(self, event)
        while self.answered < self.pings_sent and self.recipient is not None:
            self.answered += 1
            self.world.dispatch.ponged(self.recipient, self.answered)
        if was_full and self.on_writable is not None:
            self.on_writable()

    def ping(self) -> None:
        self.pings_sent += 1
        if self.reads:
            self.read()

    def emit(self, event: str, *args: object) -> None:
        raise AssertionError("only who ends a connection emits")

    def close(self) -> None:
        raise AssertionError("only who ends a connection closes it")

    abort = close


@dataclass(eq=False)
class World:
    """Everything, in a loop of its own time."""

    room: Room
    loop: VirtualLoop = field(default_factory=VirtualLoop)
    clients: list[Client] = field(default_factory=list)
    faults: list[ScpError] = field(default_factory=list)
    cursors: dict[StreamType, str | None] = field(default_factory=dict)
    """Of streams that were stopped."""

    def begin(self) -> None:
        """Start the engine and the dispatch, and consent."""
        self.listed = {t: self.source(t).items for t in (MAIL, DIARY)}
        self.dispatch = Dispatch(
            self._outlet(), self, stall_seconds=STALL_SECONDS, high_water=HIGH_WATER
        )
        self._delivering = self.loop.create_task(self.dispatch.run())
        self.turn_on()
        self.session: Session = self.now(self.room.consented)

    def _outlet(self) -> Outlet:
        clock = LoopClock()
        limits = Limits(MemoryRateLimits(clock), LimitValues(), clock)
        return Outlet(limits=limits, audit=MemoryAudit(), clock=clock, meter=CountingMeter())

    def now(self, what: Callable[[], Awaitable[T]]) -> T:
        """Do something, and let everything run until it waits."""

        async def done() -> T:
            with anyio.fail_after(1000):
                result = await what()
                await settle()
                return result

        return self.loop.run_until_complete(done())

    def do(self, what: Callable[[], None]) -> None:
        """Do something that waits for nothing, and let everything run until it waits."""

        async def done() -> None:
            what()

        self.now(done)

    def wait(self, seconds: float) -> None:
        self.now(lambda: anyio.sleep(seconds))

    # -- the server ----------------------------------------------------------------------------

    def turn_on(self) -> None:
        self._off = asyncio.Event()
        self._serving = self.loop.create_task(self._serve(self._off))
        self.wait(0.01)

    async def _serve(self, off: asyncio.Event) -> None:
        async with self.room.running():
            await off.wait()

    def turn_off(self, *, crash: bool) -> None:
        """Drain and end; in a crash nothing is saved, and nobody is told."""
        if crash:
            self.room.ledger.broken = True
            self.do(self.lose_all)
        self._off.set()

        async def ended() -> None:
            await self._serving

        self.now(ended)
        self.room.ledger.broken = False
        self.do(self.lose_all)

    def lose_all(self) -> None:
        for client in self.clients:
            self.lose(client)

    def end(self) -> None:
        self.turn_off(crash=False)
        self._delivering.cancel()
        self.loop.run_until_complete(asyncio.gather(self._delivering, return_exceptions=True))
        self.loop.close()

    def start(self, stream_type: StreamType) -> None:
        async def started() -> None:
            cursor = self.cursors.pop(stream_type, None)
            await self.room.start(self.session, stream_type, real_time=True, cursor=cursor)

        self.now(started)

    def stop(self, stream_type: StreamType) -> None:
        """Stop a stream: what is undelivered is dropped, for who is away it is gone."""
        for client in self.clients:
            if client.line is None:
                self.miss(client, stream_type, reread=False)
        stream_id = next(
            k for k in reversed(self.room.ledger.streams) if self.type_of(k) is stream_type
        )

        async def stopped() -> None:
            view = await self.room.engine.stop(stream_id)
            self.cursors[stream_type] = view.cursor

        self.now(stopped)

    def type_of(self, stream_id: str) -> StreamType:
        return self.room.ledger.streams[stream_id].config.stream_type

    def over(self, recipient: Recipient, reason: str) -> None:
        self._ended_by_server(recipient)

    def failed(self, recipient: Recipient, error: ScpError) -> None:
        if error.code != "SLOW_CONSUMER":
            self.faults.append(error)
        self._ended_by_server(recipient)

    def _ended_by_server(self, recipient: Recipient) -> None:
        for client in self.clients:
            if client.line is not None and client.line.recipient is recipient:
                self.lose(client)

    # -- clients -------------------------------------------------------------------------------

    def come(self, client: Client, *, name_place: bool, wanted: Subscription | None) -> None:
        """Connect. Without `wanted` its seat's subscription is taken over."""
        arrival = Arrival(
            agent_id=client.name, place=client.named if name_place else None, wanted=wanted
        )

        async def attached() -> None:
            reader = await self.room.engine.attach(self.session, arrival)
            consumer = Consumer(
                connection=client.name,
                session_pk=self.session.pk,
                session_id=Secret("session-x"),
                agent_id=client.name,
                provider="google",
            )
            line = client.line = Line(self, client)
            line.recipient = Recipient(line, Courier(reader, consumer, None))
            self.dispatch.admit(line.recipient)

        self.now(attached)

    def lose(self, client: Client, *, seat: bool = True) -> None:
        """Its connection ends; what it has not read is lost."""
        line, client.line = client.line, None
        if line is None or line.recipient is None:
            return
        line.open = False
        self.dispatch.dismiss(line.recipient)
        self.room.engine.leave(
            self.session.pk, line.recipient.courier.reader, client.name, seat=seat
        )

    def acknowledge(self, line: Line, ref: EventRef) -> None:
        recipient = line.recipient
        assert recipient is not None
        self.do(lambda: self.dispatch.acknowledged(recipient, ref))

    def subscribe(self, line: Line, wanted: Subscription) -> None:
        assert line.recipient is not None
        reader = line.recipient.courier.reader
        self.now(lambda: self.room.engine.resubscribe(self.session, reader, wanted))

    def process(self, line: Line, event: Any) -> None:  # noqa: ANN401  (JSON)
        """A client has got an event."""
        client, data = line.client, event["data"]
        if event["event_type"] == "stream_gap":
            self.miss(client, self.type_of(data["stream_id"]), reread=data["reread"])
        if "event_id" not in event:
            return
        ref = parse(event["event_id"])
        assert ref is not None
        for before in line.seen[-1:]:
            assert before.epoch != ref.epoch or before.n < ref.n, "in order, and not twice"
        line.seen.append(ref)
        client.named = ref
        single, batch = event["event_type"] == "data_update", event["event_type"] == "data_batch"
        items = [data] if single else data["items"] if batch else []
        had = client.had.setdefault(self.type_of(event["stream_id"]), [])
        had += [item["payload"]["id"] for item in items]

    def miss(self, client: Client, stream_type: StreamType, *, reread: bool) -> None:
        source = self.source(stream_type)
        gap = Gap(reread=reread, listed=source.items)
        client.gaps.setdefault(stream_type, []).append(gap)

    # -- what must hold ------------------------------------------------------------------------

    def publish(self, stream_type: StreamType, count: int) -> None:
        """New items: whoever looks sees them happen, and in every listing from now on."""
        source = self.source(stream_type)
        for _ in range(count):
            source.items += 1
            source.happen(source.ids[-1])

    def source(self, stream_type: StreamType) -> Source:
        return self.room.mail if stream_type is MAIL else self.room.diary

    def may_miss(self, client: Client, stream_type: StreamType) -> set[str]:
        """What the gaps that it was told of say it may not have: not what was read again."""
        ids = self.source(stream_type).ids
        gaps = client.gaps.get(stream_type, ())
        return {item for gap in gaps if not gap.reread for item in ids[: gap.listed]}

    def check(self) -> None:
        """All that was published was received, in order, or told as a gap."""
        assert self.faults == []
        for client in self.clients:
            for stream_type in (MAIL, DIARY):
                if client.wants(stream_type):
                    self._check(client, stream_type)

    def _check(self, client: Client, stream_type: StreamType) -> None:
        had = list(dict.fromkeys(client.had.get(stream_type, ())))
        excused, published = self.may_miss(client, stream_type), self.source(stream_type).ids
        missing = [item for item in published if item not in had and item not in excused]
        assert missing == [], f"{client.name} lacks {missing} of {stream_type}, has {had}"
        assert set(had) <= set(published)
        if not excused:
            # What is new may come while the listing is still read; the listing is in order.
            first = published[: self.listed[stream_type]]
            assert [item for item in had if item in set(first)] == first


def wish(client: Client, *, batch: bool, ack: bool, window: int) -> Subscription:
    """What a client wants, how it likes it."""
    proves = Proves.ACK if ack else Proves.PONG
    return Subscription(types=client.types, batch=batch, proves=proves, window=window)
