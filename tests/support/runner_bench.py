"""One runner over a real window, and somewhere to put consumers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import TaskGroup
from support.scripted_provider import DirectLink, ScriptedConnector, Source
from support.streaming import Eater, config_of, stream_of
from support.time_and_chance import RecordedChance
from support.virtual_time import LoopClock

from scp_server.domain.errors import (
    ProviderError,
)
from scp_server.domain.streams import Place
from scp_server.engine.readers import Subscription
from scp_server.engine.runner import Progress, Runner, StreamFailed, Surroundings
from scp_server.engine.shares import Mark, Share, ShareLimits
from scp_server.engine.signal import Signal
from scp_server.engine.window import Window
from scp_wire.stream_types import Provider


async def _mending(error: ProviderError) -> dict[str, Any]:
    return {"by": error.remedy.name}


@dataclass(kw_only=True)
class Bench:
    """A runner with its window, and somewhere to put consumers."""

    source: Source
    tasks: TaskGroup
    settings: dict[str, Any] = field(default_factory=dict)
    limits: ShareLimits = field(default_factory=ShareLimits)
    place: Place = field(default_factory=Place)
    items: int = 0

    def __post_init__(self) -> None:
        stream = stream_of(config_of(**self.settings))
        self.window = Window(Provider.GOOGLE, "abcdefabcdef", self.limits)
        self.marks: list[Mark] = []
        self.share: Share = self.window.open(stream, self.marks.append, self.items)
        self.progress = Progress()
        self.consented = Signal()
        self.failure: ProviderError | None = None
        self.done = anyio.Event()
        around = Surroundings(
            window=self.window,
            share=self.share,
            connector=ScriptedConnector(self.source),
            link=DirectLink(self.source),
            clock=LoopClock(),
            chance=RecordedChance(uniform=0.0),
            cursor=lambda ref: f"cursor:{ref}",
            mending=_mending,
            consented=self.consented,
        )
        self.runner = Runner(
            stream=stream,
            around=around,
            progress=self.progress,
            place=self.place,
            items=self.items,
        )
        self.scope = anyio.CancelScope()
        self.tasks.start_soon(self._run)

    async def _run(self) -> None:
        with self.scope:
            try:
                await self.runner.run()
            except StreamFailed as failed:
                self.failure = failed.error
            self.done.set()

    def consumer(self, **changes: Any) -> Eater:  # noqa: ANN401  (any field)
        """A consumer of everything that is unproven."""
        eater = Eater(self.window.attach(Subscription(), None), **changes)
        self.tasks.start_soon(eater.run)
        return eater


@asynccontextmanager
async def bench(source: Source, **changes: Any) -> AsyncIterator[Bench]:  # noqa: ANN401
    with anyio.fail_after(3000):
        async with anyio.create_task_group() as tasks:
            yield Bench(source=source, tasks=tasks, **changes)
            tasks.cancel_scope.cancel()
