"""The official JavaScript client as a process, driven and watched."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
from support.javascript import FOLDER, NODE, GuideClient, Sight, sights
from support.socketio_server import Running

TRANSPORTS: Final = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
"""By which transports a client goes."""


@dataclass(slots=True)
class JavaScript(GuideClient):
    """A client in no namespace yet."""

    async def enters(self, namespace: str = "/", auth: object = None) -> Sight:
        """Enter a namespace; the sight of having done so."""
        await self.tell("enter", namespace=namespace, auth=auth)
        return await self.sees("connect")

    async def emit(self, name: str, *arguments: object, namespace: str = "/") -> None:
        """Emit an event."""
        await self.tell("emit", namespace=namespace, name=name, arguments=arguments)

    async def ask(self, name: str, *arguments: object, **how: object) -> Any:  # noqa: ANN401  (JSON)
        """Emit an event and return its acknowledgement."""
        await self.tell("ask", name=name, arguments=arguments, **how)
        return (await self.sees("answer"))["answer"]

    async def hears(self, name: str) -> list[Any]:
        """The arguments of the next event of a name."""
        sight = await self.until(lambda one: one["saw"] == "event" and one["name"] == name)
        return list(sight["arguments"])

    async def numbers(self, namespace: str = "/") -> list[int]:
        """What came as `number` so far."""
        await self.tell("report", namespace=namespace)
        return list((await self.sees("numbers"))["numbers"])


@asynccontextmanager
async def javascript(
    running: Running, transports: str = "websocket", *, socket: object = None, **options: object
) -> AsyncIterator[JavaScript]:
    """Run a client until the context is left. `socket`: options of its sockets."""
    configuration = {
        "url": running.url,
        "options": {"transports": TRANSPORTS[transports], **options},
        "socket": socket or {},
    }
    command = [str(NODE), str(FOLDER / "socketio_client.mjs"), json.dumps(configuration)]
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield JavaScript(process.stdin, sights(process.stdout))
        finally:
            process.kill()
