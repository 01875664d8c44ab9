"""contacts and files at Microsoft over the real link against the project's own sandbox."""

import pytest
from providers.graph_world import ADA, GraphWorld, opened, versions

from scp_server.domain.errors import PositionLost
from scp_server.ports.connector import Connector
from scp_server.providers.microsoft.contacts import OutlookContacts
from scp_server.providers.microsoft.drive import OneDriveFiles
from scp_wire.events import ChangeKind
from scp_wire.filters import ContactFilters, FileFilters
from scp_wire.items import Contact, File


async def contacts(world: GraphWorld) -> set[str]:
    listed = await world.sandbox.control(f"/outlook/{ADA}/contacts")
    return {entry["immutableId"] for entry in listed["contacts"]}


async def files(world: GraphWorld) -> set[str]:
    listed = await world.sandbox.control(f"/outlook/{ADA}/files")
    return {entry["id"] for entry in listed["files"]}


async def test_contacts_of_all_folders_are_read_and_followed() -> None:
    async with opened() as world:
        connector = OutlookContacts(ContactFilters())
        since = await world.link.perform(connector.bookmark())
        found = await world.read(connector)
        held = versions(found)
        assert set(held) == await contacts(world)
        assert len(found) == len(held) > 10
        assert all(isinstance(c.item, Contact) and c.item.subject for c in found)
        for seed in range(4):
            await world.order("/bustle", contacts=20, seed=seed)
            since, _ = await world.follow(connector, since, held)
            assert set(held) == await contacts(world), f"seed {seed}"
            connector = OutlookContacts(ContactFilters())


async def test_a_contact_that_ceases_to_match_leaves_the_stream() -> None:
    async with opened() as world:
        made = await world.order("/contacts", given="Zebulon", emails=["zeb@example.example"])
        connector = OutlookContacts(ContactFilters(query="ZEBULON"))
        since = await world.link.perform(connector.bookmark())
        held = versions(await world.read(connector))
        assert set(held) == {made["immutableId"]}
        await world.order(f"/contacts/{made['id']}/update", given="Anna")
        since, changes = await world.follow(connector, since, held)
        assert [(c.kind, c.reason) for c in changes] == [(ChangeKind.DELETED, "left_filter")]
        new = await world.order("/contacts", given="Zebulon")
        _, changes = await world.follow(connector, since, held)
        assert [(c.item.id, c.kind) for c in changes] == [(new["immutableId"], ChangeKind.CREATED)]


async def test_files_are_read_and_followed() -> None:
    async with opened() as world:
        connector = OneDriveFiles(FileFilters())
        since = await world.link.perform(connector.bookmark())
        found = await world.read(connector)
        held = versions(found)
        assert set(held) == await files(world)
        assert len(held) > 10
        assert all(isinstance(c.item, File) and c.item.subject for c in found)
        for seed in range(4):
            await world.order("/bustle", files=25, seed=seed)
            since, _ = await world.follow(connector, since, held)
            assert set(held) == await files(world), f"seed {seed}"
            connector = OneDriveFiles(FileFilters())


async def test_files_are_filtered_by_name_and_type_in_both_halves() -> None:
    async with opened() as world:
        connector = OneDriveFiles(FileFilters(query="made UP", mime_types=("text/plain",)))
        since = await world.link.perform(connector.bookmark())
        held = versions(await world.read(connector))
        assert held == {}
        await world.order("/bustle", files=40, seed=3)
        await world.follow(connector, since, held)
        listed = await world.sandbox.control(f"/outlook/{ADA}/files")
        wanted = {e["id"] for e in listed["files"] if e["name"].startswith("Made up")}
        assert set(held) == wanted
        assert held


async def test_a_new_file_is_created_and_an_edited_one_updated() -> None:
    async with opened() as world:
        old = await world.order("/files", name="old.txt", words="a")
        connector = OneDriveFiles(FileFilters())
        since = await world.link.perform(connector.bookmark())
        new = await world.order("/files", name="new.txt", words="b")
        await world.order(f"/files/{old['id']}/delete")
        _, changes = await world.follow(connector, since, {})
        told = {change.item.id: change.kind for change in changes}
        assert told == {old["id"]: ChangeKind.DELETED, new["id"]: ChangeKind.CREATED}


@pytest.mark.parametrize(
    "connector", [OutlookContacts(ContactFilters()), OneDriveFiles(FileFilters())]
)
async def test_a_delta_link_that_died_is_a_lost_position(connector: Connector) -> None:
    async with opened() as world:
        since = await world.link.perform(connector.bookmark())
        await world.sandbox.control("/outlook/delta/expire", "POST")
        with pytest.raises(PositionLost):
            await world.link.perform(connector.follow(since))


@pytest.mark.parametrize("what", ["contacts", "files"])
async def test_what_a_backfill_met_and_left_the_filter_before_the_first_look_is_told(
    what: str,
) -> None:
    async with opened() as world:
        field = "given" if what == "contacts" else "name"
        connector = (
            OutlookContacts(ContactFilters(query="zebulon"))
            if what == "contacts"
            else OneDriveFiles(FileFilters(query="zebulon"))
        )
        since = await world.link.perform(connector.bookmark())
        made = await world.order(f"/{what}", **{field: "Zebulon"})
        held = versions(await world.read(connector))
        assert len(held) == 1
        await world.order(f"/{what}/{made['id']}/update", **{field: "Else"})
        since, changes = await world.follow(connector, since, held)
        assert [(c.kind, c.reason) for c in changes] == [(ChangeKind.DELETED, "left_filter")]
        await world.order(f"/{what}", **{field: "Nobody holds this"})
        _, changes = await world.follow(connector, since, held)
        assert changes == []
