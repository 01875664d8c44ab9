"""Serving: uvicorn on sockets that listen already, until a signal says to stop."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from scp_server.listening.accepting import AcceptingTold

GRACE_SECONDS: Final = 20
"""Open requests get this long at the end; the whole exit stays under 25 s."""
KEEP_ALIVE_SECONDS: Final = 15
"""Between two requests of one connection."""

Farewell = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """How to listen: certificate and key where TLS is spoken, and the proxies that are believed."""

    tls: tuple[Path, Path] | None = None
    proxies: tuple[str, ...] = ()
    ready: Callable[[], None] = lambda: None
    """Called once signals are obeyed."""

    async def serve(
        self,
        app: ASGIApp,
        http: type[asyncio.Protocol],
        websockets: type[asyncio.Protocol],
        sockets: list[socket.socket],
        farewells: tuple[Farewell, ...] = (),
    ) -> None:
        """Serve until SIGTERM or SIGINT, then say goodbye, then close; a second one hurries."""
        cert, key = self.tls or (None, None)
        config = uvicorn.Config(
            app,
            http=http,
            ws=websockets,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(self.proxies),
            forwarded_allow_ips=list(self.proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_certfile=cert,
            ssl_keyfile=key,
        )
        await _obeying(_DrainingServer(config, farewells), sockets, self.ready)


async def _obeying(
    server: uvicorn.Server, sockets: list[socket.socket], ready: Callable[[], None]
) -> None:
    async def obey(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                # The second time, somebody does not want to wait.
                server.force_exit = server.should_exit
                server.should_exit = True

    asyncio.get_running_loop().set_exception_handler(AcceptingTold())
    async with anyio.create_task_group() as tasks:
        await tasks.start(obey)
        ready()
        await server.serve(sockets=sockets)
        tasks.cancel_scope.cancel()


class _DrainingServer(uvicorn.Server):
    """Tells consumers and saves their places before connections are closed."""

    def __init__(self, config: uvicorn.Config, farewells: tuple[Farewell, ...]) -> None:
        super().__init__(config)
        self._farewells = farewells

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_obeying`: uvicorn raises them again at the end, no good end."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for farewell in self._farewells:
            await farewell()
        await super().shutdown(sockets=sockets)
