"""Housekeeping: what has to be done again and again beside all requests."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
import structlog

from scp_server.domain.errors import StorageUnavailable

_LOG: Final = structlog.get_logger("scp.server")

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Works, in this order, every so many seconds; the first time after `first` seconds."""

    name: str
    works: Sequence[Callable[[], Awaitable[object]]]
    every: float
    first: float

    async def run(self) -> None:
        """Do it, for ever. What the database refuses is found again by the next round."""
        await anyio.sleep(self.first)
        while True:
            try:
                for work in self.works:
                    await work()
            except StorageUnavailable:
                # Readiness reports it.
                _LOG.warning("chore_postponed", name=self.name)
            await anyio.sleep(self.every)


@asynccontextmanager
async def housekeeping(*runs: Run) -> AsyncIterator[None]:
    """Run chores, and whatever else runs for ever, until the context is left."""
    async with anyio.create_task_group() as tasks:
        for run in runs:
            tasks.start_soon(run)
        yield
        tasks.cancel_scope.cancel()
