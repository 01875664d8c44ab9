"""The sandbox beside the server: `SCP_SANDBOX`."""

import socket
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import click
import msgspec
from anyio.abc import TaskGroup

from scp_cli.listening import open_sockets, port_of
from scp_sandbox import SandboxSettings, google_endpoints, microsoft_endpoints, serve
from scp_server.config.provider_settings import GoogleSettings, MicrosoftSettings
from scp_server.config.settings import Settings
from scp_server.domain.secrets import Secret

R = TypeVar("R", GoogleSettings, MicrosoftSettings)

PLENTY: Final = 10_000_000
"""Quota units a minute against a sandbox that refuses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A sandbox that is about to run, and the settings that lead the server to it."""

    sandbox: SandboxSettings
    sockets: list[socket.socket]
    settings: Settings

    def start(self, tasks: TaskGroup) -> None:
        """Run it until the tasks are cancelled."""
        port = port_of(self.sockets)
        click.echo(f"The sandbox plays Google and Microsoft at {self.sandbox.base_url}")
        tasks.start_soon(
            partial(serve, self.sandbox, host="localhost", port=port, sockets=self.sockets)
        )


def beside(settings: Settings) -> Beside:
    """A sandbox as the settings describe it. Raises: click.ClickException for a taken port."""
    sockets = open_sockets("localhost", settings.sandbox_port)
    base = f"http://localhost:{port_of(sockets)}"
    sandbox = SandboxSettings(
        seed=settings.sandbox_seed,
        messages=settings.sandbox_messages,
        events=settings.sandbox_events,
        contacts=settings.sandbox_contacts,
        files=settings.sandbox_files,
        quotas=settings.sandbox_quotas,
        base_url=base,
    )
    tenant = settings.microsoft.tenant
    google = _led(settings.google, google_endpoints(base))
    microsoft = _led(settings.microsoft, microsoft_endpoints(base, tenant))
    if settings.sandbox_quotas == "generous":
        google, microsoft = _unbounded(google), _unbounded(microsoft)
    led = msgspec.structs.replace(settings, google=google, microsoft=microsoft)
    return Beside(sandbox=sandbox, sockets=sockets, settings=led)


def _led(registration: R, at: dict[str, str]) -> R:
    """The settings of one provider with the sandbox's addresses in place of its own."""
    known = {name: at[name] for name in at if name in registration.__struct_fields__}
    led = msgspec.structs.replace(registration, **known)
    return msgspec.structs.replace(led, client_secret=Secret(at["client_secret"]))


def _unbounded(registration: R) -> R:
    """The settings of one provider with more quota than can be used."""
    quotas = [name for name in registration.__struct_fields__ if "_per_" in name]
    return msgspec.structs.replace(registration, **dict.fromkeys(quotas, PLENTY))
