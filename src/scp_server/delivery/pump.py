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

    async def send(self, flush: Flush) -> bool:
        """Write a flush; waits while the connection is full. False: nothing more may follow."""
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
        match courier.next(outlet.clock.monotonic()):
            case End(reason):
                return reason
            case Wait(until):
                await _until(courier.reader, until, outlet.clock)
            case Flush() as flush if not await _carry(courier, flush, wire, outlet):
                return None
            case _:
                pass


async def _until(reader: Reader, until: float | None, clock: Clock) -> None:
    if until is None:
        await reader.woken()
        return
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
