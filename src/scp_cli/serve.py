"""`securecontext serve`: the server, with the sandbox beside it where that is asked for."""

import os
import socket
import sys
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
import click
import msgspec

from scp_cli.listening import open_sockets, port_of
from scp_sandbox import SandboxSettings, google_endpoints
from scp_sandbox import serve as serve_sandbox
from scp_server.bootstrap import serve as serve_server
from scp_server.config.load import load, with_port
from scp_server.config.settings import GoogleSettings, Settings
from scp_server.domain.errors import StartRefused
from scp_server.domain.secrets import Secret
from scp_server.telemetry.logs import logging_to

PLENTY: Final = 10_000_000
"""Quota units a minute against a sandbox that refuses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The sandbox that runs beside the server."""

    settings: SandboxSettings
    sockets: list[socket.socket]


@click.command()
@click.option("--host", help="Where to listen; overrides SCP_HOST.")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one; overrides SCP_PORT.")
@click.option("--sandbox/--no-sandbox", default=None, help="Overrides SCP_SANDBOX.")
def serve(host: str | None, port: int | None, sandbox: bool | None) -> None:  # noqa: FBT001
    """Run the server until it is told to stop. Settings come from SCP_ variables."""
    given = {"SCP_HOST": host, "SCP_PORT": port, "SCP_SANDBOX": _spelled(sandbox)}
    environ = dict(os.environ) | {k: str(v) for k, v in given.items() if v is not None}
    try:
        settings = load(environ)
        with logging_to(sys.stderr, level=settings.log_level, style=settings.log_format):
            _serve(settings)
    except StartRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _serve(settings: Settings) -> None:
    sockets = open_sockets(settings.host, settings.port)
    settings = with_port(settings, port_of(sockets))
    beside = _beside(settings) if settings.sandbox else None
    if beside is not None:
        settings = _at_sandbox(settings, beside)
    anyio.run(partial(_run, settings, sockets, beside))


def _spelled(switch: bool | None) -> str | None:  # noqa: FBT001  (three states)
    return None if switch is None else str(switch).lower()


def _beside(settings: Settings) -> Beside:
    sockets = open_sockets("localhost", settings.sandbox_port)
    return Beside(
        settings=SandboxSettings(
            seed=settings.sandbox_seed,
            messages=settings.sandbox_messages,
            events=settings.sandbox_events,
            quotas=settings.sandbox_quotas,
            base_url=f"http://localhost:{port_of(sockets)}",
        ),
        sockets=sockets,
    )


def _at_sandbox(settings: Settings, beside: Beside) -> Settings:
    """The settings with Google's addresses replaced by the sandbox's."""
    base = beside.settings.base_url or ""
    at = google_endpoints(base)
    google = msgspec.structs.replace(
        settings.google,
        **{name: at[name] for name in at if name in GoogleSettings.__struct_fields__},
    )
    google = msgspec.structs.replace(google, client_secret=Secret(at["client_secret"]))
    if beside.settings.quotas == "generous":
        google = msgspec.structs.replace(google, quota_units_per_minute=PLENTY)
    click.echo(f"The sandbox plays Google at {base}")
    return msgspec.structs.replace(settings, google=google)


async def _run(settings: Settings, sockets: list[socket.socket], beside: Beside | None) -> None:
    async with anyio.create_task_group() as tasks:
        if beside is not None:
            tasks.start_soon(
                partial(
                    serve_sandbox,
                    beside.settings,
                    host="localhost",
                    port=port_of(beside.sockets),
                    sockets=beside.sockets,
                )
            )
        await serve_server(
            settings,
            sockets,
            ready=lambda: click.echo(f"SCP streaming listens on {settings.public_url}"),
        )
        tasks.cancel_scope.cancel()
