"""Filters of Google's streams give what Google's own searches give."""

import random
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
from support.filter_room import Filters, Google, Room, google_of, opened

MAIL_QUERIES: Final = (
    "is:unread",
    "-is:unread",
    "in:inbox is:starred",
    "in:anywhere subject:won",
    "in:trash",
    "in:spam -is:unread",
    "label:projects-harbour-survey",
    "label:family OR label:travel",
    "{label:receipts is:important}",
    "category:promotions",
    "has:attachment larger:20K",
    "has:nouserlabels smaller:2k",
    "filename:pdf",
    "from:ada",
    "from:(sunniva OR mossroom)",
    "to:ada cc:farnholt",
    'subject:"slide deck"',
    '"slide deck" -subject:re',
    "grüße",
    "打ち合わせ",
    "larch -meeting",
    "(budget OR agenda) is:important",
    "after:2026/10/01 before:2026/11/15",
    "newer_than:30d -in:sent",
    "older_than:1y has:attachment",
    "list:forum",
    'an unbalanced "quote (and bracket',
    "nothing-has-such-a-word",
)
LABELS: Final[tuple[Filters, ...]] = (
    {"label_ids": ["INBOX"]},
    {"label_ids": ["INBOX", "UNREAD"]},
    {"label_ids": ["Label_2", "SENT"]},
    {"label_ids": ["TRASH"]},
    {"label_ids": ["SPAM"], "include_spam_trash": True},
    {"include_spam_trash": True},
    {"label_ids": ["INBOX"], "query": "is:important larch"},
    {"query": "subject:won", "include_spam_trash": True},
    {"label_ids": [], "query": "budget"},
)
MAIL: Final = (*({"query": query} for query in MAIL_QUERIES), *LABELS)
SPANS: Final[tuple[Filters, ...]] = (
    {"time_min": "2026-11-20T00:00:00Z"},
    {"time_max": "2026-11-20T00:00:00Z"},
    {"time_min": "2026-11-01T00:00:00+01:00", "time_max": "2026-12-01T00:00:00Z"},
    {"time_min": "2026-11-23T09:00:00Z", "time_max": "2026-11-23T18:00:00Z"},
    {"query": "re-planning"},
    {"query": "MINUTES meeting"},
    {"query": "room 3.14"},
    {"query": "sunniva"},
    {"query": "打ち合わせ"},
    {"query": "larch", "time_min": "2026-06-01T00:00:00Z", "time_max": "2027-01-01T00:00:00Z"},
    {"query": "nothing-has-such-a-word"},
)
PEOPLE: Final = (
    "wilder",
    "Stonecrop",
    "wilder st",
    "dale",
    "XANTHE  dun",
    "contact75",
    "contact75@larch.example",
    "quarrylane",
    "+44 1632 96370",
    "441632963",
    "fenn & part",
    "harbour d",
    "counsel",
    "ñ",
    "ilder",
    "stonecrop wilder",
    "nothing-has-such-a-word",
)
FILES: Final[tuple[tuple[Filters, str], ...]] = (
    ({}, "trashed = false"),
    ({"include_trashed": True}, ""),
    ({"query": "larch"}, "name contains 'larch' and trashed = false"),
    ({"query": "Trip to"}, "name contains 'Trip to' and trashed=false"),
    ({"query": "to TRIP"}, "name contains 'to TRIP' and trashed=false"),
    ({"query": "rip"}, "name contains 'rip' and trashed=false"),
    ({"query": "friday.jpg"}, "name contains 'friday jpg' and trashed=false"),
    ({"query": "budget for meridian, round"}, "name contains 'budget for meridian, round'"),
    ({"mime_types": ["application/pdf"]}, "mimeType = 'application/pdf' and not trashed = true"),
    (
        {"mime_types": ["image/jpeg", "IMAGE/PNG"]},
        "(mimeType = 'image/jpeg' or mimeType = 'image/png') and trashed = false",
    ),
    (
        {"mime_types": ["application/vnd.google-apps.folder"], "include_trashed": True},
        "mimeType = 'application/vnd.google-apps.folder'",
    ),
    (
        {"query": "the", "mime_types": ["application/pdf"], "include_trashed": True},
        "name contains 'the' and mimeType = 'application/pdf'",
    ),
    ({"mime_types": []}, "trashed = false"),
    ({"query": "it's"}, "name contains 'it\\'s' and trashed = false"),
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with opened(tmp_path_factory.mktemp("google"), "google") as there:
        yield there


@pytest.fixture
async def google(room: Room) -> AsyncIterator[Google]:
    async with google_of(room) as asked:
        yield asked


async def same(room: Room, stream_type: str, filters: Filters, found: set[str]) -> None:
    """A stream gives each of these once, and nothing else."""
    given = await room.given(stream_type, filters)
    assert set(given) == found, filters
    assert len(given) == len(found), filters


@pytest.mark.parametrize("filters", MAIL, ids=str)
async def test_gmail_messages_are_those_of_gmail_s_search(
    room: Room, google: Google, filters: Filters
) -> None:
    await same(room, "gmail_messages", filters, await google.mail("messages", filters))


@pytest.mark.parametrize("filters", MAIL[::2], ids=str)
async def test_gmail_threads_are_those_of_gmail_s_search(
    room: Room, google: Google, filters: Filters
) -> None:
    await same(room, "gmail_threads", filters, await google.mail("threads", filters))


async def test_the_queries_of_mail_find_something_each_and_not_everything(google: Google) -> None:
    everything = await google.mail("messages", {"include_spam_trash": True})
    sizes = {q: len(await google.mail("messages", {"query": q})) for q in MAIL_QUERIES}
    idle = [q for q, size in sizes.items() if not 0 < size < len(everything)]
    assert len(idle) <= 4, idle


@pytest.mark.parametrize("seed", range(3))
async def test_random_combinations_of_gmail_s_operators_are_searched_as_gmail_does(
    room: Room, google: Google, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(6):
        filters: Filters = {"query": combined(chance)}
        if chance.random() < 0.3:
            filters["label_ids"] = chance.sample(["INBOX", "UNREAD", "IMPORTANT", "SENT"], 1)
        if chance.random() < 0.3:
            filters["include_spam_trash"] = True
        stream = chance.choice(["messages", "threads"])
        await same(room, f"gmail_{stream}", filters, await google.mail(stream, filters))


def combined(chance: random.Random) -> str:
    parts = chance.sample(MAIL_QUERIES[:24], chance.randint(1, 3))
    signed = [chance.choice(["", "", "-"]) + f"({part})" for part in parts]
    return chance.choice([" ", " OR "]).join(signed)


@pytest.mark.parametrize("filters", SPANS, ids=str)
async def test_calendar_events_are_those_of_calendar_s_search(
    room: Room, google: Google, filters: Filters
) -> None:
    await same(room, "calendar_events", filters, await google.events(filters))


@pytest.mark.parametrize("query", PEOPLE)
async def test_contacts_are_those_of_google_s_search_of_contacts(
    room: Room, google: Google, query: str
) -> None:
    found = await google.contacts(query)
    assert len(found) < 30
    await same(room, "contacts", {"query": query}, found)


async def test_where_google_s_search_of_contacts_ends_at_thirty_the_stream_goes_on(
    room: Room, google: Google
) -> None:
    found = await google.contacts("contact")
    given = await room.given("contacts", {"query": "contact"})
    assert len(found) == 30
    assert found < set(given)


@pytest.mark.parametrize(("filters", "q"), FILES, ids=str)
async def test_files_are_those_of_drive_s_search(
    room: Room, google: Google, filters: Filters, q: str
) -> None:
    await same(room, "files", filters, await google.files(q))
