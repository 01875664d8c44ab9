"""Lag: how late the event loop is. All that is served waits while one thing holds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

import anyio
import structlog

from scp_server.ports.clock import Clock

_LOG: Final = structlog.get_logger("scp.server")

EVERY_SECONDS: Final = 0.5
STALL_SECONDS: Final = 1.0
"""So late is worth a line in the log."""


class Gauge(Protocol):
    """Where lag is shown."""

    def loop_lag(self, seconds: float) -> None:
        """The loop came so late to something that was due; called twice a second."""
        ...


@asynccontextmanager
async def watching(clock: Clock, gauge: Gauge) -> AsyncIterator[None]:
    """Measure until the context is left. Costs one timer, whatever else goes on."""

    async def watch() -> None:
        while True:
            due = clock.monotonic() + EVERY_SECONDS
            await anyio.sleep(EVERY_SECONDS)
            noted(max(0.0, clock.monotonic() - due), gauge)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield
        tasks.cancel_scope.cancel()


def noted(lag: float, gauge: Gauge) -> None:
    """Show a measurement, and log it where it is a stall."""
    gauge.loop_lag(lag)
    if lag >= STALL_SECONDS:
        _LOG.warning("event_loop_stalled", seconds=round(lag, 2))
