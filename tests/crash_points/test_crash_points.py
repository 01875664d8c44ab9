"""A server killed at any await of a stream's life loses nothing and delivers nothing unaudited.

Two streams of a mailbox are read to their ends by the SDK: one that follows what changes, over a
token that dies, and one that completes. A server that is never killed shows which awaits there are;
a point among them is drawn for each life after that. A failure prints its seed and its point;
`make soak` tries every await on both of its sides, twice.
"""

import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

import anyio
import pytest
from anyio import to_thread
from support.lives import SIDES, Lives, Point
from support.mirror import Mirror
from support.processes import Child, fetch, operator_key, start_sandbox
from support.worlds import GMAIL_MESSAGES, bustled

from scp_sdk import AsyncSCPClient, ConnectionFailed, ServerUnavailable, StreamAlreadyActive
from scp_sdk.sandbox_consent import consent_in_sandbox

SEEDS: Final = [int(seed) for seed in os.environ.get("SCP_TEST_SEEDS", "1").split(",")]
ROUND: Final = 20
"""So many seeds in a row share all points between them, where many are tried."""
ALL: Final = len(SEEDS) >= ROUND
POINTS: Final = 8
"""Points tried where one seed is."""
DEATH: Final = -signal.SIGKILL
LIFE_SECONDS: Final = 60.0
SETTINGS: Final = {
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
    "limits__starts_per_minute": "0",
    "limits__subscriptions_per_minute": "0",
    "google__batch_size": "5",
    "log_level": "info",
}
Wire = Literal["socketio", "sse", "ndjson"]
AWAY: Final = (ConnectionFailed, ServerUnavailable)


