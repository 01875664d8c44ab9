"""`scp_socketio` under a real uvicorn on loopback, by its two ways, and what can be seen of it."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

import anyio
import uvicorn
from anyio.lowlevel import checkpoint
from support.prompt_server import PromptServer

from scp_socketio import Client, Handshake, ProtocolError, Reason, Server, Settings
from scp_socketio.server.lane import lane

WITHIN: Final = 30.0
"""Seconds in which anything that is waited for must happen."""
AN_HOUR: Final = 3600.0

Scope = dict[str, Any]
Call = Callable[..., Any]


class Way(Enum):
    """How WebSockets reach the server."""

    ASGI = "websockets-sansio"
    """As ASGI messages, written and read by uvicorn."""
    LANE = "lane"
    """Past ASGI: the library reads and writes the frames."""


def patient(**changes: Any) -> Settings:  # noqa: ANN401  (fields of Settings)
    """Settings by which no deadline ends anything within a test: only what is sent does."""
    hours = dict.fromkeys(
        ("ping_interval", "ping_timeout", "connect_timeout", "upgrade_timeout"), AN_HOUR
    )
    return Settings(**(hours | changes))


def echoing(server: Server) -> None:
    """Handlers of the server that the protocols' test suites ask for, in `/` and `/custom`."""

    async def greet(client: Client, auth: object, handshake: Handshake) -> None:
        client.emit("auth", {} if auth is None else auth)

    async def message(client: Client, *arguments: object) -> None:
        client.emit("message-back", *arguments)

    async def acknowledged(client: Client, *arguments: object) -> object:
        return arguments

    for namespace in ("/", "/custom"):
        server.on_connect(namespace)(greet)
        server.on("message", namespace)(message)
        server.on("message-with-ack", namespace)(acknowledged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What the process holds that a client may have left behind."""

    clients: int
    connections: int
    """As uvicorn counts them."""
    sockets: int
    """Of the whole process, the tests' own included."""
    tasks: Counter[str]
    """By the name of their coroutine."""


@dataclass(slots=True)
class Heard:
    """What the server told its application."""

    left: list[tuple[str, Reason]] = field(default_factory=list)
    """Namespace and reason."""
    bad: list[ProtocolError] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    """Of handlers, with the name of the event."""


@dataclass(slots=True)
class Watched:
    """An ASGI application that says which requests are underway in another."""

    app: Call
    underway: list[Scope] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    """What the application raised: uvicorn would only log it."""

    async def __call__(self, scope: Scope, receive: Call, send: Call) -> None:
        """Pass a request on."""
        self.underway.append(scope)
        try:
            await self.app(scope, receive, send)
        except Exception as failure:
            self.failures.append(failure)
            raise
        finally:
            self.underway.remove(scope)


@dataclass(slots=True, kw_only=True)
class Running:
    """A server that runs."""

    server: Server
    heard: Heard
    watched: Watched
    uvicorn: uvicorn.Server
    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def polls(self) -> int:
        """How many long polls are waiting."""
        return sum(scope.get("method") == "GET" for scope in self.watched.underway)

    async def client(self, namespace: str = "/") -> Client:
        """The only client, as soon as it is there."""
        await self.until(lambda: list(self.server.clients(namespace)))
        (client,) = self.server.clients(namespace)
        return client

    async def until(self, condition: Callable[[], object]) -> None:
        """Let everything else run until something holds. Raises: TimeoutError."""
        with anyio.fail_after(WITHIN):
            while not condition():
                await checkpoint()

    def census(self) -> Census:
        """Count."""
        names = (task.get_coro() for task in asyncio.all_tasks())
        return Census(
            clients=sum(len(list(self.server.clients(name))) for name in ("/", "/custom")),
            connections=len(self.uvicorn.server_state.connections),
            sockets=_sockets(),
            tasks=Counter(getattr(name, "__qualname__", "?") for name in names),
        )


def _sockets() -> int:
    """Open sockets of this process; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return 0
    found = 0
    for entry in folder.iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:  # the listing itself was one of them
            continue
    return found


def _listen(server: Server, heard: Heard) -> None:
    """Record what the server tells."""

    def leave(namespace: str) -> None:
        @server.on_disconnect(namespace)
        def left(client: Client, reason: Reason) -> None:
            heard.left.append((namespace, reason))

    for namespace in ("/", "/custom"):
        leave(namespace)

    @server.on_bad_packet()
    def bad(client: Client | None, error: ProtocolError) -> None:
        heard.bad.append(error)

    @server.on_error()
    def failed(client: Client | None, event: str, error: Exception) -> None:
        heard.errors.append((event, error))


def _config(way: Way, server: Server, app: "Watched") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws=way.value if way is Way.ASGI else lane(server),
        ws_per_message_deflate=False,
        ws_max_size=server.settings.max_message,  # by ASGI only whole messages are seen
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=int(AN_HOUR),  # else connections of neighbours end meanwhile
    )


@asynccontextmanager
async def serving(
    way: Way,
    settings: Settings | None = None,
    *handlers: Callable[[Server], None],
) -> AsyncIterator[Running]:
    """Run a server until the context is left. Handlers are those of `echoing` unless given."""
    server, heard = Server(settings or patient()), Heard()
    for install in handlers or (echoing,):
        install(server)
    _listen(server, heard)
    watched = Watched(server)
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer takes 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        http = PromptServer(_config(way, server, watched))
        running = Running(
            server=server,
            heard=heard,
            watched=watched,
            uvicorn=http,
            port=listener.getsockname()[1],
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [listener])
            try:
                async with server.running():
                    yield running
            finally:
                http.stop()
        assert not watched.failures, watched.failures
