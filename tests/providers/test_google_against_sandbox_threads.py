"""gmail_threads over the real link against the project's own sandbox."""

import random

import pytest
from providers.google_world import ids, opened
from sandbox.browsing import ADA

from scp_server.domain.errors import PositionLost
from scp_server.domain.streams import Position
from scp_server.providers.google.gmail import GmailMessages
from scp_server.providers.google.gmail_threads import GmailThreads
from scp_wire.filters import MailFilters
from scp_wire.items import Thread


@pytest.mark.parametrize("batch_size", [20, 1, 3])
async def test_a_backfill_gives_exactly_the_threads_and_all_their_messages(batch_size: int) -> None:
    async with opened(batch_size) as world:
        changes = await world.read(GmailThreads(MailFilters(include_spam_trash=True)))
        found = ids(changes)
        assert set(found) == await world.threads(includeSpamTrash="true")
        assert len(found) == len(set(found)) > 20
        items = [change.item for change in changes if isinstance(change.item, Thread)]
        within = [message.id for item in items for message in item.messages]
        assert set(within) == await world.messages(includeSpamTrash="true")
        assert all(item.message_count == len(item.messages) for item in items)
        assert all(item.last_date for item in items)


@pytest.mark.parametrize(
    ("filters", "params"),
    [
        (MailFilters(), {}),
        (MailFilters(query="is:unread"), {"q": "is:unread"}),
        (MailFilters(query="in:trash OR is:starred"), {"q": "in:trash OR is:starred"}),
        (MailFilters(label_ids=("STARRED",)), {"labelIds": "STARRED"}),
        (MailFilters(include_spam_trash=True), {"includeSpamTrash": "true"}),
    ],
)
async def test_filters_give_what_gmails_own_search_gives_also_after_changes(
    filters: MailFilters, params: dict[str, str]
) -> None:
    async with opened() as world:
        connector = GmailThreads(filters)
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        assert held == await world.threads(**params)
        for seed in range(4):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", mail=60, seed=seed)
            since = await world.follow(connector, since, held)
            assert held == await world.threads(**params), f"seed {seed}"


async def test_threads_are_followed_through_changes_while_they_are_read() -> None:
    async with opened() as world:
        connector = GmailThreads(MailFilters())
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
            connector = GmailThreads(MailFilters())
        assert held == await world.threads()


async def test_a_place_that_is_too_old_is_lost() -> None:
    async with opened() as world:
        connector = GmailThreads(MailFilters())
        since = await world.link.perform(connector.bookmark())
        await world.sandbox.control("/history/expire", "POST")
        with pytest.raises(PositionLost):
            await world.link.perform(connector.follow(since))


@pytest.mark.parametrize("batch_size", [20, 1])
@pytest.mark.parametrize("fault", [{"kind": "status", "status": 500}, {"kind": "html"}])
async def test_a_poisoned_message_is_set_aside_and_all_others_are_read(
    fault: dict[str, object], batch_size: int
) -> None:
    async with opened(batch_size) as world:
        everything = await world.messages()
        bad = min(everything)
        await world.sandbox.control("/faults", "POST", path=f"messages/{bad}$", count=None, **fault)
        changes, skipped = await world.read_on(GmailMessages(MailFilters()))
        assert [entry.id for entry in skipped] == [bad]
        assert set(ids(changes)) == everything - {bad}


async def test_a_poisoned_thread_holds_up_nothing_that_is_followed() -> None:
    async with opened() as world:
        connector = GmailThreads(MailFilters())
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        bad = max(held)
        path = f"threads/{bad}$"
        await world.sandbox.control(
            "/faults", "POST", kind="status", status=503, path=path, count=None
        )
        for seed in range(3):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", mail=60, seed=seed)
            since = await world.follow(connector, since, held)
            assert held - {bad} == await world.threads() - {bad}, f"seed {seed}"
