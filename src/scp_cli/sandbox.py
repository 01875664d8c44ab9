"""`securecontext sandbox`: simulated providers on one port, with no server beside them."""

import socket
from functools import partial

import anyio
import click

from scp_cli.listening import open_sockets, port_of
from scp_cli.stirring import MOST_PER_MINUTE, stir
from scp_sandbox import SandboxSettings, google_endpoints, microsoft_endpoints, serve


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port to listen on.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same world.")
@click.option("--messages", default=1200, show_default=True, help="Messages in each mailbox.")
@click.option("--events", default=300, show_default=True, help="Events of each user.")
@click.option("--contacts", default=200, show_default=True, help="People each user knows.")
@click.option("--files", default=400, show_default=True, help="Files and folders of each user.")
@click.option(
    "--bustle-per-minute",
    type=click.IntRange(0, MOST_PER_MINUTE),
    default=0,
    show_default=True,
    help="Changes a minute for each user: mail arrives, moves and vanishes while one watches.",
)
@click.option(
    "--quotas",
    type=click.Choice(["generous", "published"]),
    default="generous",
    show_default=True,
    help="`published` refuses as the real providers do.",
)
@click.option(
    "--token-lifetime",
    default=3599,
    show_default=True,
    help="Seconds an access token lives; short ones show how they are refreshed.",
)
def sandbox(  # noqa: PLR0913 - one for each option
    *,
    port: int,
    seed: int,
    messages: int,
    events: int,
    contacts: int,
    files: int,
    bustle_per_minute: int,
    quotas: str,
    token_lifetime: int,
) -> None:
    """Play Google and Microsoft on a loopback port until told to stop.

    Prints the settings that point a server to it. What one may order of it while it runs (mail
    that arrives, faults, quotas, the clock) is under /sandbox/ of the same port.
    """
    sockets = open_sockets("localhost", port)
    base = f"http://localhost:{port_of(sockets)}"
    settings = SandboxSettings(
        seed=seed,
        messages=messages,
        events=events,
        contacts=contacts,
        files=files,
        quotas="published" if quotas == "published" else "generous",
        token_lifetime=token_lifetime,
        base_url=base,
    )
    click.echo(f"The sandbox plays Google and Microsoft at {base}")
    for provider, at in (
        ("GOOGLE", google_endpoints(base)),
        ("MICROSOFT", microsoft_endpoints(base)),
    ):
        for name, value in at.items():
            click.echo(f"SCP_{provider}__{name.upper()}={value}")
    anyio.run(partial(_run, settings, sockets, base, bustle_per_minute))


async def _run(
    settings: SandboxSettings, sockets: list[socket.socket], base: str, per_minute: int
) -> None:
    async with anyio.create_task_group() as tasks:
        port = port_of(sockets)
        tasks.start_soon(partial(serve, settings, host="localhost", port=port, sockets=sockets))
        if per_minute:
            tasks.start_soon(partial(stir, base, per_minute=per_minute, seed=settings.seed))
