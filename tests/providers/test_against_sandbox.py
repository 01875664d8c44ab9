"""The connectors over the real link against the project's own sandbox: ids compared."""

import random
from typing import Any

import pytest
from providers.google_world import ids, opened
from sandbox.browsing import ADA

from scp_server.domain.errors import ConsentLost, PositionLost
from scp_server.domain.streams import Position
from scp_server.ports.connector import Connector
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.google.gmail import GmailMessages
from scp_wire.filters import EventFilters, MailFilters


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
