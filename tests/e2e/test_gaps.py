"""Ring and ledger too small on purpose: the gaps announced are exactly what is missing.

A witness is always there, so that the order in which items were published is known. Beside it a
consumer is cut off at random points, and comes back when streams were wound back, the server was
started again, or the stream is over.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio
import pytest
from anyio import to_thread
from anyio.abc import TaskGroup
from support.cut_off import Record, Witness, over_ndjson, over_socketio
from support.processes import start_sandbox, start_server
from support.running import Server, assert_quiet
from support.told_gaps import ToldGaps

CONTACTS = 90
SEEDS = range(6)
WITHIN = 60.0
TINY = {
    "window__events": "6",
    "window__ledger_rows": "2",
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
    "limits__starts_per_minute": "0",
    "limits__subscriptions_per_minute": "0",
    "limits__max_rate_limit_per_minute": "60000",
    "google__people_reads_per_minute": "100000",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tiny")
    sandbox = start_sandbox(folder, "--messages=5", f"--contacts={CONTACTS}")
    server = Server(start_server(folder, sandbox, **TINY), folder, sandbox, TINY)
    yield server
    server.child.close()
    sandbox.close()


@dataclass
class Course:
    """One stream, its witness, and the consumer that is cut off."""

    server: Server
    session: str
    stream_id: str
    wire: str
    witness: Witness
    late: Record = field(default_factory=Record)

    async def read(self, count: int) -> None:
        """The late one connects, processes so many events more, and is cut off."""
        self.late.goal = len(self.late.events) + count
        if self.wire == "socketio":
            await over_socketio(self.server, self.session, self.late, "late")
        else:
            await over_ndjson(self.server, self.session, self.stream_id, self.late)

    async def wind_back(self, dice: random.Random) -> None:
        """A third one names a place that the witness had: a new epoch begins."""
        named = [event["event_id"] for event in self.witness.record.events if "event_id" in event]
        third = Record(place=dice.choice(named), goal=1)
        await over_ndjson(self.server, self.session, self.stream_id, third)

    async def restart(self) -> None:
        await self.witness.leave()
        code = await to_thread.run_sync(self.server.child.stop)
        assert code == 0
        await to_thread.run_sync(self.server.start_again)

    async def completed(self) -> None:
        """Wait until the end is recorded."""
        path = f"/api/stream/{self.stream_id}/status"
        while (await self.server.call(path, session=self.session)).data["status"] != "completed":
            pass

    async def meanwhile(self, dice: random.Random, tasks: TaskGroup) -> None:
        """What happens while the late one is away."""
        witness = self.witness
        witness.allow(min(len(witness.record.items) + dice.randint(1, 25), CONTACTS + 1))
        await witness.reached()
        match dice.choice(["nothing", "wind", "wind", "restart", "end"]):
            case "wind" if not witness.record.ended:
                await self.wind_back(dice)
            case "restart":
                await self.restart()
                tasks.start_soon(witness.listen)
            case "end" if dice.random() < 0.5:
                witness.allow(CONTACTS + 1)
                await witness.reached()
                await self.completed()
            case _:
                pass


def told_exactly(record: Record, published: list[str]) -> Counter[str]:
    """The items that its gaps say it lacks are the items it lacks; which gaps it was told."""
    told = ToldGaps(published)
    for event in record.events:
        told.hear(event)
    told.end()
    return told.kinds


async def run(server: Server, wire: str, seed: int) -> Counter[str]:
    dice = random.Random(seed)
    session = await server.open_session("contacts")
    witness = Witness(server, session)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(witness.listen)
        await witness.subscribed.wait()
        stream_id = await server.start_stream(
            session, stream_type="contacts", batch_size=10, rate_limit_per_minute=60_000
        )
        course = Course(server, session, stream_id, wire, witness)
        # Once it has the first event it can name it: all that follows is owed to it.
        await course.read(1)
        witness.allow(CONTACTS // 2)
        await course.read(dice.randint(1, CONTACTS // 4))
        while not course.late.ended:
            for _ in range(dice.randint(1, 3)):
                await course.meanwhile(dice, tasks)
            witness.allow(CONTACTS + 1)
            await course.read(dice.choice([5, 20, 10_000]))
        await course.completed()
        tasks.cancel_scope.cancel()
    published = witness.record.items
    assert len(published) == CONTACTS
    assert not told_exactly(witness.record, published)["lost"], "it was always there"
    return told_exactly(course.late, published)


@pytest.mark.parametrize("wire", ["socketio", "ndjson"])
async def test_the_gaps_that_are_announced_are_exactly_what_is_missing(
    server: Server, wire: str
) -> None:
    gaps: Counter[str] = Counter()
    for seed in SEEDS:
        with anyio.fail_after(WITHIN):
            gaps += await run(server, wire, seed)
    assert gaps["lost"] > 1, "streams were over before they came back"
    assert gaps["reread"] > 1, "the ledger was too small"
    assert_quiet(server)
