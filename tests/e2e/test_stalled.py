"""One consumer that does not read: it costs little, and its 99 neighbours get everything."""

import re
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from support.processes import Child, fetch, start_sandbox
from support.raw_engineio import frame, greeting, handshaken, raw_websocket
from support.running import Server, StartServer, assert_quiet, message_ids, people

FAST = 99
LETTERS = 900
LETTER_BYTES = 64 * 1024
OFFERED = 54_000_000
"""What the others get meanwhile, in bytes: each of them, and so the one that stalls."""
MAY_COST = 24_000_000
"""What the server may grow by: its window, what all hundred sockets hold for a moment, and the
provider's answers. It does not depend on how much is offered."""
EVENT_ID = re.compile(rb'"event_id":"([0-9a-f]+-[0-9]+)"')
UNLIMITED = {
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
}


@pytest.fixture(scope="module")
def full_mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A sandbox whose first user has many large letters."""
    child = start_sandbox(tmp_path_factory.mktemp("full"), "--messages=1")
    user = people(child)[0]
    for k in range(LETTERS):
        body = f"Letter {k}. " + "All work and no play. " * (LETTER_BYTES // 22)
        fetch(f"{child.url}/sandbox/users/{user}/mail", {"subject": f"No. {k}", "body": body})
    yield child
    child.close()


def peak(server: Server) -> int:
    """The most bytes of memory that the server has held since `forget_peak`."""
    status = Path(f"/proc/{server.child.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def forget_peak(server: Server) -> int:
    """Begin to look for a new peak; what is held now."""
    Path(f"/proc/{server.child.process.pid}/clear_refs").write_text("5", encoding="ascii")
    return peak(server)


class Listener:
    """A consumer that reads all it is sent, and keeps the events' ids."""

    def __init__(self) -> None:
        self.ids: list[bytes] = []
        self.bytes = 0
        self.here = anyio.Event()

    async def run(self, server: Server, session: str, name: str) -> None:
        """Read until the stream is complete."""
        async with raw_websocket(server.url, session, agent_id=name) as raw:
            self.here.set()
            while True:
                packet = (await raw.receive()).encode()
                self.bytes += len(packet)
                self.ids += EVENT_ID.findall(packet[:400])
                if b'"stream_completed"' in packet[:100]:
                    return


async def let_in(stream: SocketStream, session: str) -> None:
    """Connect, and read no further."""
    await stream.send(frame(greeting(session, agent_id="stalled").encode()))
    seen = b""
    while b"40{" not in seen:
        seen += await stream.receive(64)


async def what_it_has(stream: SocketStream) -> list[bytes]:
    """All that had come to it when its connection ended."""
    seen = b""
    try:
        while True:
            seen += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return EVENT_ID.findall(seen)


async def test_one_that_stalls_costs_little_and_its_neighbours_get_everything(
    start: StartServer, full_mailbox: Child
) -> None:
    server = start(full_mailbox, window__stall_seconds="6", **UNLIMITED)
    session = await server.open_session("gmail_messages")
    fast = [Listener() for _ in range(FAST)]
    with anyio.fail_after(180):
        async with handshaken(server.url) as stalled:
            await let_in(stalled, session)
            async with anyio.create_task_group() as tasks:
                for k, listener in enumerate(fast):
                    tasks.start_soon(listener.run, server, session, f"fast-{k}")
                for listener in fast:
                    await listener.here.wait()
                held = forget_peak(server)
                await server.start_stream(session, batch_size=10, rate_limit_per_minute=600)
            cost = peak(server) - held
            left = await what_it_has(stalled)

    ids = len(message_ids(full_mailbox))
    assert len(fast[0].ids) == ids + 2
    assert all(listener.ids == fast[0].ids for listener in fast)
    assert fast[0].bytes >= OFFERED
    assert left == fast[0].ids[: len(left)]
    assert len(left) < len(fast[0].ids) // 2
    assert cost < MAY_COST, cost
    assert '"event": "connection_failed"' in server.log
    assert "SLOW_CONSUMER" in server.log
    assert_quiet(server)
