"""outlook_messages over the real link against the project's own sandbox."""

import random

import pytest
from providers.graph_world import ADA, GraphWorld, opened, versions

from scp_server.domain.errors import PositionLost, RequestRefused
from scp_server.domain.streams import Position
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_wire.events import ChangeKind
from scp_wire.filters import OutlookMailFilters
from scp_wire.items import Message

ALL = OutlookMailFilters()


async def begun(world: GraphWorld, connector: OutlookMessages) -> tuple[Position, dict[str, str]]:
    since = await world.link.perform(connector.bookmark())
    return since, versions(await world.read(connector))


@pytest.mark.parametrize("batch_size", [20, 1, 7])
async def test_a_backfill_gives_exactly_the_mailbox(batch_size: int) -> None:
    async with opened(batch_size) as world:
        found = await world.read(OutlookMessages(ALL))
        assert versions(found) == await world.mailbox()
        assert len(found) == len({change.item.id for change in found}) >= 140
        dates = [change.item.date for change in found if isinstance(change.item, Message)]
        assert dates == sorted(dates, key=str, reverse=True)


async def test_a_backfill_that_begins_anew_at_every_step_loses_nothing_though_mail_is_deleted() -> (
    None
):
    async with opened() as world:
        held: dict[str, str] = {}
        deleted: set[str] = set()
        resume: Position | None = None
        chance = random.Random(3)
        while True:
            step = await world.link.perform(OutlookMessages(ALL).backfill(resume))
            held |= {change.item.id: change.version for change in step.changes}
            resume = step.resume
            if resume is None:
                break
            # What was told already goes: pages would shift.
            for gone in chance.sample(sorted(set(held) - deleted), 5):
                await world.order(f"/messages/{gone}/delete")
                deleted.add(gone)
        assert set(await world.mailbox()) <= set(held)


async def test_following_random_changes_leads_to_the_mailbox_as_it_is() -> None:
    async with opened() as world:
        connector = OutlookMessages(ALL)
        since, held = await begun(world, connector)
        chance = random.Random(5)
        for turn in range(6):
            await world.stir(chance, 25)
            since, _ = await world.follow(connector, since, held)
            assert held == await world.mailbox(), f"turn {turn}"
            if turn % 2:
                connector = OutlookMessages(ALL)


async def test_a_mailbox_is_followed_while_it_is_read_with_a_restart_at_every_step() -> None:
    async with opened() as world:
        connector = OutlookMessages(ALL)
        since = await world.link.perform(connector.bookmark())
        held: dict[str, str] = {}
        resume: Position | None = None
        chance = random.Random(11)
        while True:
            step = await world.link.perform(connector.backfill(resume))
            held |= {change.item.id: change.version for change in step.changes}
            await world.stir(chance, 8)
            since, _ = await world.follow(connector, since, held)
            resume = step.resume
            if resume is None:
                break
            connector = OutlookMessages(ALL)
        assert held == await world.mailbox()


async def test_a_move_is_an_update_with_another_label_and_a_delivery_is_new() -> None:
    async with opened() as world:
        connector = OutlookMessages(ALL)
        since, held = await begun(world, connector)
        inbox = await world.sandbox.control(f"/outlook/{ADA}/messages?folder=inbox")
        moved = inbox["messages"][0]
        await world.order(f"/messages/{moved['id']}/move", folder="archive")
        sent = await world.order("/mail", count=1)
        _, changes = await world.follow(connector, since, held)
        told = {change.item.id: change for change in changes}
        assert len(told) == len(changes) == 2
        assert told[moved["immutableId"]].kind is ChangeKind.UPDATED
        item = told[moved["immutableId"]].item
        assert isinstance(item, Message)
        assert item.labels[0] == "Archive"
        assert told[sent["messages"][0]["immutableId"]].kind is ChangeKind.CREATED


