"""A provider of numbered items, the connector that reads it, and links to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import anyio.lowlevel
from support.streaming import MAIL, change

from scp_server.domain.changes import Followed, Skipped, Step
from scp_server.domain.errors import ProviderError
from scp_server.domain.sessions import Session
from scp_server.domain.streams import Position, StreamConfig
from scp_server.ports.connector import Connector, Reading
from scp_server.ports.link import Link
from scp_wire.stream_types import Provider, StreamType

T = TypeVar("T")


@dataclass(slots=True)
class Source:
    """A provider with items `<name>0`, `<name>1`, ... and a log of what changed since.

    `troubles` are raised by the calls they are keyed by ("bookmark", "backfill", "follow"), in
    order, before anything is given.
    """

    name: str = "m"
    items: int = 0
    step: int = 7
    text: str = ""
    log: list[str] = field(default_factory=list)
    troubles: dict[str, list[ProviderError]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    raised_at: int = 0
    """How many calls there had been when the last trouble was raised, that call included."""
    called: anyio.Event = field(default_factory=anyio.Event)
    pause: float = 0.0
    """Seconds a call takes."""
    frozen: bool = False
    """Whether a backfill shows what was there when it began."""
    poisoned: frozenset[str] = frozenset()
    """Items that cannot be read."""

    @property
    def ids(self) -> list[str]:
        return self.some(0, self.items)

    def some(self, first: int, last: int) -> list[str]:
        """Of them, a page."""
        return [f"{self.name}{k}" for k in range(first, last)]

    def happen(self, *item_ids: str) -> None:
        """Something changes."""
        self.log += item_ids

    def answer(self, call: str) -> None:
        self.calls.append(call)
        self.called.set()
        self.called = anyio.Event()
        waiting = self.troubles.get(call)
        if waiting:
            self.raised_at = len(self.calls)
            raise waiting.pop(0)


class ScriptedConnector:
    """ports.connector.Connector over a source: positions are numbers."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def bookmark(self) -> Reading[Position]:
        yield from ()
        self._source.answer("bookmark")
        return _position(len(self._source.log))

    def backfill(self, resume: Position | None) -> Reading[Step]:
        yield from ()
        source = self._source
        source.answer("backfill")
        first = 0 if resume is None else int(resume)
        last = min(first + source.step, source.items)
        ids = source.some(first, last)
        return Step(
            changes=tuple(change(i, text=source.text) for i in ids if i not in source.poisoned),
            skipped=_skipped(source, ids),
            resume=_position(last) if last < source.items else None,
            current=not source.frozen,
        )

    def follow(self, since: Position) -> Reading[Followed]:
        yield from ()
        source = self._source
        source.answer("follow")
        first = int(since)
        last = min(first + source.step, len(source.log))
        return Followed(
            changes=tuple(
                change(source.log[k], version=f"v{k}", text=source.text)
                for k in range(first, last)
                if source.log[k] not in source.poisoned
            ),
            skipped=_skipped(source, source.log[first:last]),
            since=_position(last),
            more=last < len(source.log),
        )


def _skipped(source: Source, ids: Sequence[str]) -> tuple[Skipped, ...]:
    return tuple(Skipped(id=i, reason="It is odd.") for i in ids if i in source.poisoned)


def _position(k: int) -> Position:
    return Position(str(k).encode())


@dataclass(slots=True)
class DirectLink:
    """ports.link.Link to a scripted connector: nothing to ask for, only time to take."""

    source: Source

    def delayed(self) -> float:
        return 0.0

    async def perform(self, reading: Reading[T]) -> T:
        await anyio.sleep(self.source.pause)
        try:
            next(reading)
        except StopIteration as end:
            learned: T = end.value
            return learned
        raise AssertionError("a scripted connector asks for nothing")


@dataclass(slots=True)
class SourceLinks:
    """ports.links.Links over one source a stream type."""

    sources: Mapping[StreamType, Source]

    def available(self, stream_type: StreamType, provider: Provider | None = None) -> bool:
        return stream_type in self.sources

    def scopes(self, stream_type: StreamType, session: Session) -> frozenset[str]:
        return frozenset({"mail" if stream_type is MAIL else "calendar"})

    def check(self, config: StreamConfig) -> None:
        return

    def connector(self, config: StreamConfig) -> Connector:
        return ScriptedConnector(self.sources[config.stream_type])

    def link(self, session: Session) -> Link:
        return _LinkOfAll()


class _LinkOfAll:
    def delayed(self) -> float:
        return 0.0

    async def perform(self, reading: Reading[T]) -> T:
        await anyio.lowlevel.checkpoint()
        try:
            next(reading)
        except StopIteration as end:
            learned: T = end.value
            return learned
        raise AssertionError("a scripted connector asks for nothing")
