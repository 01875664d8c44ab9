"""Filters while a stream follows: what begins to match comes, what ceases to match leaves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import pytest
from anyio import to_thread
from support.filter_room import (
    Filters,
    Google,
    Room,
    Rooms,
    google_of,
    graph_of,
    immutable_ids,
)
from support.processes import fetch

Json = dict[str, Any]
DAY: Final = timedelta(days=1)
NOON: Final = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def at(days: int) -> str:
    """Noon, so many days from today."""
    return f"{NOON + days * DAY:%Y-%m-%dT%H:%M:%SZ}"


MOVED: Final = {"query": "moved", "time_min": at(-200)}
NEXT_WEEK: Final = {"time_min": at(5), "time_max": at(10)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How an item comes to match a stream's filters, and how it ceases to.

    Each order is a path below the account's control and a body; `{id}` is the item's id there.
    """

    provider: str
    stream_type: str
    filters: Filters
    made: tuple[str, Json]
    """Makes an item that does not match, unless nothing else is needed for that."""
    comes: tuple[str, Json] | None = None
    leaves: tuple[str, Json]
    key: str = "id"
    """The name of the stream's id in the answer."""
    reason: str | None = "left_filter"

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.stream_type} {self.filters} at {self.provider}"


def gmail(stream_type: str, filters: Filters, **course: Any) -> Course:  # noqa: ANN401
    key = "id" if stream_type == "gmail_messages" else "threadId"
    made = ("mail", {"subject": "Larkspur arrives", "labels": ["INBOX", "UNREAD"]})
    given = {"made": made, "key": key, **course}
    return Course(provider="google", stream_type=stream_type, filters=filters, **given)


def google(stream_type: str, filters: Filters, **course: Any) -> Course:  # noqa: ANN401
    return Course(provider="google", stream_type=stream_type, filters=filters, **course)


def outlook(stream_type: str, filters: Filters, **course: Any) -> Course:  # noqa: ANN401
    given = {"key": "immutableId", **course}
    return Course(provider="microsoft", stream_type=stream_type, filters=filters, **given)


LARK: Final = {"query": "larkspur"}
STAR: Final = ("messages/{id}/labels", {"add": ["STARRED"]})
UNSTAR: Final = ("messages/{id}/labels", {"remove": ["STARRED"]})
COURSES: Final = (
    gmail(
        "gmail_messages", {"query": "subject:larkspur is:unread"}, leaves=("messages/{id}/read", {})
    ),
    gmail("gmail_messages", {"label_ids": ["STARRED"]}, comes=STAR, leaves=UNSTAR),
    gmail("gmail_messages", {}, leaves=("messages/{id}/trash", {})),
    gmail(
        "gmail_messages",
        {"query": "larkspur", "include_spam_trash": True},
        leaves=("messages/{id}/delete", {}),
        reason=None,
    ),
    gmail("gmail_threads", {"query": "larkspur is:starred"}, comes=STAR, leaves=UNSTAR),
    gmail("gmail_threads", {"label_ids": ["STARRED"]}, comes=STAR, leaves=UNSTAR),
    google(
        "calendar_events",
        LARK,
        made=("events", {"summary": "Something else", "start": at(2)}),
        comes=("events/{id}/update", {"summary": "A larkspur"}),
        leaves=("events/{id}/update", {"summary": "Something else"}),
    ),
    google(
        "calendar_events",
        NEXT_WEEK,
        made=("events", {"summary": "Elsewhere", "start": at(2)}),
        comes=("events/{id}/update", {"start": at(7), "end": at(8)}),
        leaves=("events/{id}/update", {"start": at(12), "end": at(13)}),
    ),
    google(
        "contacts",
        {"query": "larkspur"},
        made=("contacts", {"given": "Anna"}),
        comes=("contacts/{id}/update", {"company": "Larkspur & Sons"}),
        leaves=("contacts/{id}/update", {"company": "Sons"}),
        key="resourceName",
    ),
    google(
        "files",
        LARK,
        made=("files", {"name": "lark.txt"}),
        comes=("files/{id}/update", {"name": "the larkspur.txt"}),
        leaves=("files/{id}/update", {"name": "lark.txt"}),
    ),
    google(
        "files",
        {"mime_types": ["application/pdf"]},
        made=("files", {"name": "lark.pdf", "mime_type": "application/pdf"}),
        leaves=("files/{id}/trash", {}),
    ),
    google(
        "files",
        {"query": "lark", "include_trashed": True},
        made=("files", {"name": "lark.zip"}),
        comes=("files/{id}/trash", {}),
        leaves=("files/{id}/delete", {}),
        reason=None,
    ),
    outlook(
        "outlook_messages",
        {"filter": "isRead eq false and contains(subject,'larkspur')"},
        made=("mail", {"subject": "A larkspur"}),
        leaves=("messages/{id}/mark", {"read": True}),
    ),
    outlook(
        "outlook_messages",
        {"filter": "categories/any(c:c eq 'Larkspur')"},
        made=("mail", {"subject": "A plain one"}),
        comes=("messages/{id}/categorise", {"categories": ["Blue category", "Larkspur"]}),
        leaves=("messages/{id}/categorise", {"categories": ["Blue category"]}),
    ),
    outlook(
        "outlook_events",
        LARK,
        made=("events", {"subject": "Something else", "start": at(2)}),
        comes=("events/{id}/update", {"subject": "A larkspur"}),
        leaves=("events/{id}/update", {"subject": "Something else"}),
    ),
    outlook(
        "outlook_events",
        NEXT_WEEK,
        made=("events", {"subject": "Elsewhere", "start": at(2)}),
        comes=("events/{id}/update", {"start": at(7), "end": at(8)}),
        leaves=("events/{id}/update", {"start": at(12), "end": at(13)}),
    ),
    outlook(
        "contacts",
        LARK,
        made=("contacts", {"given": "Anna"}),
        comes=("contacts/{id}/update", {"company": "Larkspur & Sons"}),
        leaves=("contacts/{id}/update", {"company": "Sons"}),
    ),
    outlook(
        "files",
        {"query": "larkspur", "mime_types": ["text/plain"]},
        made=("files", {"name": "lark.txt"}),
        comes=("files/{id}/update", {"name": "the larkspur.txt"}),
        leaves=("files/{id}/update", {"name": "lark.txt"}),
        key="id",
    ),
)


