"""Signal: wakes whoever waits, then is new again."""

import anyio


class Signal:
    """Many may wait; `fire` wakes all who wait now.

    Wait in a loop that looks at the state first: `while not done(): await signal.wait()`. Who
    cannot look at a state remembers `turn` and waits for `after(turn)`.
    """

    __slots__ = ("_event", "turn")

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        """What is waited for; none while nobody waits."""
        self.turn = 0
        """How often it has fired."""

    def fire(self) -> None:
        """Wake everyone who is waiting."""
        self.turn += 1
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self) -> None:
        """Wait for the next `fire`."""
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()

    async def after(self, turn: int) -> None:
        """Wait until it has fired more than `turn` times in all."""
        while self.turn <= turn:
            await self.wait()
