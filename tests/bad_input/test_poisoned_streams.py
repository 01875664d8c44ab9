"""Server, sandbox and SDK: what cannot be read is told of, the stream goes on, all else arrives."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from support.mirror import Mirror
from support.processes import fetch, operator_key, start_sandbox, start_server
from support.worlds import (
    CALENDAR_EVENTS,
    GMAIL_MESSAGES,
    GOOGLE_CONTACTS,
    GOOGLE_FILES,
    ONEDRIVE_FILES,
    OUTLOOK_CONTACTS,
    OUTLOOK_EVENTS,
    OUTLOOK_MESSAGES,
    Kind,
)

from scp_sdk import AsyncSCPClient
from scp_sdk.sandbox_consent import consent_in_sandbox

SIZES = ("--messages=60", "--events=60", "--contacts=20", "--files=30")
PATIENCE = 180
TOLD = "stream_error PROVIDER_ERROR {'item_id'"
MARKS = ("STARRED", "IMPORTANT")
"""What the items are marked with, one after the other."""
Fact = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an item of a kind is changed so that it bears a mark."""

    kind: Kind
    path: str
    """Of the control call, beneath the account."""
    body: Callable[[str, Fact], dict[str, Any]]
    """The mark, and the fact that the world tells of the item."""
    bears: Callable[[dict[str, Any], str], bool] = lambda payload, mark: mark in payload["subject"]
    plain: Callable[[Fact], bool] = lambda _fact: True
    """Whether the item can be changed so, and bears no mark yet."""


def _labelled(payload: dict[str, Any], mark: str) -> bool:
    return mark in payload["labels"]


WAYS = {
    "google": (
        Way(
            kind=GMAIL_MESSAGES,
            path="messages/{id}/labels",
            body=lambda mark, _: {"add": [mark]},
            bears=_labelled,
            plain=lambda fact: not {*MARKS} & {*fact[1]},
        ),
        Way(
            kind=CALENDAR_EVENTS,
            path="events/{id}/update",
            body=lambda mark, fact: {"calendar": fact[0], "summary": mark},
            plain=lambda fact: fact[1] is None,
        ),
        Way(
            kind=GOOGLE_CONTACTS,
            path="contacts/{id}/update",
            body=lambda mark, _: {"given": mark},
        ),
        Way(kind=GOOGLE_FILES, path="files/{id}/update", body=lambda mark, _: {"name": mark}),
    ),
    "microsoft": (
        Way(
            kind=OUTLOOK_MESSAGES,
            path="messages/{id}/categorise",
            body=lambda mark, _: {"categories": [mark]},
            bears=_labelled,
        ),
        Way(
            kind=OUTLOOK_EVENTS,
            path="events/{id}/update",
            body=lambda mark, _: {"subject": mark},
            plain=lambda fact: fact[4] is None and not fact[5],
        ),
        Way(
            kind=OUTLOOK_CONTACTS,
            path="contacts/{id}/update",
            body=lambda mark, _: {"given": mark},
        ),
        Way(kind=ONEDRIVE_FILES, path="files/{id}/update", body=lambda mark, _: {"name": mark}),
    ),
}