async def order(room: Room, told: tuple[str, Json], identity: str = "") -> Json:
    """One order to the sandbox: the item it is about, as it is now."""
    path, body = told
    url = f"{room.control}/{path.format(id=quote(identity.removeprefix('people/'), safe=''))}"
    answer: Json = await to_thread.run_sync(fetch, url, body)
    entry: Json = answer["messages"][0] if answer.get("messages") else answer
    return entry


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
async def test_what_begins_to_match_comes_and_what_ceases_to_match_leaves(
    rooms: Rooms, course: Course
) -> None:
    room = rooms.of(course.provider)
    async with room.followed(course.stream_type, course.filters) as watcher:
        made = await order(room, course.made)
        identity = made[course.key]
        if course.comes is not None:
            await order(room, course.comes, made["id"])
        await watcher.told_of(identity, "created", "updated")
        await order(room, course.leaves, made["id"])
        gone = await watcher.told_of(identity, "deleted")
        assert gone.reason == course.reason
        assert identity not in watcher.held


Search = Callable[[Room], Awaitable[set[str]]]


def by_google(ask: Callable[[Google], Awaitable[set[str]]]) -> Search:
    async def search(room: Room) -> set[str]:
        async with google_of(room) as google:
            return await ask(google)

    return search


def by_filter(condition: str) -> Search:
    async def search(room: Room) -> set[str]:
        async with graph_of(room) as graph:
            return await immutable_ids(graph, "/me/messages", _filter=condition)

    return search


UNREAD: Final = {"query": "is:unread OR is:starred", "include_spam_trash": True}
PLAIN: Final = {"label_ids": ["INBOX"], "query": "-is:starred"}
READ: Final = "isRead eq true and not (importance eq 'high')"
COLOURED: Final = "categories/any(c:endswith(c,'category')) or flag/flagStatus eq 'flagged'"
STIRRED: Final[tuple[tuple[str, str, str, Filters, Search], ...]] = (
    ("google", "mail", "gmail_messages", UNREAD, by_google(lambda g: g.mail("messages", UNREAD))),
    (
        "google",
        "mail",
        "gmail_messages",
        PLAIN,
        by_google(lambda g: g.mail("messages", PLAIN)),
    ),
    ("google", "mail", "gmail_threads", UNREAD, by_google(lambda g: g.mail("threads", UNREAD))),
    ("google", "events", "calendar_events", MOVED, by_google(lambda g: g.events(MOVED))),
    (
        "google",
        "contacts",
        "contacts",
        {"query": "new f"},
        by_google(lambda g: g.contacts("new f")),
    ),
    (
        "google",
        "files",
        "files",
        {"query": "made"},
        by_google(lambda g: g.files("name contains 'made' and trashed = false")),
    ),
    ("microsoft", "mail", "outlook_messages", {"filter": READ}, by_filter(READ)),
    ("microsoft", "mail", "outlook_messages", {"filter": COLOURED}, by_filter(COLOURED)),
)


@pytest.mark.parametrize(
    ("provider", "what", "stream_type", "filters", "search"),
    STIRRED,
    ids=lambda each: str(each)[:40],
)
async def test_after_random_changes_a_stream_holds_what_the_provider_finds(
    rooms: Rooms, provider: str, what: str, stream_type: str, filters: Filters, search: Search
) -> None:
    room = rooms.of(provider)
    before = found = await search(room)
    # Google's search of contacts ends at thirty: fewer changes keep it below.
    most = 20 if what == "contacts" else 60
    async with room.followed(stream_type, filters) as watcher:
        for seed in range(3):
            await to_thread.run_sync(fetch, f"{room.control}/bustle", {what: most, "seed": seed})
            found = await search(room)
            while watcher.held.keys() != found:
                await watcher.changed()
    assert found
    assert found != before
