"""pump: carries one subscription down one HTTP response.

Takes what the courier gives, writes the audit rows, then the events: nothing reaches the wire
before its row. A slow connection makes `Wire.send` wait, and so everything behind it.
"""

from dataclasses import dataclass
from typing import Protocol

import anyio

from scp_server.access.limits import Limits
from scp_server.delivery.courier import Courier, End, Flush, Wait
from scp_server.engine.readers import Reader
from scp_server.ports.audit import AuditTrail
from scp_server.ports.clock import Clock
from scp_server.ports.meter import Meter


class Wire(Protocol):
    """One response, as the pump needs it."""

    @property
    def room(self) -> int:
        """How many more events it takes before it has enough: always some."""
        ...

    @property
    def beat_due(self) -> float:
        """When it is to show that it is alive, having had nothing to say. Monotonic seconds."""
        ...

    async def send(self, flush: Flush) -> bool:
        """Write a flush; waits while the connection is full. False: nothing more may follow."""
        ...

    async def beat(self) -> None:
        """Show that it is alive."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What all deliveries work with."""

    limits: Limits
    audit: AuditTrail
    clock: Clock
    meter: Meter


async def pump(courier: Courier, wire: Wire, outlet: Outlet) -> str | None:
    """Carry events until the reader is closed, whose reason it returns, or the wire has enough.

    Raises: StorageUnavailable when what is delivered cannot be audited.
    """
    while True:
        match courier.next(outlet.clock.monotonic(), most=wire.room):
            case End(reason):
                return reason
            case Wait(until):
                due = wire.beat_due if until is None else min(until, wire.beat_due)
                await _until(courier.reader, due, outlet.clock)
                if outlet.clock.monotonic() >= wire.beat_due:
                    await wire.beat()
            case Flush() as flush if not await _carry(courier, flush, wire, outlet):
                return None
            case _:
                pass


async def _until(reader: Reader, until: float, clock: Clock) -> None:
    with anyio.move_on_after(max(until - clock.monotonic(), 0.0)):
        await reader.woken()


async def _carry(courier: Courier, flush: Flush, wire: Wire, outlet: Outlet) -> bool:
    rows = tuple(courier.audited(flush, outlet.clock.now()))
    if rows:
        await outlet.audit.record(*rows)
    good = courier.still_good(flush)
    if good is None:
        return True
    goes_on = await wire.send(good)
    courier.written(good)
    outlet.meter.delivered(
        events=len(good.frames) + len(good.notices), items=sum(row.items for row in rows)
    )
    return goes_on
