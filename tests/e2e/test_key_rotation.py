"""Keys are rotated while a server streams, and the rotation is killed at every step of it."""

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import socketio
from anyio import to_thread
from support.canaries import finds
from support.mortal_keys import At, KeysCommand, keys_command
from support.processes import KEPT
from support.running import Server, StartSandbox, StartServer, assert_quiet, message_ids
from support.sealed_rows import opened

from scp_server.crypto.sources import KeyFile, read_keyring

MESSAGES: Final = 400
WAITING: Final = 7
"""Sessions whose users have not consented, so that the data keys come in several batches."""
BATCHES: Final = ("--at-once", "2")
STEPS: Final[tuple[At, ...]] = (
    # A rotation is begun anew until it is through: each line is one attempt, and where it dies.
    ("file", 1, "before"),  # nothing has happened
    ("rename", 1, "before"),  # the new key lies beside the key file
    ("file", 1, "after"),  # the new key is read, and does not write
    ("rename", 1, "before"),  # it was about to write
    ("file", 1, "after"),  # it writes
    ("batch", 1, "after"),  # a batch is wrapped, and not committed
    ("batch", 2, "before"),  # a batch is committed
    ("batch", 2, "after"),  # another one is, and the next is not
    ("log", 1, "before"),  # all data keys are wrapped; copies under the old key are in the log
    ("check", 1, "before"),  # they are gone from there
    ("check", 1, "after"),  # the check is sealed, and not committed
)


@dataclass(slots=True, eq=False)
class Reader:
    """A consumer that acknowledges only as much as it is asked to: the stream waits for it."""

    client: socketio.AsyncClient
    items: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    done: bool = False
    more: anyio.Event = field(default_factory=anyio.Event)

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event."""
        if event["event_type"] == "data_update":
            self.items.append(event["data"]["payload"]["id"])
        self.done |= event["event_type"] == "stream_completed"
        if "event_id" in event:
            self.unproven.append(event["event_id"])
        self.more.set()
        self.more = anyio.Event()

    async def take(self, count: int) -> None:
        """Acknowledge what has come, until so many more items have."""
        wanted = len(self.items) + count
        while len(self.items) < wanted and not self.done:
            await self._proven()
            await self.more.wait()

    async def rest(self) -> None:
        """Take everything up to the end."""
        while not self.done:
            await self._proven()
            await self.more.wait()
        await self._proven()

    async def _proven(self) -> None:
        if self.unproven:
            await self.client.emit("stream_ack", {"event_id": self.unproven[-1]})
            self.unproven.clear()


async def reader_of(server: Server, session: str) -> Reader:
    """A connected consumer of the session's messages."""
    reader = Reader(socketio.AsyncClient(reconnection=False))
    reader.client.on("stream_event", reader.hear)
    await reader.client.connect(server.url, auth={"session_id": session}, transports=["websocket"])
    wanted = {"data_types": ["gmail_messages"], "ack": True, "window": 10}
    await reader.client.call("subscribe_data", {"session_id": session, **wanted})
    return reader


async def keys(command: KeysCommand, *arguments: str, at: At | None = None) -> None:
    """Run `securecontext keys …`, to its end or to its death."""
    status, printed = await to_thread.run_sync(partial(command.run, *arguments, at=at))
    assert status == (0 if at is None else -9), (at, printed)


def readable(data: Path) -> dict[str, int]:
    """How many sealed values of each kind there are; all of them open with the key file alone."""
    found = opened(data / "scp.db", read_keyring(KeyFile(data / "keys")))
    return {column: len(values) for column, values in found.items()}


async def test_a_rotation_killed_at_every_step_loses_nothing_of_a_stream_that_runs(
    start: StartServer, own_sandbox: StartSandbox
) -> None:
    # Tokens are refreshed, and so sealed anew, all the time.
    sandbox = own_sandbox(f"--messages={MESSAGES}", "--token-lifetime=2")
    server = start(
        sandbox, limits__stream_events_per_minute="0", limits__data_requests_per_minute="0"
    )
    data = server.folder / "data"
    first = (data / "keys").read_text()
    with anyio.fail_after(300), keys_command(data, KEPT) as command:
        session = await server.open_session("gmail_messages", "calendar_events")
        waiting = [await server.pending_session("gmail_messages") for _ in range(WAITING)]
        await server.start_stream(session, rate_limit_per_minute=600)
        (old,) = read_keyring(KeyFile(data / "keys")).kids
        reader = await reader_of(server, session)
        await reader.take(10)
        for step in STEPS:
            await keys(command, "rotate", *BATCHES, at=step)
            counts = readable(data)
            assert counts["vault.tokens"] == counts["sessions.account"] == 1, step
            assert counts["consent_requests.request"] == len(waiting), step
            assert counts["ledger.place"] > 0, step
            # The server goes on: it reads, refreshes, saves places, and opens new sessions.
            await reader.take(20)
            waiting.append(await server.pending_session("gmail_messages"))
            for pending, _ in (waiting[0], waiting[-1]):
                assert (await server.call("/api/session", session=pending)).data["state"]
        await finished(server, command, reader, old)
    assert set(reader.items) == set(message_ids(sandbox))
    assert_quiet(server)
    assert_keys_are_nowhere_else(server.folder, first + (data / "keys").read_text())


def assert_keys_are_nowhere_else(folder: Path, text: str) -> None:
    """No log, database or file left by a crash has a key in it, in any spelling."""
    found = re.findall(r"^\w+ (\w+) (\S+)", text, re.MULTILINE)
    assert len({kid for kid, _ in found}) == 3  # old, new, index
    spared = [folder / "data" / "keys"]
    assert finds({f"key {kid}": secret for kid, secret in found}, [folder], spared) == []


async def finished(server: Server, command: KeysCommand, reader: Reader, old: str) -> None:
    """The rotation comes to its end, the old key goes, and the server starts without it."""
    data = server.folder / "data"
    await keys(command, "rotate", *BATCHES)
    ring = read_keyring(KeyFile(data / "keys"))
    assert len(ring.kids) == 2
    assert ring.kids[-1] == old
    await keys(command, "retire", old, "--forget-cursors")
    assert old not in read_keyring(KeyFile(data / "keys")).kids
    readable(data)
    await reader.take(20)
    await reader.rest()
    await reader.client.disconnect()
    assert await to_thread.run_sync(server.child.stop) == 0
    await to_thread.run_sync(server.start_again)
    readable(data)