@dataclass(slots=True)
class Scene:
    """A stream of one kind, held by a mirror, and orders to the sandbox beside it."""

    way: Way
    sandbox: str
    account: str
    mirror: Mirror = field(default_factory=Mirror)
    ids: list[str] = field(default_factory=list)
    """All items, as the stream names them."""
    poisoned: str = ""
    """Is damaged from the beginning."""
    later: str = ""
    """Is damaged while it is followed."""
    neighbour: str = ""
    """Never is."""

    def cast(self) -> None:
        """Say who plays which part, and damage the first."""
        world = self.way.kind.world(self.sandbox, self.account)
        self.ids = sorted(world)
        plain = [identity for identity in self.ids if self.way.plain(world[identity])]
        self.poisoned, self.later, self.neighbour = plain[len(plain) // 2], plain[1], plain[-2]
        self.nameless(self.poisoned)

    def nameless(self, item: str) -> None:
        """From now on an item comes without its id, wherever it comes."""
        fetch(f"{self.sandbox}/sandbox/faults", {"kind": "nameless", "item": item, "count": None})

    def touch(self, item: str, mark: str) -> None:
        """Change an item so that following brings it."""
        kind = self.way.kind
        room = "users" if kind.provider == "google" else "outlook"
        account = f"{self.sandbox}/sandbox/{room}/{self.account}"
        fact = kind.world(self.sandbox, self.account)[item]
        if kind is GOOGLE_CONTACTS:
            listed = fetch(f"{account}/contacts")["contacts"]
            item = next(c["id"] for c in listed if c["resourceName"] == item)
        fetch(f"{account}/{self.way.path.format(id=item)}", self.way.body(mark, fact))

    def bears(self, item: str, mark: str) -> bool:
        """Whether the consumer holds the item with its mark."""
        payload = self.mirror.held.get(item)
        return payload is not None and self.way.bears(payload, mark)

    async def arrives(self, item: str, mark: str) -> None:
        """Change an item, and wait until the consumer holds it so."""
        await to_thread.run_sync(self.touch, item, mark)
        while not self.bears(item, mark):
            await self.mirror.changed()

    @property
    def set_aside(self) -> list[str]:
        """What the stream said of items it could not read."""
        return [words for words in self.mirror.told if words.startswith(TOLD)]

    # -- what happens ----------------------------------------------------------------------------

    async def is_read_but_for_the_poisoned(self) -> None:
        """All others arrive."""
        while len(self.mirror.held) < len(self.ids) - 1:
            await self.mirror.changed()
        assert set(self.mirror.held) == set(self.ids) - {self.poisoned}

    async def is_followed_past_another(self) -> None:
        """One more is damaged and changed; what changes beside it and after it arrives."""
        await to_thread.run_sync(self.nameless, self.later)
        await to_thread.run_sync(self.touch, self.later, MARKS[0])
        for mark in MARKS:
            await self.arrives(self.neighbour, mark)
        assert len(self.set_aside) >= 2
        assert not self.bears(self.later, MARKS[0])

    async def is_whole_again(self) -> None:
        """Once they are sound and change, the damaged ones arrive."""
        for item in (self.poisoned, self.later):
            await self.arrives(item, MARKS[1])
        assert set(self.mirror.held) == set(self.ids)


@asynccontextmanager
async def streaming(folder: Path, provider: str) -> AsyncIterator[tuple[list[Scene], Any, str]]:
    """Scenes of one account's streams, its session, the server; nothing is streamed yet."""
    ways = WAYS[provider]
    sandbox = start_sandbox(folder, *SIZES)
    server = start_server(folder, sandbox, limits__stream_events_per_minute="0")
    try:
        async with AsyncSCPClient(server.url, operator_key=operator_key(folder)) as client:
            opened = await client.open_session(provider, [w.kind.stream_type for w in ways])
            await consent_in_sandbox(
                server.url, provider=provider, begin_at=opened.authorization_url
            )
            account = str((await client.session(opened.session_id))["account"])
        scenes = [Scene(way, sandbox.url, account) for way in ways]
        yield scenes, opened.session_id, server.url
    finally:
        server.close()
        sandbox.close()


async def each(acts: Sequence[Callable[[], Any]]) -> None:
    """All at once, each to its end."""
    async with anyio.create_task_group() as tasks:
        for act in acts:
            tasks.start_soon(act)


@pytest.mark.parametrize("provider", WAYS)
async def test_streams_go_on_past_items_that_cannot_be_read(tmp_path: Path, provider: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with (
            streaming(tmp_path, provider) as (scenes, session_id, url),
            AsyncSCPClient(url) as client,
            anyio.create_task_group() as tasks,
        ):
            for scene in scenes:
                await to_thread.run_sync(scene.cast)
                stream = client.stream(
                    session_id=session_id,
                    stream_type=scene.way.kind.stream_type,
                    real_time=True,
                    rate_limit_per_minute=600,
                    on_event=scene.mirror.hear,
                )
                tasks.start_soon(scene.mirror.follow, stream)
            await each([scene.is_read_but_for_the_poisoned for scene in scenes])
            await each([scene.is_followed_past_another for scene in scenes])
            fetch(f"{scenes[0].sandbox}/sandbox/faults", method="DELETE")
            await each([scene.is_whole_again for scene in scenes])
            tasks.cancel_scope.cancel()
