"""A stream leaves its consumer with exactly the provider's world: what is there, what changes.

Over restarts, crashes, lost positions and faults. A failure prints its seed; `make soak` runs
hundreds of them.
"""

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import pytest
from anyio import to_thread
from support.mirror import Mirror
from support.processes import Child, fetch, operator_key, start_sandbox, start_server
from support.worlds import KINDS, Fact, Kind, bustled, position_lost

from scp_sdk import AsyncSCPClient
from scp_sdk.sandbox_consent import consent_in_sandbox

ITEMS: Final = 5000
SEEDS: Final = [int(seed) for seed in os.environ.get("SCP_TEST_SEEDS", "1").split(",")]
OPEN_LIMITS: Final = {
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
}
SMALL: Final = [
    "--messages=250",
    "--events=250",
    "--contacts=250",
    "--files=250",
    "--token-lifetime=8",
]
ROUNDS: Final = 8
CHANGES: Final = 130
"""Random changes in each round."""


@dataclass(slots=True)
class Scene:
    """A sandbox, a server, and a session of one of the sandbox's people."""

    folder: Path
    sandbox: Child
    server: Child
    session_id: str = ""
    account: str = ""

    async def consent(self, kind: Kind) -> None:
        """Open a session for a kind of stream."""
        key = operator_key(self.folder)
        async with AsyncSCPClient(self.server.url, operator_key=key) as client:
            opened = await client.open_session(kind.provider, [kind.stream_type])
            await consent_in_sandbox(
                self.server.url, provider=kind.provider, begin_at=opened.authorization_url
            )
            self.session_id = opened.session_id
            self.account = str((await client.session(self.session_id))["account"])

    def restart(self, *, crash: bool) -> None:
        """Stop the server, or kill it, and start it again on the same port and data."""
        if crash:
            self.server.kill()
        else:
            assert self.server.stop() == 0
        port = self.server.url.rsplit(":", 1)[1]
        self.server = start_server(self.folder, self.sandbox, **(OPEN_LIMITS | {"port": port}))


@asynccontextmanager
async def scene(folder: Path, kind: Kind, *options: str) -> AsyncIterator[Scene]:
    """A scene in which a kind of stream may be started."""
    sandbox = start_sandbox(folder, *options)
    there = Scene(folder, sandbox, start_server(folder, sandbox, **OPEN_LIMITS))
    try:
        await there.consent(kind)
        yield there
    finally:
        there.server.close()
        sandbox.close()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_backfill_of_a_large_world_gives_exactly_its_items(
    tmp_path: Path, kind: Kind
) -> None:
    size = [f"--{name}={ITEMS}" for name in ("messages", "events", "contacts", "files")]
    mirror = Mirror()
    with anyio.fail_after(240):
        async with (
            scene(tmp_path, kind, *size) as there,
            AsyncSCPClient(there.server.url) as client,
        ):
            stream = client.stream(
                session_id=there.session_id,
                stream_type=kind.stream_type,
                batch_size=1000,
                rate_limit_per_minute=600,
            )
            await mirror.follow(stream)
            world = kind.world(there.sandbox.url, there.account)
    assert len(world) >= ITEMS * kind.share
    assert {key: kind.held(payload) for key, payload in mirror.held.items()} == world
    assert mirror.changes == len(world)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_consumer_ends_with_the_world_as_it_is_whatever_happened(
    tmp_path: Path, kind: Kind, seed: int
) -> None:
    chance = random.Random(seed)
    mirror = Mirror()
    with anyio.fail_after(600):
        async with (
            scene(tmp_path, kind, *SMALL) as there,
            AsyncSCPClient(there.server.url) as client,
            anyio.create_task_group() as tasks,
        ):
            stream = client.stream(
                session_id=there.session_id,
                stream_type=kind.stream_type,
                real_time=True,
                rate_limit_per_minute=600,
                on_event=mirror.hear,
            )
            tasks.start_soon(mirror.follow, stream)
            for _ in range(ROUNDS):
                await mirror.changed()
                await to_thread.run_sync(shake, there, kind, chance)
            await settled(there, kind, mirror, seed)
            tasks.cancel_scope.cancel()


def shake(there: Scene, kind: Kind, chance: random.Random) -> None:
    """Change the world at random, and hurt somebody on the way."""
    url, account = there.sandbox.url, there.account
    bustled(url, account, kind, CHANGES, chance.randrange(2**31))
    match chance.choice(["nothing", "restart", "crash", "lose", "fault"]):
        case "restart":
            there.restart(crash=False)
        case "crash":
            there.restart(crash=True)
        case "lose":
            position_lost(url, account, kind)
        case "fault":
            order = {
                "kind": chance.choice(["reset", "truncate", "html", "status", "broken_json"]),
                "status": 503,
                "path": ".*",
                "count": chance.randint(1, 4),
            }
            fetch(f"{url}/sandbox/faults", order)
        case _:
            pass
    bustled(url, account, kind, CHANGES, chance.randrange(2**31))


async def settled(there: Scene, kind: Kind, mirror: Mirror, seed: int) -> None:
    """Wait until the mirror shows the world."""
    world = await to_thread.run_sync(kind.world, there.sandbox.url, there.account)
    elsewhere = await to_thread.run_sync(kind.elsewhere, there.sandbox.url, there.account)

    def held() -> dict[str, Fact]:
        return {k: kind.held(v) for k, v in mirror.held.items() if k not in elsewhere}

    with anyio.move_on_after(150) as waiting:
        while held() != world:
            await mirror.changed()
    mine = held()
    missing, extra = world.keys() - mine.keys(), mine.keys() - world.keys()
    stale = {k: (world[k], mine[k]) for k in world.keys() & mine.keys() if world[k] != mine[k]}
    assert not waiting.cancelled_caught, f"seed {seed}: {missing=} {extra=} {stale=} {mirror.told=}"
