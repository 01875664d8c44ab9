"""Listening sockets, opened before anything else so that a taken port is the first thing said."""

import socket
from collections.abc import Iterator

import click

LOOPBACKS = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on a host's port; `localhost` means both loopback addresses.

    Port 0 takes a free one, the same for both. Raises: click.ClickException naming the mend.
    """
    try:
        return list(_bound(host, port))
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with SCP_PORT or "
            "--port; 0 takes a free one."
        ) from error


def port_of(sockets: list[socket.socket]) -> int:
    """The port they listen on."""
    port: int = sockets[0].getsockname()[1]
    return port


def _bound(host: str, port: int) -> Iterator[socket.socket]:
    if host != "localhost":
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        yield _listen(host, port, family)
        return
    first = _listen("127.0.0.1", port, socket.AF_INET)
    yield first
    if socket.has_ipv6:
        try:
            yield _listen("::1", first.getsockname()[1], socket.AF_INET6)
        except OSError:
            # A machine may have IPv6 in the kernel and no ::1, as many containers do.
            return


def _listen(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    # asyncio switches Nagle's delay off only for sockets whose protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)  # noqa: FBT003  (the standard library's own form)
    except OSError:
        listener.close()
        raise
    return listener
