"""Life in a sandbox while somebody watches: changes at a steady pace, through its control API."""

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import aiohttp
import anyio
import click

ROUND: Final = ("mail", "mail", "mail", "events", "mail", "contacts", "files")
"""What changes, in turn: mostly mail, which arrives, is read, moved, trashed and deleted."""
MOST_PER_MINUTE: Final = 6_000


async def stir(base: str, *, per_minute: int, seed: int) -> None:
    """Change each user's world `per_minute` times a minute, until cancelled.

    Args:
        base: where the sandbox is served; it may still be starting.
        per_minute: changes a minute for each user.
        seed: the same seed makes the same changes, in the same order.
    """
    async with aiohttp.ClientSession(base) as control:
        users = await _users(control)
        for place, (kind, number) in enumerate(_changes(seed)):
            await anyio.sleep(60 / (per_minute * len(users)))
            user = users[place % len(users)]
            order = {kind: 1, "seed": number}
            async with control.post(f"/sandbox/users/{user}/bustle", json=order) as answer:
                answer.raise_for_status()
                done: dict[str, Any] = await answer.json()
            click.echo(f"{user}: {kind}: {done['done'][0]}")


def _changes(seed: int) -> Iterator[tuple[str, int]]:
    for number in count():
        yield ROUND[number % len(ROUND)], seed * 1_000_003 + number


async def _users(control: aiohttp.ClientSession) -> list[str]:
    while True:
        try:
            async with control.get("/sandbox/state") as answer:
                answer.raise_for_status()
                return [user["email"] for user in (await answer.json())["users"]]
        except aiohttp.ClientConnectionError:
            await anyio.sleep(0.05)
