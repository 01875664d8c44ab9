"""pump: carries one subscription down one connection.

Takes from the reader, waits for its limit, writes the audit row, then the event: nothing reaches
the wire before its row. A slow connection makes `Wire.send` wait, and so everything behind it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import anyio

from scp_server.access.limits import Limits
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_server.engine.readers import Entry, Reader
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.clock import Clock
from scp_server.ports.meter import Meter
from scp_wire import encode
from scp_wire.encode import ENVELOPE_ROOM, MAX_EVENT_BYTES, Encoded, Envelope, encode_body
from scp_wire.events import EventType, RateLimitData
from scp_wire.rest import MAX_BATCH_SIZE

FLUSH: Final = 64
"""Events taken at a time when each is sent on its own."""
OFFSET_ROOM: Final = 32
"""Bytes an item's offset takes within a batch."""


class Wire(Protocol):
    """One connection, as the pump needs it."""

    async def send(self, event: bytes, ref: EventRef | None) -> None:
        """Write one event (a JSON object); waits while the connection is full.

        `ref` is the place it leads to, None for a notice.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Whose connection it is."""

    connection: str
    """A name for limits; not a secret."""
    session_pk: int
    session_id: Secret
    """As it was presented: the events show it."""
    agent_id: str | None
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What every pump works with."""

    limits: Limits
    audit: AuditTrail
    clock: Clock
    meter: Meter


@dataclass(frozen=True, slots=True)
class Frame:
    """What is sent as one event: an entry, or several items of one stream."""

    entries: tuple[Entry, ...]

    @property
    def n(self) -> int:
        """The place it leads to."""
        return self.entries[-1].n

    @property
    def items(self) -> int:
        """How many items it carries."""
        return sum(entry.ordinal is not None for entry in self.entries)

    def event(self, shown_session: str) -> bytes:
        """The event as this consumer gets it."""
        if len(self.entries) == 1:
            return encode.event(self.entries[0].encoded, shown_session)
        return encode.batch([entry.encoded for entry in self.entries], shown_session)


def frames(entries: Sequence[Entry], *, batch: bool) -> Iterator[Frame]:
    """Cut entries into events: one each, or runs of a stream's items within its batch size."""
    run: list[Entry] = []
    size = ENVELOPE_ROOM
    for entry in entries:
        grown = size + entry.encoded.size + OFFSET_ROOM
        if run and not (batch and _goes_on(run, entry) and grown <= MAX_EVENT_BYTES):
            yield Frame(tuple(run))
            run, grown = [], ENVELOPE_ROOM + entry.encoded.size + OFFSET_ROOM
        run.append(entry)
        size = grown
    if run:
        yield Frame(tuple(run))


def _goes_on(run: Sequence[Entry], entry: Entry) -> bool:
    last = run[-1]
    return (
        len(run) < entry.batch_size
        and last.ordinal is not None
        and entry.ordinal is not None
        and last.stream_id == entry.stream_id
    )


async def pump(reader: Reader, wire: Wire, consumer: Consumer, outlet: Outlet) -> None:
    """Carry events until cancelled.

    Raises: ReaderClosed when the session ends or the server drains, StorageUnavailable when what
    is delivered cannot be audited.
    """
    shown = consumer.session_id.reveal()
    while True:
        batch = reader.subscription.batch
        taken = await reader.take(MAX_BATCH_SIZE if batch else FLUSH)
        epoch = reader.epoch
        for notice in taken.notices:
            await wire.send(encode.event(notice, shown), None)
        for frame in frames(taken.entries, batch=batch):
            warning = await _keep_pace(reader, wire, consumer, outlet)
            if reader.epoch != epoch or reader.closed:
                # Wound back meanwhile: the new epoch brings these again.
                break
            due = reader.still_due(frame.entries)
            if due:
                await _deliver(Frame(due), EventRef(epoch, due[-1].n), wire, consumer, outlet)
                reader.written(due, epoch)
            if warning is not None:
                await wire.send(encode.event(_notice(warning, consumer, outlet), shown), None)


async def _deliver(
    frame: Frame, ref: EventRef, wire: Wire, consumer: Consumer, outlet: Outlet
) -> None:
    await outlet.audit.record(*_audited(frame, consumer, outlet.clock.now()))
    await wire.send(frame.event(consumer.session_id.reveal()), ref)


async def _keep_pace(
    reader: Reader, wire: Wire, consumer: Consumer, outlet: Outlet
) -> RateLimitData | None:
    """Wait for the events-per-minute limit; the warning that is due, if one is.

    Notices do not count and do not wait.
    """
    while True:
        for notice in reader.notices():
            await wire.send(encode.event(notice, consumer.session_id.reveal()), None)
        if reader.closed:
            return None
        verdict = await outlet.limits.stream_events(consumer.connection)
        if verdict.allowed:
            return outlet.limits.warning(verdict)
        with anyio.move_on_after(verdict.reset_in):
            await reader.disturbed()


def _notice(data: RateLimitData, consumer: Consumer, outlet: Outlet) -> Encoded:
    envelope = Envelope(provider=consumer.provider, timestamp=outlet.clock.now())
    return encode.encode(EventType.RATE_LIMIT_WARNING, envelope, encode_body(data))


def _audited(frame: Frame, consumer: Consumer, now: float) -> Iterator[AuditEntry]:
    items = [entry for entry in frame.entries if entry.item_id is not None]
    if items:
        yield AuditEntry(
            at=now,
            session_pk=consumer.session_pk,
            action="delivered",
            actor=f"agent:{consumer.agent_id}" if consumer.agent_id else "session",
            stream_id=items[0].stream_id,
            stream_type=items[0].stream_type,
            items=len(items),
            size=sum(entry.encoded.size for entry in items),
            item_ids=tuple(entry.item_id or "" for entry in items),
        )
