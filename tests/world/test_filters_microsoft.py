"""Filters of Microsoft's streams give what Graph's own filters and searches give.

Where Graph has none (words in events, contacts and names of files), all that Graph lists is judged
here, by the words of docs/streams.md.
"""

import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sandbox.microsoft.calling import IMMUTABLE, Graph
from support.filter_room import Filters, Room, graph_of, immutable_ids, opened

CONDITIONS: Final = (
    "isRead eq false",
    "isRead ne true and hasAttachments eq false",
    "hasAttachments eq true",
    "importance eq 'high'",
    "flag/flagStatus eq 'flagged'",
    "inferenceClassification eq 'other'",
    "isDraft eq true",
    "receivedDateTime ge 2026-10-01T00:00:00Z",
    "receivedDateTime lt 2026-10-01",
    "receivedDateTime gt 2026-09-01T02:00:00+02:00 and sentDateTime le 2026-11-01T00:00:00Z",
    "from/emailAddress/address eq 'orders@mossroom.example'",
    "sender/emailAddress/name eq 'mossroom store'",
    "from/emailAddress/address ne 'ada.brightwell@outlook.sandbox.example'",
    "startswith(subject,'re-planning')",
    "startswith(from/emailAddress/name,'J')",
    "endswith(subject,'Larch')",
    "contains(subject,'BUDGET')",
    "contains(subject,'grüße')",
    "contains(bodyPreview,'slide deck')",
    "contains(body/content,'contract')",
    "categories/any(c:c eq 'Red category')",
    "categories/any(c:startswith(c,'Yellow'))",
    "categories/any(x:x eq 'Harbour''s')",
    "not categories/any(c:c eq 'Yellow category')",
    "toRecipients/any(r:r/emailAddress/address eq 'ada.brightwell@outlook.sandbox.example')",
    "ccRecipients/any(r:contains(r/emailAddress/address,'tidewater'))",
    "not (isRead eq true or hasAttachments eq true)",
    "subject gt 's' and subject lt 'z'",
    "(contains(subject,'agenda') or contains(subject,'lunch')) and isRead eq true",
    "subject eq 'nothing has this subject'",
)
SEARCHES: Final = (
    "budget",
    "subject:budget",
    'subject:"slide deck"',
    "from:mossroom OR from:tidewater",
    "hasattachments:true NOT subject:re",
    "received>=2026-10-01",
    "(agenda OR lunch) from:ada",
    "importance:high",
    "to:ada budget*",
    "nothinghassuchaword",
)
BOTH: Final = (
    ("subject:budget", "isRead eq true"),
    ("hasattachments:true", "receivedDateTime ge 2026-06-01 and not (importance eq 'high')"),
    ("from:ada", "contains(subject,'re:')"),
)
SPANS: Final = (
    ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ("2026-11-23T09:00:00Z", "2026-11-23T18:00:00Z"),
    ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00"),
    ("2026-12-24T12:00:00Z", "2028-01-01T00:00:00Z"),
)
WORDS: Final = ("re-planning", "MINUTES meeting", "room 3.14", "sunniva", '"next steps"', "larch")
PEOPLE: Final = (
    "xanthe",
    "Wilder",
    "westerby",
    "Åsa",
    "åsa  west",
    "north p",
    "Fenn & Partners",
)
NAMES: Final[tuple[Filters, ...]] = (
    {},
    {"query": "larch"},
    {"query": "to TRIP"},
    {"query": "rip"},
    {"query": "agenda-for"},
    {"mime_types": ["application/pdf"]},
    {"mime_types": ["IMAGE/jpeg", "image/png"], "query": "the"},
    {"mime_types": []},
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with opened(tmp_path_factory.mktemp("microsoft"), "microsoft") as there:
        yield there


@pytest.fixture
async def graph(room: Room) -> AsyncIterator[Graph]:
    async with graph_of(room) as asked:
        yield asked


async def same(room: Room, stream_type: str, filters: Filters, found: set[str]) -> None:
    """A stream gives each of these once, and nothing else."""
    given = await room.given(stream_type, filters)
    assert set(given) == found, filters
    assert len(given) == len(found), filters


async def filtered(graph: Graph, condition: str) -> set[str]:
    return await immutable_ids(graph, "/me/messages", _filter=condition, _top="70")


async def searched(graph: Graph, search: str) -> set[str]:
    escaped = search.replace('"', '\\"')
    return await immutable_ids(graph, "/me/messages", _search=f'"{escaped}"', _top="40")


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_outlook_messages_are_those_of_graph_s_filter(
    room: Room, graph: Graph, condition: str
) -> None:
    await same(room, "outlook_messages", {"filter": condition}, await filtered(graph, condition))


@pytest.mark.parametrize("seed", range(3))
async def test_random_filters_are_judged_as_graph_judges_them(
    room: Room, graph: Graph, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(6):
        condition = combined(chance, 2)
        found = await filtered(graph, condition)
        await same(room, "outlook_messages", {"filter": condition}, found)


def combined(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(CONDITIONS)
    parts = [f"({combined(chance, depth - 1)})" for _ in range(chance.randint(2, 3))]
    return chance.choice(["", "not "]) + f"({chance.choice([' and ', ' or ']).join(parts)})"


@pytest.mark.parametrize("search", SEARCHES)
async def test_outlook_messages_are_those_of_graph_s_search(
    room: Room, graph: Graph, search: str
) -> None:
    await same(room, "outlook_messages", {"search": search}, await searched(graph, search))


@pytest.mark.parametrize(("search", "condition"), BOTH)
async def test_a_search_with_a_filter_gives_what_both_give(
    room: Room, graph: Graph, search: str, condition: str
) -> None:
    found = await searched(graph, search) & await filtered(graph, condition)
    assert found
    await same(room, "outlook_messages", {"search": search, "filter": condition}, found)


async def test_the_filters_and_searches_find_something_each_and_not_everything(
    graph: Graph,
) -> None:
    everything = await immutable_ids(graph, "/me/messages")
    found = {c: len(await filtered(graph, c)) for c in CONDITIONS}
    found |= {s: len(await searched(graph, s)) for s in SEARCHES}
    idle = [name for name, size in found.items() if not 0 < size < len(everything)]
    assert len(idle) <= 4, idle


# -- events --------------------------------------------------------------------------------------


async def view(graph: Graph, low: str, high: str) -> dict[str, Any]:
    """Events in a window by id: single ones, exceptions, and the masters of what is shown."""
    shown = await graph.listed(
        "/me/calendarView", prefer=IMMUTABLE, startDateTime=low, endDateTime=high
    )
    ids = {e["id"] for e in shown if e["type"] != "occurrence"}
    ids |= {e["seriesMasterId"] for e in shown if e["seriesMasterId"]}
    return {i: await graph.good(f"/me/events/{i}", prefer=IMMUTABLE) for i in sorted(ids)}


def default_window() -> tuple[str, str]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    low, high = today - timedelta(days=30), today + timedelta(days=365)
    return f"{low:%Y-%m-%dT%H:%M:%SZ}", f"{high:%Y-%m-%dT%H:%M:%SZ}"


def says(event: Mapping[str, Any], query: str) -> bool:
    people = [event["organizer"], *event["attendees"]]
    texts = [event["subject"], event["body"]["content"], event["location"]["displayName"]]
    texts += [p["emailAddress"][part] for p in people for part in ("name", "address")]
    whole = "\n".join(texts).lower()
    return all((a or b).lower() in whole for a, b in re.findall(r'"(.+?)"|(\S+)', query))


@pytest.mark.parametrize(("low", "high"), SPANS)
async def test_outlook_events_are_those_of_graph_s_calendar_view(
    room: Room, graph: Graph, low: str, high: str
) -> None:
    found = set(await view(graph, low, high))
    assert found
    await same(room, "outlook_events", {"time_min": low, "time_max": high}, found)


@pytest.mark.parametrize("query", WORDS)
async def test_outlook_events_with_words_are_those_of_the_window_that_have_them(
    room: Room, graph: Graph, query: str
) -> None:
    there = await view(graph, *default_window())
    found = {i for i, event in there.items() if says(event, query)}
    assert 0 < len(found) < len(there)
    await same(room, "outlook_events", {"query": query}, found)


# -- contacts and files --------------------------------------------------------------------------


@pytest.mark.parametrize("query", PEOPLE)
async def test_contacts_are_those_whose_names_graph_finds_to_begin_so(
    room: Room, graph: Graph, query: str
) -> None:
    fields = ("displayName", "givenName", "surname", "companyName")
    begun = " ".join(query.split())
    condition = " or ".join(f"startswith({field},'{begun}')" for field in fields)
    found = await immutable_ids(graph, "/me/contacts", _filter=condition)
    for folder in await graph.listed("/me/contactFolders"):
        place = f"/me/contactFolders/{folder['id']}/contacts"
        found |= await immutable_ids(graph, place, _filter=condition)
    assert found
    await same(room, "contacts", {"query": query}, found)


async def test_a_contact_is_found_by_its_address_as_graph_finds_it(
    room: Room, graph: Graph
) -> None:
    address = (await graph.listed("/me/contacts"))[3]["emailAddresses"][0]["address"]
    condition = f"emailAddresses/any(a:a/address eq '{address}')"
    found = await immutable_ids(graph, "/me/contacts", _filter=condition)
    assert found
    await same(room, "contacts", {"query": address.upper()}, found)


async def tree(graph: Graph, place: str = "/me/drive/root") -> list[dict[str, Any]]:
    """All files and folders, walked from folder to folder."""
    found: list[dict[str, Any]] = await graph.listed(f"{place}/children")
    for item in [item for item in found if "folder" in item]:
        found += await tree(graph, f"/me/drive/items/{item['id']}")
    return found


def named(item: Mapping[str, Any], filters: Filters) -> bool:
    kinds = [kind.lower() for kind in filters.get("mime_types", [])]
    if kinds and item.get("file", {}).get("mimeType", "").lower() not in kinds:
        return False
    words = re.findall(r"\w+", filters.get("query", "").lower())
    return all(re.search(rf"\b{word}", item["name"].lower()) for word in words)


@pytest.mark.parametrize("filters", NAMES, ids=str)
async def test_files_are_those_of_the_drive_with_such_names_and_types(
    room: Room, graph: Graph, filters: Filters
) -> None:
    found = {item["id"] for item in await tree(graph) if named(item, filters)}
    assert bool(found) == (filters != {"query": "rip"})
    await same(room, "files", filters, found)