async def test_a_new_folder_is_followed_and_a_folder_that_goes_with_its_mail_loses_the_place() -> (
    None
):
    async with opened() as world:
        connector = OutlookMessages(ALL)
        since, held = await begun(world, connector)
        folder = await world.order("/folders", name="Projects")
        await world.order("/mail", count=3, folder=folder["id"])
        since, changes = await world.follow(connector, since, held)
        assert [change.kind for change in changes] == [ChangeKind.CREATED] * 3
        assert held == await world.mailbox()
        await world.order(f"/folders/{folder['id']}/delete")
        with pytest.raises(PositionLost):
            await world.follow(connector, since, held)


@pytest.mark.parametrize(
    "condition",
    [
        "isRead eq false",
        "receivedDateTime ge 2026-10-01T00:00:00Z and isRead eq true",
        "hasAttachments eq true or importance eq 'high'",
        "contains(subject,'e') and categories/any(c:c eq 'Red')",
        "not (isRead eq true)",
    ],
)
async def test_a_filter_gives_what_graph_filters_also_after_changes(condition: str) -> None:
    async with opened() as world:
        connector = OutlookMessages(OutlookMailFilters(filter=condition))
        since, held = await begun(world, connector)
        assert held == await world.mailbox(**{"$filter": condition})
        chance = random.Random(2)
        for _ in range(3):
            await world.stir(chance, 20)
            since, _ = await world.follow(connector, since, held)
            assert held == await world.mailbox(**{"$filter": condition})


async def test_a_search_gives_what_graph_finds_and_a_filter_beside_it_narrows_it() -> None:
    async with opened() as world:
        found = await world.listed("/me/messages", **{"$search": '"hasattachments:true"'})
        search = OutlookMailFilters(search="hasattachments:true")
        assert set(versions(await world.read(OutlookMessages(search)))) == {m["id"] for m in found}
        both = OutlookMailFilters(search="hasattachments:true", filter="isRead eq false")
        narrowed = {m["id"] for m in found if not m["isRead"]}
        assert set(versions(await world.read(OutlookMessages(both)))) == narrowed
        assert 0 < len(narrowed) < len(found)


async def test_attachments_are_told_as_metadata() -> None:
    async with opened() as world:
        found = await world.read(
            OutlookMessages(OutlookMailFilters(filter="hasAttachments eq true"))
        )
        items = [change.item for change in found]
        assert items
        for item in items:
            assert isinstance(item, Message)
            assert item.attachments
            assert item.attachments[0].name
            assert (item.attachments[0].size or 0) > 0


@pytest.mark.parametrize(
    "loss",
    [
        {"code": "SyncStateNotFound", "status": 410},
        {"code": "syncStateInvalid", "status": 400},
        {"code": "ResyncRequired", "status": 410},
    ],
)
async def test_a_delta_link_that_died_is_a_lost_position(loss: dict[str, object]) -> None:
    async with opened() as world:
        since = await world.link.perform(OutlookMessages(ALL).bookmark())
        await world.sandbox.control("/outlook/delta/expire", "POST", **loss)
        with pytest.raises(PositionLost):
            await world.link.perform(OutlookMessages(ALL).follow(since))


async def test_an_account_without_a_mailbox_is_refused_in_clear_words() -> None:
    async with opened() as world:
        await world.sandbox.control("/outlook/mailbox", "POST", enabled=False)
        for reading in (OutlookMessages(ALL).bookmark(), OutlookMessages(ALL).backfill(None)):
            with pytest.raises(RequestRefused, match="no mailbox"):
                await world.link.perform(reading)


async def test_throttling_by_the_published_limits_is_never_met_at_four_at_once() -> None:
    async with opened() as world:
        await world.sandbox.control("/outlook/quotas", "POST", mode="published")
        connector = OutlookMessages(ALL)
        since, held = await begun(world, connector)
        await world.stir(random.Random(1), 30)
        await world.follow(connector, since, held)
        assert held == await world.mailbox()
        assert {outcome for _, outcome in world.outcomes} <= {"ok", "absent"}


async def test_a_token_that_expires_meanwhile_is_renewed() -> None:
    async with opened() as world:
        connector = OutlookMessages(ALL)
        since, held = await begun(world, connector)
        await world.sandbox.control("/outlook/tokens/expire", "POST")
        await world.stir(random.Random(4), 10)
        await world.follow(connector, since, held)
        assert world.tokens.renewed == 1
        assert held == await world.mailbox()
