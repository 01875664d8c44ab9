"""Following folders by delta links, as a conversation: what is asked for, and what restarts do."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from providers.telling import told, told_of

from scp_server.domain.errors import PositionLost, ProviderUnavailable
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.microsoft.following import GROUP
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_server.providers.microsoft.newest import MOST, Newest
from scp_wire.filters import OutlookMailFilters

T = TypeVar("T")
Json = dict[str, Any]
ALL = OutlookMailFilters()


class Mailbox:
    """Folders with a queue of pages each, and messages by id."""

    def __init__(self, *folders: str) -> None:
        self.folders = [{"id": name, "displayName": name.title()} for name in folders]
        self.news: list[Json] = []
        self.pages: dict[str, list[Json]] = {name: [] for name in folders}
        self.messages: dict[str, Json] = {}

    def put(self, identity: str, folder: str, created: str = "2026-05-01T00:00:00Z") -> Json:
        message = {"id": identity, "parentFolderId": folder, "changeKey": f"{identity} {folder}"}
        self.messages[identity] = {**message, "createdDateTime": created, "isRead": True}
        return {"id": identity}

    def gone(self, identity: str) -> Json:
        return {"id": identity, "@removed": {"reason": "deleted"}}

    def page(self, folder: str, *entries: Json, more: bool = False) -> None:
        name = "@odata.nextLink" if more else "@odata.deltaLink"
        place = f"{folder}|{len(self.pages[folder])}{more}"
        self.pages[folder].append({"value": list(entries), name: place})

    def __call__(self, ask: Ask) -> Json | None:
        match ask.method:
            case "graph.mailFolders.delta":
                found, self.news = (self.news, []) if ask.link else (self.folders, self.news)
                return {"value": found, "@odata.deltaLink": "folders|"}
            case "graph.messages.get":
                return self.messages.get(ask.path.rpartition("/")[2])
            case _:
                return self._round(ask)

    def _round(self, ask: Ask) -> Json | None:
        if ask.link is None:
            folder = ask.path.split("/")[-3]
            entries = list(self.messages.values()) if folder == self.folders[0]["id"] else []
            return {"value": entries, "@odata.deltaLink": f"{folder}|"}
        folder = ask.link.partition("|")[0]
        if folder not in self.pages:
            return None
        return (
            self.pages[folder].pop(0)
            if self.pages[folder]
            else {
                "value": [],
                "@odata.deltaLink": f"{folder}|",
            }
        )


def bookmarked(mailbox: Mailbox) -> Position:
    since, _ = told(OutlookMessages(ALL).bookmark(), mailbox)
    return since


def test_search_folders_are_not_followed_and_every_request_wants_immutable_ids() -> None:
    mailbox = Mailbox("inbox", "search")
    mailbox.folders[1]["@odata.type"] = "#microsoft.graph.mailSearchFolder"
    _, rounds = told(OutlookMessages(ALL).bookmark(), mailbox)
    asks = [ask for asks in rounds for ask in asks]
    assert [ask.path for ask in asks] == [
        "/v1.0/me/mailFolders/delta",
        "/v1.0/me/mailFolders/inbox/messages/delta",
    ]
    assert all('IdType="ImmutableId"' in dict(ask.headers)["Prefer"] for ask in asks)


def test_a_move_seen_from_both_folders_is_one_update() -> None:
    mailbox = Mailbox("inbox", "archive")
    mailbox.put("m", "inbox")
    since = bookmarked(mailbox)
    mailbox.put("m", "archive")
    mailbox.page("inbox", mailbox.gone("m"))
    mailbox.page("archive", {"id": "m"})
    read, rounds = told(OutlookMessages(ALL).follow(since), mailbox)
    assert told_of(read.changes) == [("updated", "m")]
    assert [ask.method for ask in rounds[-1]] == ["graph.messages.get"]
    assert all(ask.live for asks in rounds[1:] for ask in asks if ask.link or "get" in ask.method)


@pytest.mark.parametrize("first", ["inbox", "archive"])
def test_a_move_seen_in_two_looks_is_two_updates_and_no_deletion(first: str) -> None:
    mailbox = Mailbox("inbox", "archive")
    mailbox.put("m", "inbox")
    since = bookmarked(mailbox)
    mailbox.put("m", "archive")
    halves = {"inbox": mailbox.gone("m"), "archive": {"id": "m"}}
    for folder in (first, *({"inbox", "archive"} - {first})):
        mailbox.page(folder, halves[folder])
        read, _ = told(OutlookMessages(ALL).follow(since), mailbox)
        assert told_of(read.changes) == [("updated", "m")]
        assert not read.more
        since = read.since


def test_what_lies_where_no_user_looks_is_deleted() -> None:
    mailbox = Mailbox("inbox")
    mailbox.put("m", "inbox")
    since = bookmarked(mailbox)
    mailbox.put("m", "recoverableitemsdeletions")
    mailbox.page("inbox", mailbox.gone("m"))
    read, _ = told(OutlookMessages(ALL).follow(since), mailbox)
    assert told_of(read.changes) == [("deleted", "m")]


def test_one_that_came_and_went_between_looks_is_told_when_its_removal_is() -> None:
    mailbox = Mailbox("inbox")
    since = bookmarked(mailbox)
    mailbox.page("inbox", {"id": "m"})
    mailbox.page("inbox", mailbox.gone("m"))
    read, _ = told(OutlookMessages(ALL).follow(since), mailbox)
    assert read.changes == ()
    read, _ = told(OutlookMessages(ALL).follow(read.since), mailbox)
    assert told_of(read.changes) == [("deleted", "m")]


def test_a_long_round_is_told_in_pages_and_groups_and_its_links_move_on_when_all_is_told() -> None:
    mailbox = Mailbox("inbox")
    mailbox.put("old", "inbox")
    since = bookmarked(mailbox)
    ids = [f"m{n}" for n in range(GROUP + 30)]
    entries = [mailbox.put(i, "inbox", "2026-06-01T00:00:00Z") for i in ids]
    mailbox.page("inbox", *entries, more=True)
    mailbox.page("inbox")
    connector = OutlookMessages(ALL)
    first, _ = told(connector.follow(since), mailbox)
    assert len(first.changes) == GROUP
    assert first.more
    assert b"0True" not in bytes(first.since)
    rest, _ = told(connector.follow(first.since), mailbox)
    assert told_of(first.changes + rest.changes) == [("created", i) for i in ids]
    assert rest.more
    assert b"0True" in bytes(rest.since)
    last, rounds = told(connector.follow(rest.since), mailbox)
    assert (last.changes, last.more) == ((), False)
    assert [ask.link for ask in rounds[0]] == ["inbox|0True"]


def test_a_restart_within_a_look_repeats_it() -> None:
    mailbox = Mailbox("inbox")
    since = bookmarked(mailbox)
    entries = [mailbox.put(f"m{n}", "inbox") for n in range(GROUP + 1)]
    mailbox.page("inbox", *entries)
    first, _ = told(OutlookMessages(ALL).follow(since), mailbox)
    mailbox.page("inbox", *entries)
    again, _ = told(OutlookMessages(ALL).follow(first.since), mailbox)
    assert again.changes == first.changes


def test_a_failure_while_fetching_loses_nothing_of_the_look() -> None:
    mailbox = Mailbox("inbox")
    since = bookmarked(mailbox)
    mailbox.page("inbox", mailbox.put("m", "inbox"))
    connector = OutlookMessages(ALL)
    failing = heard(
        connector.follow(since), mailbox, lambda ask: ask.method == "graph.messages.get"
    )
    with pytest.raises(ProviderUnavailable):
        failing()
    mailbox.page("inbox", {"id": "m"})
    read, _ = told(connector.follow(since), mailbox)
    assert [change.item.id for change in read.changes] == ["m"]


def heard(
    reading: Reading[T], mailbox: Mailbox, fails: Callable[[Ask], bool]
) -> Callable[[], None]:
    def run() -> None:
        asks = next(reading)
        while True:
            if any(fails(ask) for ask in asks):
                reading.throw(ProviderUnavailable("no"))
            asks = reading.send(tuple(Reply(body=mailbox(ask) or {}) for ask in asks))

    return run


def test_a_folder_that_comes_is_read_and_one_that_goes_loses_the_place() -> None:
    mailbox = Mailbox("inbox")
    since = bookmarked(mailbox)
    mailbox.folders.append({"id": "new", "displayName": "New"})
    mailbox.news = [mailbox.folders[-1]]
    mailbox.pages["new"] = []
    read, _ = told(OutlookMessages(ALL).follow(since), mailbox)
    assert not read.more
    mailbox.page("new", mailbox.put("m", "new"))
    read, _ = told(OutlookMessages(ALL).follow(read.since), mailbox)
    assert [change.item.id for change in read.changes] == ["m"]
    mailbox.news = [mailbox.gone("new")]
    with pytest.raises(PositionLost):
        told(OutlookMessages(ALL).follow(read.since), mailbox)
    del mailbox.pages["new"]
    with pytest.raises(PositionLost):
        told(OutlookMessages(ALL).follow(read.since), mailbox)


def test_what_ceases_to_match_leaves_and_what_never_did_is_not_told() -> None:
    mailbox = Mailbox("inbox")
    mailbox.put("m", "inbox")
    since = bookmarked(mailbox)
    unread = OutlookMessages(OutlookMailFilters(filter="isRead eq false"))
    # After a look of its own it knows what consumers cannot have.
    read, _ = told(unread.follow(since), mailbox)
    mailbox.put("new", "inbox", "2026-06-01T00:00:00Z")
    mailbox.page("inbox", {"id": "m"}, {"id": "new"})
    read, _ = told(unread.follow(read.since), mailbox)
    assert told_of(read.changes) == [("deleted", "m")]
    assert read.changes[0].reason == "left_filter"


def test_entries_without_an_id_are_set_aside_after_three_tries() -> None:
    mailbox = Mailbox("inbox")
    since = bookmarked(mailbox)
    connector = OutlookMessages(ALL)
    for tries in range(3):
        mailbox.pages["inbox"] = []
        mailbox.page("inbox", {"subject": "nameless"}, mailbox.put("m", "inbox"))
        try:
            read, _ = told(connector.follow(since), mailbox)
        except Exception:  # noqa: BLE001  (whatever it is, the engine tries again)
            assert tries < 2
        else:
            assert tries == 2
            assert [change.item.id for change in read.changes] == ["m"]
            assert len(read.skipped) == 1


def made(identity: str, created: str | None) -> Json:
    return {"id": identity, "createdDateTime": created}


def test_new_is_what_was_created_since_the_last_look_to_the_second() -> None:
    newest = Newest().looked(1_800_000_000.4)
    assert newest.is_new(made("a", "2027-01-15T08:00:01Z"))
    assert newest.is_new(made("a", "2027-01-15T08:00:00.9Z"))
    assert not newest.is_new(made("a", "2027-01-15T07:59:59Z"))
    assert not newest.is_new(made("a", None))
    newest = newest.seen(made("a", "2027-01-15T08:00:00Z"))
    assert not newest.is_new(made("a", "2027-01-15T08:00:00Z"))
    assert newest.is_new(made("b", "2027-01-15T08:00:00Z"))
    newest = newest.seen(made("c", "2027-01-15T09:00:00Z"))
    assert not newest.is_new(made("b", "2027-01-15T08:00:00Z"))
    assert newest.looked(1_800_000_000.0) == newest


def test_so_many_of_one_second_are_remembered_and_no_more() -> None:
    newest = Newest()
    for number in range(MOST + 5):
        newest = newest.seen(made(f"m{number}", "2027-01-15T08:00:00Z"))
    assert len(newest.ids) == MOST
    assert not newest.is_new(made("another", "2027-01-15T08:00:00Z"))
