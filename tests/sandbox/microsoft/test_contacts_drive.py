"""Outlook's contacts and OneDrive: listings, delta rounds, and what both leave out."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox.microsoft.calling import ADA, CHIYO, FOLLOWED, IMMUTABLE, Graph, Microsoft

CONTACTS = "/me/contacts/delta"
DRIVE = "/me/drive/root/delta"


async def contacts_of(microsoft: Microsoft, folder: str) -> set[str]:
    found = (await microsoft.control(f"/{ADA}/contacts"))["contacts"]
    return {c["id"] for c in found if c["folder"] == folder}


async def files_of(microsoft: Microsoft, user: str = ADA) -> dict[str, dict[str, Any]]:
    found = (await microsoft.control(f"/{user}/files"))["files"]
    return {f["id"]: f for f in found}


async def test_contacts_lie_in_the_default_folder_and_beside_it(
    resting: Microsoft, reading: Graph
) -> None:
    default = await reading.listed("/me/contacts", _top="20")
    assert {c["id"] for c in default} == await contacts_of(resting, "Contacts")
    folders = (await reading.good("/me/contactFolders"))["value"]
    assert [f["displayName"] for f in folders] == ["Suppliers"]
    beside = await reading.listed(f"/me/contactFolders/{folders[0]['id']}/contacts")
    assert {c["id"] for c in beside} == await contacts_of(resting, "Suppliers")
    assert len(default) + len(beside) == 60
    assert beside
    contact = default[0]
    assert (await reading.good(f"/me/contacts/{contact['id']}"))["fileAs"] == contact["fileAs"]
    assert contact["birthday"] is None
    assert contact["parentFolderId"] == (await reading.good("/me/contactFolders/contacts"))["id"]
    assert len((await reading.good("/me/contacts"))["value"]) == 10


async def test_contacts_are_filtered_by_address(reading: Graph) -> None:
    everything = await reading.listed("/me/contacts", _top="100")
    address = next(c["emailAddresses"][0]["address"] for c in everything if c["emailAddresses"])
    condition = f"emailAddresses/any(a:a/address eq '{address}')"
    found = await reading.listed("/me/contacts", _filter=condition)
    wanted = [c["id"] for c in everything if address in [e["address"] for e in c["emailAddresses"]]]
    assert [c["id"] for c in found] == wanted
    other = "emailAddresses/any(a:startswith(a/address,'a'))"
    assert await reading.code("/me/contacts", _filter=other) == "400 ErrorInvalidUrlQueryFilter"
    assert await reading.code("/me/contacts", _search='"a"') == "400 BadRequest"


async def test_contacts_that_come_change_and_go_are_told(
    microsoft: Microsoft, graph: Graph
) -> None:
    link = (await graph.round(CONTACTS, _select="displayName")).link
    spare = sorted(await contacts_of(microsoft, "Contacts"))
    await microsoft.control(f"/{ADA}/contacts/{spare[0]}/update", "POST", given="Zed")
    await microsoft.control(f"/{ADA}/contacts/{spare[1]}/delete", "POST")
    told = await graph.round(link)
    assert told.removed == {spare[1]}
    assert set(told.ids) == {spare[0], spare[1]}
    changed = next(c for c in told.items if c["id"] == spare[0])
    assert set(changed) == {"@odata.type", "@odata.etag", "id", "displayName"}
    assert changed["displayName"].startswith("Zed")
    await microsoft.control("/delta/expire", "POST", areas=["contacts"])
    assert await graph.code(told.link) == "410 SyncStateNotFound"
    assert (await graph.round("/me/contactFolders/delta")).items[0]["displayName"] == "Suppliers"


async def test_immutable_ids_are_of_another_space(reading: Graph) -> None:
    plain = (await reading.good("/me/contacts"))["value"]
    same = (await reading.good("/me/contacts", prefer=IMMUTABLE))["value"]
    assert {c["id"] for c in plain}.isdisjoint(c["id"] for c in same)
    assert [c["displayName"] for c in plain] == [c["displayName"] for c in same]
    one = await reading.good(f"/me/contacts/{same[0]['id']}")
    assert one["id"] == plain[0]["id"]


async def test_a_drive_is_enumerated_with_its_root_on_every_page(
    resting: Microsoft, reading: Graph
) -> None:
    told = await reading.round(DRIVE, _top="20")
    assert len(told.first["value"]) == 21
    root = await reading.good("/me/drive/root")
    assert told.ids.count(root["id"]) == told.pages > 3
    assert "root" in told.first["value"][0]
    world = await files_of(resting)
    assert set(told.ids) - {root["id"]} == set(world)
    assert told.first["@microsoft.graph.syncStatus"] == "FullData"
    assert "root/delta?%24top=20&token=" in told.first["@odata.nextLink"]
    by_id = {item["id"]: item for item in told.items}
    for identity, entry in world.items():
        item = by_id[identity]
        assert ("folder" in item) == entry["folder"] != ("file" in item)
        assert item["parentReference"]["id"] == entry["parent"] in by_id
        assert "google" not in str(item.get("file"))
        one = await reading.good(f"/me/drive/items/{identity}")
        assert (one["name"], one["eTag"]) == (item["name"], item["eTag"])


async def test_from_latest_only_what_happens_afterwards_is_told(
    microsoft: Microsoft, graph: Graph
) -> None:
    body = await graph.good(DRIVE, token="latest")
    assert body["value"] == []
    world = await files_of(microsoft)
    chosen = [i for i, f in world.items() if not f["folder"]][:3]
    made = await microsoft.control(f"/{ADA}/files", "POST", name="neu.txt", words="Hallo")
    await microsoft.control(f"/{ADA}/files/{chosen[0]}/update", "POST", name="alt.txt")
    await microsoft.control(f"/{ADA}/files/{chosen[1]}/trash", "POST")
    await microsoft.control(f"/{ADA}/files/{chosen[2]}/delete", "POST")
    told = await graph.round(body["@odata.deltaLink"])
    assert "root" in told.items[0]
    assert told.ids[1:] == [made["id"], *chosen]
    assert told.removed == set(chosen[1:])
    gone = told.items[-1]
    assert gone["deleted"] == {"state": "deleted"}
    assert "name" not in gone
    assert await graph.code(f"/me/drive/items/{chosen[2]}") == "404 itemNotFound"


async def test_a_content_tag_changes_with_the_content_only(
    microsoft: Microsoft, graph: Graph
) -> None:
    made = await microsoft.control(f"/{ADA}/files", "POST", name="a.txt", words="one")
    path = f"/me/drive/items/{made['id']}"
    first = await graph.good(path)
    await microsoft.control(f"/{ADA}/files/{made['id']}/update", "POST", name="b.txt")
    second = await graph.good(path)
    await microsoft.control(f"/{ADA}/files/{made['id']}/update", "POST", words="three")
    third = await graph.good(path)
    assert first["cTag"] == second["cTag"] != third["cTag"]
    assert len({first["eTag"], second["eTag"], third["eTag"]}) == 3
    assert (first["size"], third["size"]) == (3, 5)


@pytest.mark.parametrize("what", ["Apply", "Upload"])
async def test_a_dead_drive_token_names_where_to_begin_anew(
    microsoft: Microsoft, graph: Graph, what: str
) -> None:
    link, code = (await graph.round(DRIVE)).link, f"resyncChanges{what}Differences"
    await microsoft.control("/delta/expire", "POST", areas=["drive"], code=code)
    refused = await graph.get(link)
    assert (refused.status, refused.json["error"]["code"]) == (410, code)
    again = await graph.round(refused.headers["Location"])
    assert set(again.ids) >= set(await files_of(microsoft))


async def test_a_personal_drive_has_ids_and_deletions_of_its_own(microsoft: Microsoft) -> None:
    graph = await microsoft.sign_in(CHIYO)
    drive = await graph.good("/me/drive")
    assert drive["driveType"] == "personal"
    told = await graph.round(DRIVE)
    assert all(item["id"].startswith(f"{drive['id']}!s") for item in told.items)
    chosen = next(i for i, f in (await files_of(microsoft, CHIYO)).items() if not f["folder"])
    await microsoft.control(f"/{CHIYO}/files/{chosen}/delete", "POST")
    gone = (await graph.round(told.link)).items[-1]
    assert gone["name"]
    assert "size" not in gone


@settings(FOLLOWED, max_examples=4)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
async def test_a_follower_holds_contacts_and_files_whatever_happens(
    microsoft: Microsoft, seeds: list[int]
) -> None:
    graph = await microsoft.sign_in()
    people, files = await graph.round(CONTACTS), await graph.round(DRIVE, _top="13")
    cards, papers = set(people.ids), set(files.ids)
    root = files.ids[0]
    for seed in seeds:
        await microsoft.control(f"/{ADA}/bustle", "POST", contacts=15, files=15, seed=seed)
        people, files = await graph.round(people.link), await graph.round(files.link)
        cards = (cards | set(people.ids)) - people.removed
        papers = (papers | set(files.ids)) - files.removed - {root}
        assert cards == await contacts_of(microsoft, "Contacts")
        assert papers == set(await files_of(microsoft))
