"""uvicorn that stops as soon as it is told: its own looks ten times a second, and rests besides.

A fifth of a second for each of a thousand servers that tests run in their own process.
"""

import socket

import anyio
import uvicorn
from anyio.lowlevel import checkpoint


class PromptServer(uvicorn.Server):
    """To be told by `stop`; connections are ended as uvicorn ends them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = anyio.Event()

    def stop(self) -> None:
        """Stop, and let what is under way come to its end."""
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        """Wait to be told."""
        await self.on_tick(0)  # makes the headers of all answers
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what listens, ask all connections to end, and wait until they have."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with anyio.move_on_after(self.config.timeout_graceful_shutdown):
            while state.connections or state.tasks:
                await checkpoint()
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()
