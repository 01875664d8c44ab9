"""python-socketio's client, and what it heard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import socketio
from support.socketio_server import WITHIN, Running

TRANSPORTS: Final = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
"""By which transports a client goes."""


@dataclass(slots=True)
class Python:
    """A client with its observations."""

    client: socketio.AsyncClient
    events: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)
    """Namespace, name and arguments of events; `connect`, `disconnect` and `connect_error` too."""
    more: anyio.Event = field(default_factory=anyio.Event)

    def note(self, namespace: str, name: str, arguments: tuple[Any, ...]) -> None:
        """Take note of an event."""
        self.events.append((namespace, name, arguments))
        self.more.set()
        self.more = anyio.Event()

    def named(self, name: str, namespace: str = "/") -> list[tuple[Any, ...]]:
        """The arguments of all events of a name."""
        return [rest for where, what, rest in self.events if (where, what) == (namespace, name)]

    async def hears(self, name: str, count: int = 1, namespace: str = "/") -> tuple[Any, ...]:
        """Wait until so many events of a name have come in all; the arguments of the last."""
        with anyio.fail_after(WITHIN):
            while len(self.named(name, namespace)) < count:
                await self.more.wait()
        return self.named(name, namespace)[count - 1]


@asynccontextmanager
async def python(
    running: Running,
    transports: str = "websocket",
    *,
    namespaces: tuple[str, ...] = ("/",),
    auth: object = None,
    connect: bool = True,
    **options: Any,  # noqa: ANN401  (python-socketio's)
) -> AsyncIterator[Python]:
    """Connect a client until the context is left. It answers every event with its arguments."""
    client = socketio.AsyncClient(
        reconnection_delay=0.01, reconnection_delay_max=0.1, randomization_factor=0, **options
    )
    one = Python(client)

    def listen(namespace: str) -> None:
        def heard(name: str, *arguments: Any) -> object:  # noqa: ANN401
            one.note(namespace, name, arguments)
            return arguments

        client.on("*", heard, namespace=namespace)
        for name in ("connect", "disconnect", "connect_error"):
            client.on(name, _noting(one, namespace, name), namespace=namespace)

    for namespace in namespaces:
        listen(namespace)
    arguments = {"transports": TRANSPORTS[transports], "namespaces": list(namespaces), "auth": auth}
    try:
        if connect:
            await client.connect(running.url, wait_timeout=WITHIN, **arguments)
        yield one
    finally:
        with anyio.CancelScope(shield=True):
            await client.shutdown()


def _noting(one: Python, namespace: str, name: str) -> Any:  # noqa: ANN401  (a handler)
    def heard(*arguments: Any) -> None:  # noqa: ANN401
        one.note(namespace, name, arguments)

    return heard
