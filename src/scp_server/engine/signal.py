"""Signal: wakes whoever waits, then is new again."""

import anyio


class Signal:
    """Many may wait; `fire` wakes all who wait now. Nothing is remembered for those who come later.

    Wait in a loop that looks at the state first: `while not done(): await signal.wait()`.
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def fire(self) -> None:
        """Wake everyone who is waiting."""
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        """Wait for the next `fire`."""
        await self._event.wait()
