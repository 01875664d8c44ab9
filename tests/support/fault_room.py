"""A sandbox and a hasty server, and consumers that tell what they hold and what they were told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio
from anyio import to_thread
from support.bad_network import nobody
from support.lives import Lives
from support.mirror import Mirror
from support.mortal_server import CLOCK
from support.processes import Child, fetch, operator_key
from support.running import Answer
from support.worlds import Kind, bustled

from scp_sdk import AsyncSCPClient, Event, SCPError
from scp_sdk.sandbox_consent import consent_in_sandbox

WITHIN: Final = 15.0
"""Seconds in which anything that is waited for must happen."""
OPEN: Final = {
    "limits__stream_events_per_minute": "0",
    "limits__connections_per_session": "0",
    "limits__data_requests_per_minute": "0",
    "limits__starts_per_minute": "0",
    "limits__subscriptions_per_minute": "0",
    "log_level": "debug",
}


@dataclass(slots=True, kw_only=True)
class Consumer:
    """One who follows a stream with the SDK."""

    room: "Room"
    kind: Kind
    client: AsyncSCPClient
    session_id: str
    account: str
    stream_id: str
    mirror: Mirror = field(default_factory=Mirror)
    _hearing: anyio.Event = field(default_factory=anyio.Event)

    async def run(self) -> None:
        """Follow, until cancelled or at the end."""
        stream = self.client.stream(stream_id=self.stream_id, on_event=self._hear)
        await self.mirror.follow(stream)

    def _hear(self, event: Event) -> None:
        self.mirror.hear(event)
        self._hearing.set()
        self._hearing = anyio.Event()

    async def exact(self) -> None:
        """Wait until it holds the provider's world."""
        with anyio.move_on_after(WITHIN) as waiting:
            while await to_thread.run_sync(self._world) != self._held():
                await self.mirror.changed()
        assert not waiting.cancelled_caught, f"{self.mirror.told} {await self.state()}"

    async def told(self, what: str) -> str:
        """Wait until something that begins so was said beside the items."""
        found: list[str] = []
        with anyio.move_on_after(WITHIN):
            while not (found := [told for told in self.mirror.told if told.startswith(what)]):
                await self._hearing.wait()
        assert found, f"{self.mirror.told} {await self.state()}"
        return found[-1]

    async def state(self) -> dict[str, Any]:
        """The stream, as REST tells it."""
        found: dict[str, Any] = dict(await self.client.get_stream_status(self.stream_id))
        return found

    def bustle(self, changes: int = 10, seed: int = 1) -> None:
        """Change the world."""
        bustled(self.room.sandbox.url, self.account, self.kind, changes, seed)

    def _world(self) -> object:
        return self.kind.world(self.room.sandbox.url, self.account)

    def _held(self) -> object:
        return {key: self.kind.held(payload) for key, payload in self.mirror.held.items()}


@dataclass(slots=True)
class Room:
    """A sandbox that obeys orders, and a server whose every wait is short."""

    folder: Path
    sandbox: Child
    lives: Lives
    contacts_at: str
    """Where the server looks for contacts; nobody is there unless a test lets somebody be."""

    @property
    def url(self) -> str:
        """Where the server listens, in all its lives."""
        return self.lives.url

    @property
    def log(self) -> str:
        """All it logged."""
        return (self.folder / "server.log").read_text(encoding="utf-8")

    @property
    def database(self) -> Path:
        """Its database."""
        return self.folder / "data" / "scp.db"

    def order(self, what: str, **orders: object) -> Any:  # noqa: ANN401  (JSON)
        """Give an order to the sandbox."""
        return fetch(f"{self.sandbox.url}/sandbox/{what}", orders)

    def fault(self, kind: str, path: str, **more: object) -> None:
        """Order a fault."""
        self.order("faults", kind=kind, path=path, **more)

    def forgive(self) -> None:
        """Take all faults back."""
        fetch(f"{self.sandbox.url}/sandbox/faults", method="DELETE")

    def refreshes(self) -> int:
        """How many refreshes the sandbox's Google has granted."""
        return int(fetch(f"{self.sandbox.url}/sandbox/ledger")["refreshes"])

    def turn_clock(self, seconds: float) -> None:
        """Set the server's clock of the day wrong by so much."""
        (self.folder / "clock").write_text(f"{seconds:20.1f}", encoding="ascii")

    async def call(
        self, path: str, body: object = None, *, key: str = "", method: str = ""
    ) -> Answer:
        """One REST request, as the operator unless a session is given."""
        headers = {"Authorization": f"Bearer {key or operator_key(self.folder)}"}
        method = method or ("GET" if body is None else "POST")
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            return Answer(answer.status, await answer.json(), dict(answer.headers))

    async def session(self, *kinds: Kind, user: str | None = None) -> tuple[str, str]:
        """A session that a user has consented to, and whose account it is."""
        async with AsyncSCPClient(self.url, operator_key=operator_key(self.folder)) as client:
            opened = await client.open_session(kinds[0].provider, [k.stream_type for k in kinds])
            await consent_in_sandbox(
                self.url,
                provider=kinds[0].provider,
                user=user,
                begin_at=opened.authorization_url,
            )
            return opened.session_id, str((await client.session(opened.session_id))["account"])

    @asynccontextmanager
    async def consumer(
        self, kind: Kind, session: tuple[str, str] | None = None
    ) -> AsyncIterator[Consumer]:
        """Somebody who follows a new stream of a kind, until the context is left."""
        session_id, account = session or await self.session(kind)
        async with AsyncSCPClient(self.url, session_id) as client:
            stream_id = await client.start_stream(
                stream_type=kind.stream_type,
                real_time=True,
                batch_size=10,
                rate_limit_per_minute=600,
            )
            consumer = Consumer(
                room=self,
                kind=kind,
                client=client,
                session_id=session_id,
                account=account,
                stream_id=stream_id,
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(consumer.run)
                yield consumer
                tasks.cancel_scope.cancel()
            await _stopped(client, stream_id)


async def _stopped(client: AsyncSCPClient, stream_id: str) -> None:
    try:
        await client.stop_stream(stream_id)
    except SCPError:
        return  # the test took it away


def settings(folder: Path) -> tuple[dict[str, str], str]:
    """What the server of a room is started with, and where it looks for contacts."""
    (folder / "clock").write_text(f"{0:20}", encoding="ascii")
    contacts_at = nobody()
    more = {"google__people_url": contacts_at, CLOCK: str(folder / "clock")}
    return OPEN | more, contacts_at
