"""`securecontext demo`: from nothing to a mailbox streamed, with no credentials and no network."""

import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scp_cli.children import child
from scp_sdk import AsyncSCPClient, StreamItem
from scp_sdk.sandbox_consent import consent_in_sandbox

SHOWN: Final = 6
"""Messages shown at the end."""
TOKEN_SECONDS: Final = 2
"""Access tokens of the demo's sandbox live so short, that a refresh in mid-stream is seen."""
SPARE: Final = 200
"""Messages in the mailbox beyond those that are streamed."""


@dataclass(slots=True)
class Told:
    """What a run has seen."""

    account: str
    items: list[StreamItem] = field(default_factory=list)
    refreshes: int = 0
    seconds: float = 0.0
    first: float = 0.0
    ledger: dict[str, Any] = field(default_factory=dict)
    source: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the very messages at the source arrived, each once."""
        received = [item.id for item in self.items]
        return len(set(received)) == len(received) and set(received) == set(self.source)


@click.command()
@click.option("--messages", default=1000, show_default=True, help="How many to stream.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another mailbox.")
def demo(messages: int, seed: int) -> None:
    """Start a server and a sandbox, consent as a sandbox user, stream a mailbox over Socket.IO.

    Exits with 1 when a message is missing or comes twice.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="scp-demo-") as folder:
        sandbox_options = [
            "--port=0",
            f"--seed={seed}",
            f"--messages={messages + SPARE}",
            f"--token-lifetime={TOKEN_SECONDS}",
        ]
        plain = {k: v for k, v in os.environ.items() if not k.startswith("SCP_")}
        with child(
            ["sandbox", *sandbox_options], plain, until="MICROSOFT__CLIENT_SECRET"
        ) as google:
            console.print(f"sandbox  plays Google at {google.url}")
            settings = _settings(folder) | google.told
            with child(["serve"], plain | settings, until="listens on") as server:
                console.print(f"server   listens on {server.url}")
                key = (Path(folder) / "operator-key").read_text(encoding="utf-8").strip()
                run = partial(_stream, console, server.url, google.url, key, messages)
                told = anyio.run(run)
    _show(console, told)
    sys.exit(0 if told.complete else 1)


def _settings(folder: str) -> dict[str, str]:
    return {
        "SCP_DATA_DIR": folder,
        "SCP_PORT": "0",
        "SCP_LOG_LEVEL": "warning",
        # The sandbox refuses nothing, so the governor need not hold back.
        "SCP_GOOGLE__QUOTA_UNITS_PER_MINUTE": "10000000",
    }


async def _stream(
    console: Console, server: str, google: str, operator_key: str, messages: int
) -> Told:
    async with AsyncSCPClient(server, operator_key=operator_key) as client:
        opened = await client.open_session("google", ["gmail_messages"], agent_id="demo")
        await consent_in_sandbox(server, begin_at=opened.authorization_url)
        session = opened.session_id
        state = await client.session(session)
        told = Told(account=state["account"] or "")
        console.print(f"consent  given by {told.account} to the agent “demo”, through OAuth\n")
        with _progress(console) as progress:
            task = progress.add_task("streaming", total=messages)
            await _read(client, session, messages, told, partial(progress.advance, task))
    async with aiohttp.ClientSession(google) as control:
        told.ledger = await _get(control, "/sandbox/ledger")
        listed = await _get(control, f"/sandbox/users/{told.account}/messages")
        told.source = [message["id"] for message in listed["messages"][:messages]]
    return told


async def _read(
    client: AsyncSCPClient, session: str, messages: int, told: Told, advance: partial[None]
) -> None:
    def note(event: Any) -> None:  # noqa: ANN401  (any event)
        told.refreshes += event.event_type == "token_refresh"

    began = time.monotonic()
    stream = client.stream(
        session_id=session,
        stream_type="gmail_messages",
        max_results=messages,
        batch_size=100,
        rate_limit_per_minute=600,
        on_event=note,
    )
    async with stream:
        async for item in stream:
            if not told.items:
                told.first = time.monotonic() - began
            told.items.append(item)
            advance()
    told.seconds = time.monotonic() - began


async def _get(control: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with control.get(path) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = await answer.json()
        return found


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _show(console: Console, told: Told) -> None:
    table = Table(title="the newest", box=None, title_justify="left")
    table.add_column("date")
    table.add_column("from", max_width=30, no_wrap=True)
    table.add_column("subject", max_width=60, no_wrap=True)
    for item in told.items[:SHOWN]:
        payload = item.payload
        table.add_row(payload["date"], payload["from"], payload["subject"])
    console.print(table)
    user = told.ledger["users"].get(told.account, {})
    calls = sum(user.get("calls", {}).values())
    summary = Table(box=None, show_header=False)
    for name, value in {
        "items": f"{len(told.items)}",
        "seconds": f"{told.seconds:.1f} (the first after {told.first:.2f})",
        "items/s": f"{len(told.items) / told.seconds:.0f}",
        "provider calls": f"{calls}",
        "refreshes": f"{told.refreshes} seen in the stream, {told.ledger['refreshes']} at Google",
        "ids at the source = ids received": "yes" if told.complete else "NO",
    }.items():
        summary.add_row(name, value)
    console.print()
    console.print(summary)
