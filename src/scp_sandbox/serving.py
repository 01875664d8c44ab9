"""Runs the sandbox under uvicorn on one port."""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scp_sandbox.app import build_app
from scp_sandbox.edge import TRANSPORT
from scp_sandbox.settings import SandboxSettings

GRACE_SECONDS = 2


class BreakableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which lets a request reach its connection, so that faults can break it."""

    def on_message_begin(self) -> None:
        """Leaves the transport in the new request's scope."""
        super().on_message_begin()
        # ASGI keeps `extensions` open for servers; the type only knows the registered ones.
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]


async def serve(
    settings: SandboxSettings,
    *,
    host: str,
    port: int,
    sockets: Sequence[socket.socket] | None = None,
) -> None:
    """Serves a sandbox until cancelled.

    Args:
        settings: what world to serve.
        host: the address to listen on; keep it a loopback one, there is no other protection.
        port: the port to listen on.
        sockets: bound sockets to use instead of `host` and `port`; they are closed in the end.

    Raises:
        OSError: when the address cannot be listened on.
    """
    listening = list(sockets) if sockets else _bound(host, port)
    for each in listening:
        # asyncio does it only for sockets made with an explicit TCP protocol number, not for those
        # of `socket.create_server`; without it every second write waits 40 ms for an ACK.
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(_config(settings))
    async with anyio.create_task_group() as group:
        group.start_soon(_run, server, listening)
        try:
            await anyio.sleep_forever()
        finally:
            server.should_exit = True


def _config(settings: SandboxSettings) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(settings),
        http=BreakableProtocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who calls is to be who connected: the control API is for this machine only.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


async def _run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    # Shielded, so that requests under way are answered; `should_exit` is what ends it.
    with anyio.CancelScope(shield=True):
        await server.serve(sockets=sockets)


def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address that `host` means: `localhost` is both loopbacks."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    failure: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        listening = socket.socket(family, kind, protocol)
        try:
            _bind(listening, family, (address[0], port, *address[2:]))
        except OSError as error:  # a machine may resolve `::1` and have no IPv6
            listening.close()
            failure = error
            continue
        bound.append(listening)
        port = listening.getsockname()[1]
    if failure is not None and (not bound or failure.errno == errno.EADDRINUSE):
        for listening in bound:
            listening.close()
        raise failure
    return bound


def _bind(listening: socket.socket, family: int, address: tuple[object, ...]) -> None:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listening.bind(address)


class _Server(uvicorn.Server):
    """Leaves signals alone: whoever runs `serve` owns the process, and cancels it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
