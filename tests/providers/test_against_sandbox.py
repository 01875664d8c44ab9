"""The connectors over the real link against the project's own sandbox: ids compared."""

import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import anyio
import pytest
from providers.hurried import HurriedClock
from sandbox.browsing import ADA, Sandbox
from support.time_and_chance import RecordedChance

from scp_sandbox import SandboxSettings, serve
from scp_server.domain.changes import Change, Step
from scp_server.domain.errors import ConsentLost, PositionLost, ProviderProtocolError
from scp_server.domain.secrets import Secret
from scp_server.domain.streams import Position
from scp_server.ports.connector import Connector
from scp_server.providers.exchange import Exchange
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.gmail import GmailMessages
from scp_server.providers.google.quota import google_tariff
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.quota import Governor
from scp_wire.events import ChangeKind
from scp_wire.filters import EventFilters, MailFilters
from scp_wire.items import CalendarEvent

PLENTY = google_tariff(gmail_units_per_minute=10**9, calendar_requests_per_minute=10**9)


@dataclass
class Renewing:
    """Tokens that are asked for anew when one is refused."""

    sandbox: Sandbox
    token: Secret
    renewed: int = 0
    hopeless: bool = False

    async def access_token(self, _session_pk: int) -> Secret:
        return self.token

    async def refused(self, _session_pk: int, token: Secret, *, claims: str | None = None) -> None:
        if token == self.token:
            self.renewed += 1
        if not self.hopeless:
            self.token = Secret(await self.sandbox.sign_in())


@dataclass
class World:
    """A sandbox, a link to it, and what became of the calls."""

    sandbox: Sandbox
    link: HttpLink
    tokens: Renewing
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    async def read(self, connector: Connector) -> list[Change]:
        """A whole backfill."""
        changes: list[Change] = []
        resume: Position | None = None
        while True:
            step = await self._step(connector, resume)
            changes += step.changes
            resume = step.resume
            if resume is None:
                return changes

    async def _step(self, connector: Connector, resume: Position | None) -> Step:
        try:
            return await self.link.perform(connector.backfill(resume))
        except ProviderProtocolError:
            # What only the reading can see to be odd is the engine's to try again.
            return await self.link.perform(connector.backfill(resume))

    async def follow(self, connector: Connector, since: Position, held: set[str]) -> Position:
        """Apply all that changed to what a consumer holds."""
        while True:
            learned = await self.link.perform(connector.follow(since))
            for change in learned.changes:
                if exists(change):
                    held.add(change.item.id)
                else:
                    held.discard(change.item.id)
            since = learned.since
            if not learned.more:
                return since

    async def messages(self, **params: str) -> set[str]:
        """Ids that Gmail itself lists."""
        return await self._all("/gmail/v1/users/me/messages", "messages", params)

    async def events(self, **params: str) -> set[str]:
        """Ids that Calendar itself lists, of all calendars."""
        path, found = "/calendar/v3/users/me/calendarList", set[str]()
        for calendar in await self._all(path, "items", {}):
            listing = f"/calendar/v3/calendars/{calendar}/events"
            found |= await self._all(listing, "items", {"maxResults": "2500", **params})
        return found

    async def _all(self, path: str, key: str, params: dict[str, str]) -> set[str]:
        found: set[str] = set()
        place: dict[str, str] = {}
        while True:
            token = self.tokens.token.reveal()
            answer = await self.sandbox.call(path, params={**params, **place}, token=token)
            entries = answer.json.get(key, [])
            found |= {e["id"] for e in entries if e.get("status") != "cancelled"}
            if "nextPageToken" not in answer.json:
                return found
            place = {"pageToken": answer.json["nextPageToken"]}


@asynccontextmanager
async def opened(batch_size: int = 20, messages: int = 140) -> AsyncIterator[World]:
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = SandboxSettings(messages=messages, events=120)
    async with anyio.create_task_group() as group, aiohttp.ClientSession() as http:
        group.start_soon(_serve, settings, listening)
        sandbox = Sandbox(base=base, http=http)
        tokens = Renewing(sandbox, Secret(await sandbox.sign_in()))
        outcomes: list[tuple[str, str]] = []
        clock = HurriedClock(time.time())
        line = Line(
            dialect=google_dialect(PLENTY),
            exchange=Exchange(http),
            tokens=tokens,
            governor=Governor(PLENTY, clock, wait=clock.wait),
            clock=clock,
            chance=RecordedChance(0.0),
            batch_size=batch_size,
            sleep=clock.sleep,
            on_call=lambda method, outcome: outcomes.append((method, outcome)),
        )
        endpoints = {"gmail_url": base, "calendar_url": base}
        link = HttpLink(line, session_pk=1, account="ada", endpoints=endpoints)
        yield World(sandbox=sandbox, link=link, tokens=tokens, outcomes=outcomes)
        group.cancel_scope.cancel()


async def _serve(settings: SandboxSettings, listening: socket.socket) -> None:
    await serve(settings, host="127.0.0.1", port=0, sockets=[listening])


