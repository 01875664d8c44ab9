"""A session's window with two streams in it, and what a delivery of it works with."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from support.engine import SilentMeter
from support.stores import MemoryAudit
from support.streaming import DIARY, MAIL, config_of, stream_of
from support.virtual_time import LoopClock

from scp_server.access.limits import Limits, LimitValues
from scp_server.bus.memory import MemoryRateLimits
from scp_server.delivery.courier import Consumer, Courier, Flush
from scp_server.delivery.pump import Outlet
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.domain.sliding_log import Policy
from scp_server.engine.readers import Reader, Subscription
from scp_server.engine.shares import Draft, Mark, Share, ShareLimits
from scp_server.engine.window import Window
from scp_wire import encode
from scp_wire.encode import Encoded, Envelope
from scp_wire.events import Event, EventType
from scp_wire.stream_types import Provider, StreamType

SESSION = Secret("session-presented")
EPOCH, NEXT_EPOCH = "abcdefabcdef", "fedcbafedcba"


def ref(n: int, epoch: str = EPOCH) -> EventRef:
    """A place of the first epoch, unless another is named."""
    return EventRef(epoch, n)


def per_minute(events: int) -> Policy:
    """A limit on a connection's events."""
    return Policy("stream_events", events, 60.0)


def notice(event_type: EventType = EventType.TOKEN_REFRESH) -> Encoded:
    """Something told outside the order of events."""
    return encode.encode(event_type, Envelope(provider="google", timestamp=1.0), b"{}")


@dataclass
class Room:
    """A window that two streams are put into by hand: mail g1, g2, … and diary c1, c2, …"""

    batch_size: int = 100
    limits: LimitValues = field(default_factory=LimitValues)
    share: ShareLimits = field(default_factory=lambda: ShareLimits(events=10_000, size=1 << 30))

    def __post_init__(self) -> None:
        self.window = Window(Provider.GOOGLE, EPOCH, self.share)
        self.proven: list[Mark] = []
        self.shares = {t: self._open(t) for t in (MAIL, DIARY)}
        self.counts = dict.fromkeys(self.shares, 0)
        self.audit = MemoryAudit()
        self.clock = LoopClock()
        self.meter = CountingMeter()

    def _open(self, stream_type: StreamType) -> Share:
        stream = stream_of(config_of(stream_type, batch_size=self.batch_size), f"s-{stream_type}")
        return self.window.open(stream, self.proven.append, 0)

    def outlet(self) -> Outlet:
        """What deliveries work with. Call it in a running loop."""
        limits = Limits(MemoryRateLimits(self.clock), self.limits, self.clock)
        return Outlet(limits=limits, audit=self.audit, clock=self.clock, meter=self.meter)

    def courier(
        self,
        *,
        pace: Policy | None = None,
        session: Secret = SESSION,
        name: str = "c",
        **subscription: Any,  # noqa: ANN401  (any field)
    ) -> Courier:
        """A consumer that comes now and names no place."""
        reader = self.window.attach(Subscription(**subscription), None)
        return Courier(reader, consumer(name, session), pace)

    def items(self, count: int, stream_type: StreamType = MAIL, *, size: int = 0) -> None:
        """More items of a stream, `size` bytes longer than need be."""
        for _ in range(count):
            self.counts[stream_type] += 1
            k = self.counts[stream_type]
            body = b'{"payload":"%b%d","text":"%b"}' % (stream_type[0].encode(), k, b"x" * size)
            self._append(EventType.DATA_UPDATE, body, stream_type, k)

    def control(self, stream_type: StreamType = MAIL) -> None:
        """An event of a stream that is no item."""
        self._append(EventType.STREAM_RESUMED, b"{}", stream_type, None)

    def wind_back(self, items: int = 0) -> None:
        """A new epoch, in which so many items of mail have come."""
        self.window.rewind(NEXT_EPOCH)
        self.shares = {t: self._open(t) for t in (MAIL, DIARY)}
        self.items(items)

    def _append(
        self, event_type: EventType, body: bytes, stream_type: StreamType, ordinal: int | None
    ) -> None:
        draft = Draft(
            event_type=event_type,
            body=body,
            timestamp=1.0,
            ordinal=ordinal,
            item_id=None if ordinal is None else f"id-{ordinal}",
        )
        self.window.append(self.shares[stream_type], draft)


def consumer(name: str = "c", session: Secret = SESSION) -> Consumer:
    """A consumer of the one session there is."""
    return Consumer(
        connection=name, session_pk=1, session_id=session, agent_id="an agent", provider="google"
    )


class CountingMeter(SilentMeter):
    """Counts what was delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.events = self.items = 0

    def delivered(self, *, events: int, items: int) -> None:
        """Count it."""
        self.events += events
        self.items += items


def read(event: bytes) -> Event:
    """An event as a client reads it."""
    return msgspec.json.decode(event, type=Event)


def events_of(flush: Flush) -> list[Event]:
    """What a flush carries, as a client reads it."""
    shown = SESSION.reveal()
    told = [encode.event(encoded, shown) for encoded in flush.notices]
    return [read(event) for event in (*told, *(frame.event(shown) for frame in flush.frames))]


def item_names(events: list[Event]) -> list[str]:
    """Payloads of the items, batched or not."""
    found: list[str] = []
    for event in events:
        if event.event_type == "data_update":
            found.append(event.data["payload"])
        elif event.event_type == "data_batch":
            found += [item["payload"] for item in event.data["items"]]
    return found


def place_of(event: Event) -> EventRef | None:
    """Where an event lies; None for those of no stream."""
    if event.event_id is None:
        return None
    epoch, _, n = event.event_id.rpartition("-")
    return EventRef(epoch, int(n))


def stands(reader: Reader) -> tuple[int, int, int]:
    """How far it has taken, written and proven."""
    return reader.taken, reader.written_n, reader.proven_n


def sent(courier: Courier, now: float = 0.0) -> list[Event]:
    """All that it gives out at one moment, each flush written at once."""
    found: list[Event] = []
    while isinstance(flush := courier.next(now), Flush):
        courier.written(flush)
        found += events_of(flush)
    return found


def flushed(courier: Courier, now: float = 0.0, **more: int) -> Flush:
    """What it gives out next, not written yet."""
    flush = courier.next(now, **more)
    assert isinstance(flush, Flush)
    return flush
