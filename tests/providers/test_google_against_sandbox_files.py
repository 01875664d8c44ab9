"""files over the real link against the project's own sandbox."""

import pytest
from providers.google_world import ids, opened
from sandbox.browsing import ADA

from scp_server.domain.streams import Position
from scp_server.providers.google.files import DriveFiles
from scp_wire.filters import FileFilters
from scp_wire.items import File

FOLDER = "application/vnd.google-apps.folder"


async def test_a_backfill_of_many_pages_gives_exactly_the_files() -> None:
    async with opened(messages=20, files=2345) as world:
        changes = await world.read(DriveFiles(FileFilters(include_trashed=True)))
        found = ids(changes)
        assert set(found) == await world.files(None)
        assert len(found) == len(set(found)) > 2000
        items = [change.item for change in changes if isinstance(change.item, File)]
        assert all(item.subject and item.mime_type and item.created for item in items)
        assert {item.trashed for item in items} == {True, False}
        assert any(item.size for item in items)
        assert all(item.size is None for item in items if item.mime_type == FOLDER)
        assert all(change.version.isdecimal() for change in changes)


@pytest.mark.parametrize(
    ("filters", "q"),
    [
        (FileFilters(), "trashed = false"),
        (FileFilters(include_trashed=True), None),
        (FileFilters(query="made up"), "name contains 'made up' and trashed = false"),
        (
            FileFilters(query="Renamed", include_trashed=True),
            "name contains 'renamed'",
        ),
        (
            FileFilters(mime_types=("text/plain", FOLDER)),
            f"(mimeType = 'text/plain' or mimeType = '{FOLDER}') and trashed = false",
        ),
    ],
)
async def test_filters_give_what_drives_own_search_gives_also_after_changes(
    filters: FileFilters, q: str | None
) -> None:
    async with opened(messages=20) as world:
        connector = DriveFiles(filters)
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        assert held == await world.files(q)
        for seed in range(6):
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", files=60, seed=seed)
            since = await world.follow(connector, since, held)
            assert held == await world.files(q), f"seed {seed}"
        assert held


async def test_files_change_while_they_are_read() -> None:
    async with opened(messages=20, files=220) as world:
        connector = DriveFiles(FileFilters())
        since = await world.link.perform(connector.bookmark())
        held: set[str] = set()
        resume: Position | None = None
        for seed in range(100):
            step = await world.link.perform(connector.backfill(resume))
            held |= set(ids(list(step.changes)))
            await world.sandbox.control(f"/users/{ADA}/bustle", "POST", files=8, seed=seed)
            since = await world.follow(connector, since, held)
            resume = step.resume
            if resume is None:
                break
            # A restart at every step.
            connector = DriveFiles(FileFilters())
        assert resume is None
        assert held == await world.files("trashed = false")


async def test_a_token_of_changes_outlives_what_ends_all_others() -> None:
    async with opened(messages=20) as world:
        connector = DriveFiles(FileFilters())
        since = await world.link.perform(connector.bookmark())
        held = set(ids(await world.read(connector)))
        await world.sandbox.control("/sync_tokens/expire", "POST")
        await world.sandbox.control("/clock", "POST", advance=90 * 86_400)
        await world.sandbox.control(f"/users/{ADA}/bustle", "POST", files=40, seed=3)
        await world.follow(connector, since, held)
        assert held == await world.files("trashed = false")


async def test_a_file_that_comes_is_created_and_one_that_changes_updated() -> None:
    async with opened(messages=20) as world:
        connector = DriveFiles(FileFilters())
        since = await world.link.perform(connector.bookmark())
        await world.sandbox.control("/clock", "POST", advance=60)
        made = await world.sandbox.control(
            f"/users/{ADA}/files", "POST", name="O'Neil \\ sons", mime_type="text/plain", words="x"
        )
        learned = await world.link.perform(connector.follow(since))
        assert [(c.kind.value, c.item.id) for c in learned.changes] == [("created", made["id"])]
        await world.sandbox.control("/clock", "POST", advance=60)
        await world.sandbox.control(f"/users/{ADA}/files/{made['id']}/edit", "POST", words="y")
        learned = await world.link.perform(connector.follow(learned.since))
        assert [(c.kind.value, c.item.id) for c in learned.changes] == [("updated", made["id"])]
        found = await world.read(DriveFiles(FileFilters(query="o'neil \\ sons")))
        assert ids(found) == [made["id"]]
