"""outlook_events over the real link against the project's own sandbox."""

from datetime import UTC, datetime, timedelta

import pytest
from providers.graph_world import ADA, GraphWorld, Json, opened, versions

from scp_sandbox.microsoft.graph.zones import known_as, windows_name
from scp_sandbox.world.anchor import ANCHOR
from scp_server.domain.errors import PositionLost
from scp_server.domain.streams import Position
from scp_server.providers.microsoft.calendar import OutlookEvents
from scp_server.providers.microsoft.zones import iana_name
from scp_wire.events import ChangeKind
from scp_wire.filters import EventFilters
from scp_wire.items import CalendarEvent

LOW, HIGH = ANCHOR - timedelta(days=200), ANCHOR + timedelta(days=365)
WINDOW = EventFilters(time_min=LOW, time_max=HIGH)
ROLLING = EventFilters()


async def shown(world: GraphWorld, low: datetime, high: datetime) -> dict[str, str]:
    """Change keys by id of what Graph's own view has: events, exceptions, and masters of what is
    spelled out.
    """
    span = {"startDateTime": low.isoformat(), "endDateTime": high.isoformat()}
    rows = await world.listed("/me/calendarView", **{**span, "$top": "500"})
    found = {row["id"]: row["changeKey"] for row in rows if row["type"] != "occurrence"}
    for series in {row["seriesMasterId"] for row in rows if row["seriesMasterId"]}:
        master = await world.graph(f"/me/events/{series}")
        found[series] = master["changeKey"]
    return found


async def begun(world: GraphWorld, connector: OutlookEvents) -> tuple[Position, dict[str, str]]:
    since = await world.link.perform(connector.bookmark())
    found = versions(await world.read(connector))
    return since, {i: version.partition(" ")[0] for i, version in found.items()}


async def made(world: GraphWorld, start: datetime, **more: object) -> Json:
    """An event of an hour."""
    event: Json = await world.order("/events", start=start.isoformat(), **more)
    return event


@pytest.mark.parametrize("batch_size", [20, 3])
async def test_a_backfill_gives_what_the_window_shows_each_once(batch_size: int) -> None:
    async with opened(batch_size) as world:
        found = await world.read(OutlookEvents(WINDOW))
        keys = {i: version.partition(" ")[0] for i, version in versions(found).items()}
        assert keys == await shown(world, LOW, HIGH)
        assert len(found) == len({change.item.id for change in found}) > 50
        kinds = [change.item for change in found if isinstance(change.item, CalendarEvent)]
        assert any(item.recurrence for item in kinds)
        assert any(item.series_id for item in kinds)
        assert all(item.start and item.end and item.calendar_id for item in kinds)


async def test_following_random_changes_leads_to_what_the_window_shows() -> None:
    async with opened() as world:
        connector = OutlookEvents(WINDOW)
        since, held = await begun(world, connector)
        for seed in range(5):
            await world.order("/bustle", events=30, seed=seed)
            since, _ = await world.follow(connector, since, held)
            assert set(held) == set(await shown(world, LOW, HIGH)), f"seed {seed}"
            if seed % 2:
                connector = OutlookEvents(WINDOW)


async def test_a_query_is_judged_in_both_halves() -> None:
    async with opened() as world:
        filters = EventFilters(time_min=LOW, time_max=HIGH, query="RENAMED")
        connector = OutlookEvents(filters)
        since, held = await begun(world, connector)
        assert held == {}
        await world.order("/bustle", events=60, seed=2)
        await world.follow(connector, since, held)
        subjects = {}
        for identity in await shown(world, LOW, HIGH):
            subjects[identity] = (await world.graph(f"/me/events/{identity}"))["subject"]
        assert set(held) == {i for i, subject in subjects.items() if "Renamed" in subject}
        assert held


async def test_what_leaves_the_window_is_told_apart_from_what_is_deleted() -> None:
    now = datetime.now(UTC)
    async with opened() as world:
        connector = OutlookEvents(ROLLING, days_back=10, days_ahead=20)
        stays = await made(world, now + timedelta(days=2), subject="Goes far away")
        goes = await made(world, now + timedelta(days=3), subject="Goes for good")
        since, held = await begun(world, connector)
        assert {stays["immutableId"], goes["immutableId"]} <= set(held)
        await world.order(f"/events/{stays['id']}/move", minutes=60 * 24 * 90)
        await world.order(f"/events/{goes['id']}/delete")
        _, changes = await world.follow(connector, since, held)
        assert {change.kind for change in changes} == {ChangeKind.DELETED}
        assert {change.item.id: change.reason for change in changes} == {
            stays["immutableId"]: "left_filter",
            goes["immutableId"]: None,
        }


async def test_a_new_event_is_created_and_a_changed_one_updated() -> None:
    async with opened() as world:
        connector = OutlookEvents(WINDOW)
        old = await made(world, ANCHOR + timedelta(days=1), subject="Old")
        since, held = await begun(world, connector)
        new = await made(world, ANCHOR + timedelta(days=2), subject="New")
        await world.order(f"/events/{old['id']}/update", subject="Older")
        _, changes = await world.follow(connector, since, held)
        told = {change.item.id: change.kind for change in changes}
        assert told == {
            old["immutableId"]: ChangeKind.UPDATED,
            new["immutableId"]: ChangeKind.CREATED,
        }


async def test_a_delta_link_that_died_is_a_lost_position() -> None:
    async with opened() as world:
        since = await world.link.perform(OutlookEvents(WINDOW).bookmark())
        await world.sandbox.control("/outlook/delta/expire", "POST")
        with pytest.raises(PositionLost):
            await world.link.perform(OutlookEvents(WINDOW).follow(since))


async def test_another_days_window_tells_what_came_into_sight_and_deletes_nothing() -> None:
    async with opened() as world:
        listed = await world.sandbox.control(f"/outlook/{ADA}/events")
        assert listed["count"]
        connector = OutlookEvents(ROLLING, days_back=400, days_ahead=30)
        since, held = await begun(world, connector)
        # A server that is set to look further sees more at its next look.
        now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        wider = OutlookEvents(ROLLING, days_back=400, days_ahead=300)
        before = dict(held)
        since, changes = await world.follow(wider, since, held)
        expected = await shown(world, now - timedelta(days=400), now + timedelta(days=300))
        assert held == expected
        assert {change.kind for change in changes} <= {ChangeKind.UPDATED}
        assert {change.item.id for change in changes} == set(held) - set(before)
        await world.order("/bustle", events=20, seed=9)
        await world.follow(wider, since, held)
        expected = await shown(world, now - timedelta(days=400), now + timedelta(days=300))
        assert set(expected) <= set(held)


@pytest.mark.parametrize(
    ("iana", "windows"),
    [
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("Australia/Sydney", "AUS Eastern Standard Time"),
        ("Europe/London", "GMT Standard Time"),
        ("UTC", "UTC"),
    ],
)
def test_the_sandbox_spells_zones_as_windows_does(iana: str, windows: str) -> None:
    assert windows_name(iana) == windows
    assert iana_name(windows) == iana
    assert known_as(windows.lower()) == known_as(iana)
