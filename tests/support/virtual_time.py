"""Time that passes only when nothing else is left to do: sleeps cost nothing and order is exact.

A test that waits for ever fails at once, if it set a deadline: time jumps straight to it.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import anyio

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where it would, time jumps."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0:
            return ready or (super().select(timeout) if timeout is None else ready)
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop of its own time."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now


BACKEND: Final[tuple[str, dict[str, Any]]] = ("asyncio", {"loop_factory": VirtualLoop})


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function in virtual time, within an hour of it."""

    async def bounded() -> T:
        with anyio.fail_after(3600):
            return await main()

    return anyio.run(bounded, backend_options=dict(BACKEND[1]))


class LoopClock:
    """ports.clock.Clock, in the time of the running loop."""

    def now(self) -> float:
        return 1_800_000_000.0 + anyio.current_time()

    def monotonic(self) -> float:
        return anyio.current_time()


async def settle() -> None:
    """Let every task run until it waits for something that has not happened."""
    await anyio.sleep(0.001)
