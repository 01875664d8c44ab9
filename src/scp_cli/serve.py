"""`securecontext serve`: the server, with the sandbox beside it where that is asked for."""

import os
import sys
from functools import partial
from socket import socket
from typing import TYPE_CHECKING

import anyio
import click

from scp_cli.collecting import collect_less_often
from scp_cli.hardened import keep_others_out, leave_no_dump
from scp_cli.listening import open_sockets, port_of
from scp_server.bootstrap import serve as serve_server
from scp_server.config.load import load, with_port
from scp_server.config.settings import Settings
from scp_server.domain.errors import StartRefused
from scp_server.telemetry.logs import logging_to

if TYPE_CHECKING:
    from scp_cli.beside import Beside


@click.command()
@click.option("--host", help="Where to listen; overrides SCP_HOST.")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one; overrides SCP_PORT.")
@click.option("--sandbox/--no-sandbox", default=None, help="Overrides SCP_SANDBOX.")
def serve(*, host: str | None, port: int | None, sandbox: bool | None) -> None:
    """Run the server until it is told to stop. Settings come from SCP_ variables."""
    leave_no_dump()
    switch = None if sandbox is None else str(sandbox).lower()
    given = {"SCP_HOST": host, "SCP_PORT": port, "SCP_SANDBOX": switch}
    environ = dict(os.environ) | {k: str(v) for k, v in given.items() if v is not None}
    try:
        settings = load(environ)
        if not settings.allow_debuggers:
            keep_others_out()
        with logging_to(sys.stderr, level=settings.log_level, style=settings.log_format):
            _serve(settings)
    except StartRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _serve(settings: Settings) -> None:
    sockets = open_sockets(settings.host, settings.port)
    settings = with_port(settings, port_of(sockets))
    if settings.sandbox:
        from scp_cli.beside import beside  # noqa: PLC0415  (loaded only where it is asked for)

        anyio.run(partial(_run, sockets, settings, beside(settings)))
    else:
        anyio.run(partial(_run, sockets, settings, None))


async def _run(sockets: list[socket], settings: Settings, beside: "Beside | None") -> None:
    refusal: StartRefused | None = None
    async with anyio.create_task_group() as tasks:
        if beside is not None:
            beside.start(tasks)
            settings = beside.settings
        url = settings.public_url

        def ready() -> None:
            collect_less_often()
            click.echo(f"SCP streaming listens on {url}")

        try:
            await serve_server(settings, sockets, ready=ready)
        except StartRefused as exc:
            # Raised below, outside: no group around it.
            refusal = exc
        tasks.cancel_scope.cancel()
    if refusal is not None:
        raise refusal
