"""contacts over the real link against the project's own sandbox."""

import pytest
from providers.google_world import ids, opened
from sandbox.browsing import ADA

from scp_server.domain.errors import PositionLost
from scp_server.domain.streams import Position
from scp_server.providers.google.contacts import GoogleContacts
from scp_wire.filters import ContactFilters
from scp_wire.items import Contact


@pytest.mark.parametrize("real_time", [True, False])
async def test_a_backfill_of_many_pages_gives_exactly_the_contacts(
    real_time: bool,  # noqa: FBT001
) -> None:
    async with opened(messages=20, contacts=2345) as world:
        connector = GoogleContacts(ContactFilters())
        if real_time:
            await world.link.perform(connector.bookmark())
        changes = await world.read(connector)
        found = ids(changes)
        assert set(found) == await world.people()
        assert len(found) == len(set(found)) == 2345
        items = [change.item for change in changes if isinstance(change.item, Contact)]
        assert all(item.subject for item in items)
        assert any(item.emails for item in items)
        assert any(item.phones for item in items)
        assert any(item.organisation for item in items)


@pytest.mark.parametrize("restart", [False, True])
async def test_contacts_are_followed_through_whatever_happens(
    restart: bool,  # noqa: FBT001
) -> None:
    async with opened(messages=20) as world:
        connector = GoogleContacts(ContactFilters())
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        for seed in range(6):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", contacts=80, seed=seed)
            connector = GoogleContacts(ContactFilters()) if restart else connector
            since = await world.follow(connector, since, held)
            assert held == await world.people(), f"seed {seed}"


async def test_a_query_is_held_to_while_contacts_change() -> None:
    async with opened(messages=20) as world:
        filters = ContactFilters(query="new face")
        connector = GoogleContacts(filters)
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        for seed in range(3):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", contacts=60, seed=seed)
            since = await world.follow(connector, since, held)
            assert held == set(ids(await world.read(GoogleContacts(filters)))), f"seed {seed}"
        assert held
        assert held < await world.people()


async def test_contacts_change_while_they_are_read() -> None:
    async with opened(messages=20, contacts=130) as world:
        connector = GoogleContacts(ContactFilters())
        since = await world.link.perform(connector.bookmark())
        held: set[str] = set()
        resume: Position | None = None
        for seed in range(100):
            step = await world.link.perform(connector.backfill(resume))
            held |= set(ids(list(step.changes)))
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", contacts=5, seed=seed)
            since = await world.follow(connector, since, held)
            resume = step.resume
            if resume is None:
                break
            connector = GoogleContacts(ContactFilters())
        assert resume is None
        assert held == await world.people()


async def test_a_sync_token_that_was_ended_is_a_lost_position() -> None:
    async with opened(messages=20) as world:
        connector = GoogleContacts(ContactFilters())
        since = await world.link.perform(connector.bookmark())
        await world.sandbox.control("/sync_tokens/expire", "POST")
        with pytest.raises(PositionLost):
            await world.link.perform(connector.follow(since))


async def test_a_sync_token_dies_a_week_after_its_full_sync_however_often_it_is_used() -> None:
    async with opened(messages=20) as world:
        connector = GoogleContacts(ContactFilters())
        since = await world.link.perform(connector.bookmark())
        for _ in range(6):
            await world.sandbox.control("/clock", "POST", advance=86_400)
            since = await world.follow(connector, since, set())
        await world.sandbox.control("/clock", "POST", advance=2 * 86_400)
        with pytest.raises(PositionLost):
            await world.link.perform(connector.follow(since))
        # And from a new full sync it goes on.
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        await world.sandbox.control(f"/users/{ADA}/bustle", "POST", contacts=20, seed=1)
        await world.follow(connector, since, held)
        assert held == await world.people()