@dataclass(slots=True)
class Scene:
    """A mailbox, a server that may die, and a session."""

    lives: Lives
    sandbox: Child
    client: AsyncSCPClient
    account: str
    mirror: Mirror = field(default_factory=Mirror)
    """Of who reads."""

    async def read(self, chance: random.Random, *, follow: bool) -> None:
        """Read a stream to its end, over however many lives of the server."""
        mirror = self.mirror = Mirror()
        stream_id = await self.started(real_time=follow)
        stream = self.client.stream(
            stream_id=stream_id,
            on_event=mirror.hear,
            wire=chance.choice(get_args(Wire)),
        )
        if follow:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(mirror.follow, stream)
                await self.changed(mirror, chance)
                await self.stopped(stream_id)
                # Whoever was away when it ended would look after it in half a minute.
                tasks.cancel_scope.cancel()
        else:
            await mirror.follow(stream)
        assert self.held(mirror) == self.world()
        assert self.audited(stream_id) >= mirror.changes

    async def changed(self, mirror: Mirror, chance: random.Random) -> None:
        """Let the mailbox change and the token die; wait until the consumer knows."""
        await mirror.changed()
        sandbox = self.sandbox.url
        await to_thread.run_sync(fetch, f"{sandbox}/sandbox/tokens/expire", {})
        seed = chance.randrange(2**31)
        await to_thread.run_sync(bustled, sandbox, self.account, GMAIL_MESSAGES, 10, seed)
        world = self.world()
        while self.held(mirror) != world:
            await mirror.changed()

    async def started(self, *, real_time: bool) -> str:
        """Start a stream; one that was started by a server that then died is that stream."""
        while True:
            try:
                return await self.client.start_stream(
                    stream_type="gmail_messages",
                    real_time=real_time,
                    batch_size=10,
                    rate_limit_per_minute=600,
                )
            except StreamAlreadyActive as there:
                return str(there.details["stream_id"])
            except AWAY:
                await anyio.lowlevel.checkpoint()

    async def stopped(self, stream_id: str) -> None:
        """Stop a stream, as often as it takes."""
        while True:
            try:
                await self.client.stop_stream(stream_id)
            except AWAY:
                await anyio.lowlevel.checkpoint()
            else:
                return

    def world(self) -> dict[str, object]:
        """What is in the mailbox."""
        return GMAIL_MESSAGES.world(self.sandbox.url, self.account)

    def held(self, mirror: Mirror) -> dict[str, object]:
        """What the consumer believes to be in it."""
        return {key: GMAIL_MESSAGES.held(payload) for key, payload in mirror.held.items()}

    def difference(self) -> str:
        """How what the consumer holds differs from the mailbox, and what it was told."""
        world, held = self.world(), self.held(self.mirror)
        stale = [key for key in world.keys() & held.keys() if world[key] != held[key]]
        missing, extra = world.keys() - held.keys(), held.keys() - world.keys()
        return f"{missing=} {extra=} {stale=} {self.mirror.told=}"

    def audited(self, stream_id: str) -> int:
        """Items whose delivery the audit trail has."""
        database = sqlite3.connect(self.lives.folder / "data" / "scp.db")
        query = "SELECT sum(items) FROM audit WHERE stream_id = ?"
        ((count,),) = database.execute(query, (stream_id,)).fetchall()
        database.close()
        return int(count or 0)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A consented session, and a count of what a life calls."""
    sandbox = start_sandbox(tmp_path, "--messages=60")
    try:
        with Lives(tmp_path, sandbox, **SETTINGS) as lives:
            key = operator_key(tmp_path)
            async with AsyncSCPClient(lives.url, operator_key=key) as operator:
                opened = await operator.open_session("google", ["gmail_messages"])
                await consent_in_sandbox(lives.url, begin_at=opened.authorization_url)
                account = str((await operator.session(opened.session_id))["account"])
            async with AsyncSCPClient(lives.url, opened.session_id) as client:
                yield Scene(lives, sandbox, client, account)
    finally:
        sandbox.close()


async def lived(scene: Scene, chance: random.Random) -> None:
    """A whole life: both streams."""
    with anyio.fail_after(LIFE_SECONDS):
        await scene.read(chance, follow=True)
        await scene.read(chance, follow=False)


async def counted(scene: Scene, chance: random.Random) -> Counter[str]:
    """Live undisturbed three times; how often each label was called."""
    for _ in get_args(Wire):
        await lived(scene, chance)
    assert await to_thread.run_sync(scene.lives.end) == 0
    return scene.lives.calls


def points(seed: int, chance: random.Random, calls: Counter[str]) -> list[Point]:
    """Where to die: this seed's share of everywhere, or at some places drawn at random."""
    everywhere = [(label, side) for label in sorted(calls) for side in SIDES]
    drawn = everywhere[seed % ROUND :: ROUND] if ALL else chance.sample(everywhere, POINTS)
    # Half of the calls that three undisturbed lives had: one life has as many.
    return [
        Point(label=label, side=side, k=chance.randint(1, max(calls[label] // 6, 1)))
        for label, side in drawn
    ]


@pytest.mark.parametrize("seed", SEEDS[: 2 * ROUND])
async def test_a_server_killed_at_any_await_of_a_streams_life_loses_nothing(
    scene: Scene, seed: int
) -> None:
    chance = random.Random(seed)
    calls = await counted(scene, chance)
    assert len(calls) > 60, calls
    killed, tried = 0, points(seed, chance, calls)
    for point in tried:
        await to_thread.run_sync(scene.lives.begin, point)
        before = len(scene.lives.ends)
        try:
            await lived(scene, chance)
        except BaseException as failure:
            failure.add_note(f"seed {seed}: {point}: {scene.difference()}")
            raise
        assert await to_thread.run_sync(scene.lives.end) in {0, DEATH}
        killed += DEATH in scene.lives.ends[before:]
    assert killed >= len(tried) // 2, f"seed {seed}: only {killed} deaths, {scene.lives.ends}"
    assert "Traceback" not in (scene.lives.folder / "server.log").read_text(encoding="utf-8")
