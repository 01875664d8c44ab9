"""Server, sandbox and SDK: what cannot be read is told of, the stream goes on, all else arrives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from support.mirror import Mirror
from support.processes import fetch, operator_key, start_sandbox, start_server
from support.worlds import GMAIL_MESSAGES, OUTLOOK_MESSAGES, Kind

from scp_sdk import AsyncSCPClient
from scp_sdk.sandbox_consent import consent_in_sandbox

MESSAGES = 60
PATIENCE = 120
TOLD = "stream_error PROVIDER_ERROR {'item_id'"


class Scene:
    """A stream of one mailbox, held by a mirror, and orders to the sandbox beside it."""

    def __init__(self, kind: Kind, sandbox: str) -> None:
        self.kind = kind
        self.sandbox = sandbox
        self.account = ""
        self.mirror = Mirror()

    def ids(self) -> list[str]:
        """Of all messages, as the stream names them."""
        return sorted(self.kind.world(self.sandbox, self.account))

    def without(self, *labels: str) -> list[str]:
        """Of messages that have none of these labels."""
        room = "users" if self.kind is GMAIL_MESSAGES else "outlook"
        listed = fetch(f"{self.sandbox}/sandbox/{room}/{self.account}/messages")["messages"]
        marked = {m["id"] for m in listed if {*labels} & {*m.get("labelIds", ())}}
        return [item for item in self.ids() if item not in marked]

    def nameless(self, item: str) -> None:
        """From now on an item comes without its id, wherever it comes."""
        fetch(f"{self.sandbox}/sandbox/faults", {"kind": "nameless", "item": item, "count": None})

    def healed(self) -> None:
        """No faults any more."""
        fetch(f"{self.sandbox}/sandbox/faults", method="DELETE")

    def touch(self, item: str, mark: str) -> None:
        """Change an item so that following brings it."""
        if self.kind is GMAIL_MESSAGES:
            path, body = f"users/{self.account}/messages/{item}/labels", {"add": [mark]}
        else:
            path, body = (
                f"outlook/{self.account}/messages/{item}/categorise",
                {"categories": [mark]},
            )
        fetch(f"{self.sandbox}/sandbox/{path}", body)

    async def arrives(self, item: str, mark: str) -> None:
        """Wait until the consumer holds the item as it was changed."""
        while mark not in self.mirror.held.get(item, {}).get("labels", []):
            await self.mirror.changed()

    @property
    def set_aside(self) -> list[str]:
        """What the stream said of items it could not read."""
        return [words for words in self.mirror.told if words.startswith(TOLD)]


@asynccontextmanager
async def streaming(folder: Path, kind: Kind) -> AsyncIterator[tuple[Scene, Any, AsyncSCPClient]]:
    """A scene and its session; nothing is streamed yet."""
    sandbox = start_sandbox(folder, f"--messages={MESSAGES}")
    server = start_server(folder, sandbox, limits__stream_events_per_minute="0")
    scene = Scene(kind, sandbox.url)
    try:
        async with AsyncSCPClient(server.url, operator_key=operator_key(folder)) as client:
            opened = await client.open_session(kind.provider, [kind.stream_type])
            await consent_in_sandbox(
                server.url, provider=kind.provider, begin_at=opened.authorization_url
            )
            scene.account = str((await client.session(opened.session_id))["account"])
        async with AsyncSCPClient(server.url) as client:
            yield scene, opened.session_id, client
    finally:
        server.close()
        sandbox.close()


@pytest.mark.parametrize(
    ("kind", "marks"),
    [
        (GMAIL_MESSAGES, ("STARRED", "IMPORTANT")),
        (OUTLOOK_MESSAGES, ("Odd", "Odder")),
    ],
    ids=["google", "microsoft"],
)
async def test_a_stream_goes_on_past_items_that_cannot_be_read(
    tmp_path: Path, kind: Kind, marks: tuple[str, str]
) -> None:
    with anyio.fail_after(PATIENCE):
        async with (
            streaming(tmp_path, kind) as (scene, session_id, client),
            anyio.create_task_group() as tasks,
        ):
            ids = await to_thread.run_sync(scene.ids)
            unmarked = await to_thread.run_sync(scene.without, *marks)
            poisoned, later, neighbour = unmarked[len(unmarked) // 2], unmarked[3], unmarked[-3]
            await to_thread.run_sync(scene.nameless, poisoned)
            mirror = scene.mirror
            stream = client.stream(
                session_id=session_id,
                stream_type=kind.stream_type,
                real_time=True,
                rate_limit_per_minute=600,
                on_event=mirror.hear,
            )
            tasks.start_soon(mirror.follow, stream)
            while len(mirror.held) < len(ids) - 1:
                await mirror.changed()
            assert set(mirror.held) == set(ids) - {poisoned}

            await to_thread.run_sync(scene.nameless, later)
            for item in (later, neighbour):
                await to_thread.run_sync(scene.touch, item, marks[0])
            await scene.arrives(neighbour, marks[0])
            await to_thread.run_sync(scene.touch, neighbour, marks[1])
            await scene.arrives(neighbour, marks[1])
            assert len(scene.set_aside) >= 2
            assert marks[0] not in mirror.held[later]["labels"]

            await to_thread.run_sync(scene.healed)
            for item in (poisoned, later):
                await to_thread.run_sync(scene.touch, item, marks[1])
                await scene.arrives(item, marks[1])
            assert set(mirror.held) == set(ids)
            tasks.cancel_scope.cancel()
