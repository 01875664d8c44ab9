"""The SDK in the middle of a fast stream: over connections that break, and killed itself."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import anyio
import pytest
from anyio import to_thread
from support import sdk_consumer
from support.chaos_proxy import chaos_proxy
from support.processes import Child, fetch, start_sandbox, start_server
from support.running import Server, people

from scp_sdk import AsyncSCPClient, Patience, WireName

CONTACTS: Final = 3000
ABORTS: Final = 15
EACH: Final = 30_000
"""Bytes that a connection brings before it breaks."""
WIRES: Final = ["socketio", "sse", "ndjson"]
HASTY: Final = Patience(first_delay=0.01, longest_delay=0.1)
OPEN_LIMITS: Final = {
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
    "limits__starts_per_minute": "0",
    "limits__subscriptions_per_minute": "0",
    "limits__max_rate_limit_per_minute": "60000",
    # Each connection that breaks may read a page of contacts again, and all tests share an account.
    "google__people_reads_per_minute": "100000",
}
FAST: Final = 60_000
"""Batches a minute: no pace of ours. What is left is some 500 contacts a second, or more."""


@pytest.fixture(scope="module")
def address_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("sandbox")
    child = start_sandbox(folder, "--messages=5", f"--contacts={CONTACTS}")
    yield child
    child.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, address_books: Child) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    child = start_server(folder, address_books, **OPEN_LIMITS)
    yield Server(child, folder, address_books, OPEN_LIMITS)
    child.close()


def contact_ids(sandbox: Child) -> list[str]:
    listed = fetch(f"{sandbox.url}/sandbox/users/{people(sandbox)[0]}/contacts")
    return [contact["resourceName"] for contact in listed["contacts"]]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("batch", [False, True], ids=["single", "batched"])
async def test_every_item_comes_exactly_once_over_fifteen_broken_connections(
    server: Server, address_books: Child, wire: WireName, *, batch: bool
) -> None:
    session = await server.open_session("contacts")
    seen: Counter[str] = Counter()
    with anyio.fail_after(120):
        async with (
            chaos_proxy(server.url, after=EACH, times=ABORTS) as proxy,
            AsyncSCPClient(proxy.url, session, patience=HASTY) as client,
        ):
            stream = client.stream(
                stream_type="contacts",
                wire=wire,
                batch=batch,
                batch_size=50,
                rate_limit_per_minute=FAST,
            )
            async for item in stream:
                seen[item.id] += 1
            assert stream.stream_id is not None
            status = await client.get_stream_status(stream.stream_id)
    assert proxy.aborted == ABORTS
    assert seen == Counter(contact_ids(address_books))
    assert status["status"] == "completed"


async def test_many_broken_connections_a_minute_meet_no_limit(
    tmp_path: Path, address_books: Child
) -> None:
    """Neither that on connections nor that on subscriptions: a seat is taken again each time."""
    guarded = {
        name: value
        for name, value in OPEN_LIMITS.items()
        if name not in {"limits__connections_per_session", "limits__subscriptions_per_minute"}
    }
    child = start_server(tmp_path, address_books, **guarded)
    server = Server(child, tmp_path, address_books, guarded)
    # Who is refused would have to wait for most of a minute, and gives up instead.
    hasty = replace(HASTY, longest_outage=20.0)
    try:
        session = await server.open_session("contacts")
        seen: Counter[str] = Counter()
        with anyio.fail_after(120):
            async with (
                chaos_proxy(server.url, after=EACH, times=ABORTS) as proxy,
                AsyncSCPClient(proxy.url, session, patience=hasty) as client,
            ):
                async for item in client.stream(
                    stream_type="contacts", batch_size=50, rate_limit_per_minute=FAST
                ):
                    seen[item.id] += 1
        assert proxy.aborted == ABORTS
        assert seen == Counter(contact_ids(address_books))
    finally:
        child.close()


@dataclass(slots=True)
class Consumer:
    """A process of its own that reads a stream."""

    server: Server
    session: str
    stream_id: str
    wire: WireName
    seen: list[str] = field(default_factory=list)
    place: str | None = None

    def run(self, *, kill_after: int | None = None, place: str | None = None) -> None:
        """Read, to the end or until so many items have come; then it is killed."""
        named = () if place is None else (place,)
        program = [sys.executable, str(Path(sdk_consumer.__file__)), self.server.url]
        arguments = [self.session, self.stream_id, self.wire, *named]
        with subprocess.Popen([*program, *arguments], stdout=subprocess.PIPE) as process:  # noqa: S603
            assert process.stdout is not None
            for count, line in enumerate(process.stdout, start=1):
                if not line.endswith(b"\n"):
                    break
                item, self.place = line.decode().split()
                self.seen.append(item)
                if count == kill_after:
                    process.kill()
        if kill_after is None:
            assert process.returncode == 0


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("names_its_place", [True, False])
async def test_a_consumer_that_is_killed_and_started_again_loses_nothing(
    server: Server, address_books: Child, wire: WireName, *, names_its_place: bool
) -> None:
    session = await server.open_session("contacts")
    stream_id = await server.start_stream(
        session, stream_type="contacts", batch_size=50, rate_limit_per_minute=FAST
    )
    consumer = Consumer(server, session, stream_id, wire)
    for kill_after in (400, 700, None):
        place = consumer.place if names_its_place else None
        known = None if place == "-" else place
        await to_thread.run_sync(lambda: consumer.run(kill_after=kill_after, place=known))  # noqa: B023
    assert set(consumer.seen) == set(contact_ids(address_books))


async def test_a_killed_consumer_goes_on_from_its_cursor_with_a_new_stream(
    server: Server, address_books: Child
) -> None:
    session = await server.open_session("contacts")
    kept: set[str] = set()
    fresh: set[str] = set()
    cursor: str | None = None
    async with AsyncSCPClient(server.url, session) as client:
        stream = client.stream(stream_type="contacts", batch_size=50, rate_limit_per_minute=FAST)
        async for item in stream:
            fresh.add(item.id)
            if item.cursor is not None:
                cursor, kept, fresh = item.cursor, kept | fresh, set()
            if len(kept) >= CONTACTS // 2:
                break
        await stream.aclose()
        rest = [
            item.id
            async for item in client.stream(
                stream_type="contacts", cursor=cursor, rate_limit_per_minute=FAST
            )
        ]
    assert kept | set(rest) == set(contact_ids(address_books))
