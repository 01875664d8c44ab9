"""A server on loopback with bounds of a test's choice, and a small application behind them."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from support.certificates import Certificate
from support.time_and_chance import RecordedChance

from scp_server.listening.door import Bounds, Door
from scp_server.listening.http import HttpBounds, bounded, seated
from scp_server.listening.last_resort import LastResort
from scp_socketio.server.app import Server
from scp_socketio.server.lane import lane


@dataclass(slots=True)
class Heard:
    """What was counted of connections. Implements `door.Tally`."""

    open: int = 0
    refusals: list[str] = field(default_factory=list)

    def sockets(self, count: int) -> None:
        self.open = count

    def turned_away(self, reason: str) -> None:
        self.refusals.append(reason)


@dataclass(slots=True, kw_only=True)
class Room:
    """The server, its application's record, and what was counted."""

    url: str
    tally: Heard
    seen: list[dict[str, str]] = field(default_factory=list)
    """The headers of every request that the application has heard."""
    broken: list[BaseException] = field(default_factory=list)


def _answering(room: Room) -> ASGIApp:
    """Says how long the body was; does not read it at `/deaf`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        while scope["path"] != "/deaf":
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            size += len(event.get("body", b""))
            if not event.get("more_body"):
                break
        room.seen.append(
            {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        )
        body = b"%d bytes" % size
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/crash":
            raise RuntimeError("CANARY")
        try:
            await answer(scope, receive, send)
        except Exception as error:
            room.broken.append(error)
            raise

    return app


@asynccontextmanager
async def listening(
    bounds: HttpBounds | None = None,
    sockets: Bounds | None = None,
    tls: Certificate | None = None,
) -> AsyncIterator[Room]:
    """Serve until the context is left. `/socket.io/` takes WebSockets."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        tally = Heard()
        scheme = "https" if tls else "http"
        room = Room(url=f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", tally=tally)
        door = Door(sockets or Bounds(), tally, anyio.current_time)
        websockets = Server()
        http = uvicorn.Server(
            uvicorn.Config(
                LastResort(_answering(room), RecordedChance(), https=tls is not None),
                http=bounded(bounds or HttpBounds(), door),
                ws=seated(lane(websockets)),
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                timeout_keep_alive=15,
                ssl_certfile=None if tls is None else tls.cert,
                ssl_keyfile=None if tls is None else tls.key,
            )
        )
        async with websockets.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [listener])
            yield room
            http.should_exit = True
        assert not room.broken, room.broken