def exists(change: Change) -> bool:
    """Whether there is something to hold: a cancelled exception is a change, but no event."""
    cancelled = isinstance(change.item, CalendarEvent) and change.item.status == "cancelled"
    return change.kind is not ChangeKind.DELETED and not cancelled


def ids(changes: list[Change]) -> list[str]:
    return [change.item.id for change in changes if exists(change)]


@pytest.mark.parametrize("batch_size", [20, 1, 7])
async def test_a_backfill_gives_exactly_the_mailbox(batch_size: int) -> None:
    async with opened(batch_size) as world:
        found = ids(await world.read(GmailMessages(MailFilters())))
        assert set(found) == await world.messages()
        assert len(found) == len(set(found)) == 140


@pytest.mark.parametrize(
    ("filters", "params"),
    [
        (MailFilters(query="is:unread"), {"q": "is:unread"}),
        (MailFilters(label_ids=("STARRED",)), {"labelIds": "STARRED"}),
        (MailFilters(include_spam_trash=True), {"includeSpamTrash": "true"}),
    ],
)
async def test_filters_give_what_gmails_own_search_gives_also_after_changes(
    filters: MailFilters, params: dict[str, str]
) -> None:
    async with opened() as world:
        connector = GmailMessages(filters)
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        assert held == await world.messages(**params)
        for seed in range(3):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", mail=60, seed=seed)
            since = await world.follow(connector, since, held)
            assert held == await world.messages(**params), f"seed {seed}"


async def test_a_mailbox_is_followed_through_changes_while_it_is_read() -> None:
    async with opened() as world:
        connector = GmailMessages(MailFilters())
        since = await world.link.perform(connector.bookmark())
        held: set[str] = set()
        resume: Position | None = None
        chance = random.Random(7)
        while True:
            step = await world.link.perform(connector.backfill(resume))
            held |= set(ids(list(step.changes)))
            seed = chance.randrange(1000)
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", mail=15, seed=seed)
            since = await world.follow(connector, since, held)
            resume = step.resume
            if resume is None:
                break
            # A restart at every step.
            connector = GmailMessages(MailFilters())
        assert held == await world.messages()


async def test_faults_of_all_kinds_are_ridden_out() -> None:
    faults: list[dict[str, Any]] = [
        {"kind": "status", "status": 503, "every": 9, "count": 3, "path": "messages"},
        {"kind": "status", "status": 429, "every": 17, "count": 3, "path": "messages/"},
        {"kind": "status", "status": 403, "reason": "userRateLimitExceeded", "after": 40},
        {"kind": "reset", "path": "/batch", "after": 2},
        {"kind": "truncate", "path": "/batch", "after": 4},
        {"kind": "html", "path": "messages/", "after": 30},
        {"kind": "broken_json", "path": "messages$"},
        {"kind": "wrong_json", "path": "messages$", "after": 1},
        {"kind": "expire_tokens", "path": "/batch", "after": 6},
    ]
    async with opened() as world:
        for fault in faults:
            await world.sandbox.control("/faults", "POST", **fault)
        found = ids(await world.read(GmailMessages(MailFilters())))
        await world.sandbox.control("/faults", "DELETE")
        assert set(found) == await world.messages()
        assert world.tokens.renewed == 1
        met = {outcome for _, outcome in world.outcomes}
        assert met == {"ok", "unavailable", "rate_limited", "odd", "unauthorised"}


async def test_a_message_that_goes_between_listing_and_fetching_does_no_harm() -> None:
    async with opened() as world:
        await world.sandbox.control("/faults", "POST", kind="gone", path="messages$", count=2)
        found = ids(await world.read(GmailMessages(MailFilters())))
        assert set(found) == await world.messages()
        assert ("gmail.messages.get", "absent") in world.outcomes


@pytest.mark.parametrize("kind", ["gmail", "calendar"])
async def test_a_place_that_is_too_old_is_lost(kind: str) -> None:
    connector: Connector = (
        GmailMessages(MailFilters()) if kind == "gmail" else CalendarEvents(EventFilters())
    )
    async with opened() as world:
        since = await world.link.perform(connector.bookmark())
        await world.sandbox.control("/history/expire", "POST")
        await world.sandbox.control("/sync_tokens/expire", "POST")
        with pytest.raises(PositionLost):
            await world.link.perform(connector.follow(since))


@pytest.mark.parametrize(
    ("filters", "params"),
    [
        (EventFilters(), {}),
        (EventFilters(query="budget round"), {"q": "budget round"}),
    ],
)
async def test_calendars_are_read_and_followed(
    filters: EventFilters, params: dict[str, str]
) -> None:
    async with opened() as world:
        connector = CalendarEvents(filters)
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        assert held == await world.events(**params)
        assert held
        for seed in range(4):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", events=40, seed=seed)
            since = await world.follow(connector, since, held)
            assert held == await world.events(**params), f"seed {seed}"


async def test_a_withdrawn_consent_is_told_and_not_asked_for_again_and_again() -> None:
    async with opened() as world:
        await world.sandbox.control("/grants/revoke", "POST")
        world.tokens.hopeless = True
        with pytest.raises(ConsentLost):
            await world.link.perform(GmailMessages(MailFilters()).bookmark())
        assert world.tokens.renewed == 1
