"""Delta rounds of Outlook mail: what a follower learns, and what it has to put up with."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox.microsoft.calling import ADA, FOLLOWED, IMMUTABLE, Graph, Microsoft, Round

INBOX = "/me/mailFolders/inbox/messages/delta"
PAGES = "odata.maxpagesize=40"


async def first_inbox(microsoft: Microsoft) -> list[dict[str, Any]]:
    return list((await microsoft.control(f"/{ADA}/messages?folder=inbox"))["messages"])


async def test_a_first_round_gives_the_folder_and_a_link(
    resting: Microsoft, reading: Graph
) -> None:
    found = await reading.round(INBOX, _select="subject")
    assert set(found.ids) == {m["id"] for m in await first_inbox(resting)}
    assert found.link.startswith(
        f"{reading.sandbox.base}/v1.0/me/mailFolders('inbox')/messages/delta?$deltatoken="
    )
    assert found.first["@odata.context"].endswith("$metadata#Collection(message)")
    assert len(found.first["value"]) == 10
    item = found.first["value"][0]
    assert set(item) == {"@odata.type", "@odata.etag", "id", "subject"}
    assert item["@odata.type"] == "#microsoft.graph.message"


async def test_top_is_ignored_and_maxpagesize_obeyed(reading: Graph) -> None:
    assert len((await reading.good(INBOX, _top="50"))["value"]) == 10
    assert len((await reading.good(INBOX, prefer="odata.maxpagesize=33"))["value"]) == 33


async def test_long_rounds_have_empty_pages_and_replays(reading: Graph) -> None:
    body = await reading.good(INBOX, _select="id")
    sizes, ids = [], []
    while True:
        sizes.append(len(body["value"]))
        ids += [item["id"] for item in body["value"]]
        if "@odata.nextLink" not in body:
            break
        body = await reading.good(body["@odata.nextLink"])
    assert 0 in sizes[:-1]
    assert len(ids) > len(set(ids))


@pytest.mark.parametrize("spelling", ["delta", "delta()", "microsoft.graph.delta()"])
async def test_delta_is_spelled_in_three_ways(reading: Graph, spelling: str) -> None:
    body = await reading.good(f"/me/mailFolders('inbox')/messages/{spelling}", _select="id")
    assert "messages/delta?$skiptoken=" in body["@odata.nextLink"]


async def test_a_round_without_changes_is_empty(reading: Graph) -> None:
    first = await reading.round(INBOX, prefer=PAGES)
    second = await reading.round(first.link)
    assert second.items == []
    assert second.pages == 1


async def test_with_select_a_change_comes_as_a_partial_object(
    microsoft: Microsoft, graph: Graph
) -> None:
    first = await graph.round(INBOX, prefer=PAGES, _select="subject,isRead,from")
    whole = await graph.round(INBOX, prefer=PAGES)
    chosen = (await first_inbox(microsoft))[0]
    verb = f"/{ADA}/messages/{chosen['id']}/mark"
    await microsoft.control(verb, "POST", read=not chosen["isRead"])
    partial = (await graph.round(first.link)).items
    assert [set(item) for item in partial] == [{"@odata.type", "@odata.etag", "id", "isRead"}]
    assert partial[0]["isRead"] is not chosen["isRead"]
    full = (await graph.round(whole.link)).items
    assert [item["subject"] for item in full] == [chosen["subject"]]


async def test_a_move_is_gone_here_and_new_there(microsoft: Microsoft, graph: Graph) -> None:
    archive = "/me/mailFolders/archive/messages/delta"
    here = {p: await graph.round(INBOX, prefer=p) for p in (PAGES, IMMUTABLE)}
    there = {p: await graph.round(archive, prefer=p) for p in (PAGES, IMMUTABLE)}
    chosen = (await first_inbox(microsoft))[0]
    verb = f"/{ADA}/messages/{chosen['id']}/move"
    moved = await microsoft.control(verb, "POST", folder="archive")
    gone = await graph.round(here[PAGES].link)
    assert gone.items == [
        {
            "@odata.type": "#microsoft.graph.message",
            "id": chosen["id"],
            "@removed": {"reason": "deleted"},
        }
    ]
    assert (await graph.round(there[PAGES].link)).ids == [moved["id"]]
    gone = await graph.round(here[IMMUTABLE].link, prefer=IMMUTABLE)
    new = await graph.round(there[IMMUTABLE].link, prefer=IMMUTABLE)
    assert gone.removed == set(new.ids) == {chosen["immutableId"]}


async def test_change_types_and_the_floor_are_kept_over_rounds(
    microsoft: Microsoft, graph: Graph
) -> None:
    only_new = await graph.round(INBOX, prefer=PAGES, changeType="created")
    condition = "receivedDateTime ge 2026-10-01T00:00:00Z"
    recent = await graph.round(INBOX, prefer=PAGES, _filter=condition)
    assert recent.items
    assert all(m["receivedDateTime"] >= "2026-10-01" for m in recent.items)
    box = await first_inbox(microsoft)
    old, other = box[-1], box[-2]
    await microsoft.control(f"/{ADA}/messages/{old['id']}/mark", "POST", flagged=True)
    await microsoft.control(f"/{ADA}/messages/{other['id']}/delete", "POST")
    sent = await microsoft.control(f"/{ADA}/mail", "POST", count=2)
    ids = {m["id"] for m in sent["messages"]}
    assert set((await graph.round(only_new.link)).ids) == ids
    assert set((await graph.round(recent.link)).ids) == ids | {other["id"]}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"_filter": "isRead eq true"}, "400 ErrorInvalidUrlQueryFilter"),
        ({"_orderby": "subject"}, "400 BadRequest"),
        ({"_search": '"x"'}, "400 BadRequest"),
        ({"_deltatoken": "nonsense"}, "400 SyncStateInvalid"),
    ],
)
async def test_what_delta_does_not_take_is_refused(
    reading: Graph, query: dict[str, str], code: str
) -> None:
    assert await reading.code(INBOX, **query) == code


async def test_a_token_is_for_its_own_folder(reading: Graph) -> None:
    token = (await reading.round(INBOX, prefer=PAGES)).link.partition("=")[2]
    other = "/me/mailFolders/archive/messages/delta"
    assert await reading.code(other, _deltatoken=token) == "400 SyncStateInvalid"


async def test_dead_tokens_are_refused_as_ordered(microsoft: Microsoft, graph: Graph) -> None:
    link = (await graph.round(INBOX, prefer=PAGES)).link
    folders = (await graph.round("/me/mailFolders/delta")).link
    await microsoft.control("/delta/expire", "POST", user=ADA)
    assert await graph.code(link) == "410 SyncStateNotFound"
    assert await graph.code(folders) == "410 SyncStateNotFound"
    link = (await graph.round(INBOX, prefer=PAGES)).link
    assert (await graph.round(link)).items == []
    order = {"user": ADA, "areas": ["mail"], "code": "resyncRequired", "status": 400}
    await microsoft.control("/delta/expire", "POST", **order)
    assert await graph.code(link) == "400 resyncRequired"


async def test_folders_that_come_change_and_go_are_told(microsoft: Microsoft, graph: Graph) -> None:
    first = await graph.round("/me/mailFolders/delta")
    made = await microsoft.control(f"/{ADA}/folders", "POST", name="Übersicht", parent="inbox")
    await microsoft.control(f"/{ADA}/mail", "POST", folder=made["id"], count=3)
    second = await graph.round(first.link)
    told = {f["id"]: f for f in second.items}
    assert told[made["id"]]["displayName"] == "Übersicht"
    assert told[made["id"]]["totalItemCount"] == 3
    assert {f["displayName"] for f in second.items} == {"Übersicht", "Inbox"}
    inside = await graph.round(f"/me/mailFolders/{made['id']}/messages/delta")
    assert len(inside.items) == 3
    await microsoft.control(f"/{ADA}/folders/{made['id']}/delete", "POST")
    assert (await graph.round(second.link)).removed == {made["id"]}
    assert await graph.code(inside.link) == "404 ErrorItemNotFound"


async def followed(graph: Graph, links: dict[str, str], held: dict[str, str], prefer: str) -> None:
    """Applies one round of every folder to what a follower holds: id to folder."""
    rounds: dict[str, Round] = {}
    for folder, link in links.items():
        rounds[folder] = await graph.round(link, prefer=prefer)
        links[folder] = rounds[folder].link
    for folder, told in rounds.items():
        for identity in told.removed:
            if held.get(identity) == folder:
                del held[identity]
    for folder, told in rounds.items():
        latest = {item["id"]: item for item in told.items}
        held.update({i: folder for i, item in latest.items() if "@removed" not in item})


@settings(FOLLOWED, max_examples=5)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    prefer=st.sampled_from([f"{IMMUTABLE}, {PAGES}", PAGES, "odata.maxpagesize=7"]),
)
async def test_a_follower_holds_the_world_whatever_happens(
    microsoft: Microsoft, seeds: list[int], prefer: str
) -> None:
    graph = await microsoft.sign_in()
    folders = (await graph.round("/me/mailFolders/delta")).ids
    links = {f: f"/me/mailFolders/{f}/messages/delta?$select=subject" for f in folders}
    held: dict[str, str] = {}
    await followed(graph, links, held, prefer)
    for seed in seeds:
        await microsoft.control(f"/{ADA}/bustle", "POST", mail=25, seed=seed)
        await followed(graph, links, held, prefer)
        now = (await microsoft.control(f"/{ADA}/messages"))["messages"]
        name = "immutableId" if IMMUTABLE in prefer else "id"
        assert held == {m[name]: m["folderId"] for m in now}
