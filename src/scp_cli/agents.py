"""`securecontext agents`: the agents that the running server knows by a key."""

import os
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
import anyio
import click

from scp_sdk.errors import SCPError
from scp_sdk.rest import Rest
from scp_sdk.retries import Patience
from scp_server.config.load import load
from scp_server.config.operator_key import FILE_NAME
from scp_server.config.settings import Settings
from scp_server.crypto.private_files import read_private
from scp_server.domain.errors import StartRefused
from scp_wire.rest import AgentCreated, AgentList, AgentRevoked

T = TypeVar("T")

SECONDS_A_DAY: Final = 86_400.0
_TIMEOUT: Final = 30.0
_URL = click.option("--url", help="Where the server is.  [default: SCP_PUBLIC_URL]")


@click.group()
def agents() -> None:
    """Make agents known to the running server, list them, take their keys back.

    Asks the server as its operator: with SCP_OPERATOR_KEY, or the key in its data directory.
    docs/access.md says what an agent's key is good for.
    """


@agents.command()
@click.argument("name")
@click.option("--type", "types", multiple=True, help="A stream type the key is for; all, if none.")
@click.option(
    "--session", "sessions", multiple=True, help="A session to give to it; then it opens no others."
)
@click.option(
    "--days", type=click.FloatRange(0, min_open=True), help="The key expires after these."
)
@click.option("--replace", is_flag=True, help="Another key for an agent that is there.")
@_URL
def create(
    *,
    name: str,
    types: tuple[str, ...],
    sessions: tuple[str, ...],
    days: float | None,
    replace: bool,
    url: str | None,
) -> None:
    """Make an agent known and print its key, which is shown this once."""
    body = {
        "name": name,
        "stream_types": list(types) or None,
        "session_ids": list(sessions) or None,
        "expires_at": None if days is None else time.time() + days * SECONDS_A_DAY,
        "replace": replace,
    }
    made = _ask("POST", "/api/agents", AgentCreated, url, body)
    click.echo(f"Agent {made.name}. Its key, which cannot be shown again:", err=True)
    click.echo(made.agent_key)


@agents.command(name="list")
@_URL
def list_agents(*, url: str | None) -> None:
    """List every agent there ever was."""
    known = _ask("GET", "/api/agents", AgentList, url).agents
    for row in _columns(
        ("name", "key", "state", "sessions", "opens", "types", "until"),
        *(
            (
                agent.name,
                agent.agent_key,
                agent.state,
                str(agent.sessions),
                "yes" if agent.opens_sessions else "no",
                ",".join(agent.stream_types or ["all"]),
                _day(agent.expires_at),
            )
            for agent in known
        ),
    ):
        click.echo(row)


@agents.command()
@click.argument("name")
@_URL
def revoke(*, name: str, url: str | None) -> None:
    """Take an agent's key back and close what was opened with it."""
    path = f"/api/agents/{quote(name, safe='')}"
    closed = _ask("DELETE", path, AgentRevoked, url).closed_connections
    click.echo(f"The key of {name} opens nothing any more; {closed} connections were closed.")


def _ask(
    method: str, path: str, into: type[T], url: str | None, body: Mapping[str, Any] | None = None
) -> T:
    try:
        settings = load(dict(os.environ))
        key = _operator_key(settings)
        return anyio.run(partial(_asked, url or settings.public_url, key, method, path, into, body))
    except (StartRefused, SCPError) as error:
        raise click.ClickException(str(error)) from error


async def _asked(
    url: str, key: str, method: str, path: str, into: type[T], body: Mapping[str, Any] | None
) -> T:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        rest = Rest(
            url.rstrip("/"),
            lambda: http,
            timeout=_TIMEOUT,
            patience=Patience(),
            chance=lambda: 0.0,
        )
        return await rest.request(method, path, into, bearer=key, body=body)


def _operator_key(settings: Settings) -> str:
    if settings.operator_key is not None:
        return settings.operator_key.reveal()
    path = settings.data_dir / FILE_NAME
    text = read_private(path)
    if text is None:
        raise click.ClickException(
            f"There is no operator key at {path}. Set SCP_DATA_DIR as for the server, or"
            " SCP_OPERATOR_KEY."
        )
    return text.strip()


def _columns(*rows: tuple[str, ...]) -> Iterable[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _day(at: float | None) -> str:
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
