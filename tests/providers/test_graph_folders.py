"""Folders that cannot be named, and attachments that cannot be listed: told, and no obstacle."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from providers.telling import Json

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Connector, Reading, Reply
from scp_server.providers.microsoft.contacts import OutlookContacts
from scp_server.providers.microsoft.folders import NAMELESS_FOLDER
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_server.providers.setting_aside import TRIES
from scp_wire.filters import ContactFilters, OutlookMailFilters
from scp_wire.items import Message

T = TypeVar("T")
MESSAGE: Json = {
    "id": "m",
    "changeKey": "1",
    "parentFolderId": "good",
    "hasAttachments": True,
    "receivedDateTime": "2026-05-01T00:00:00Z",
}
FILE: Json = {"id": "f", "name": "a.pdf", "contentType": "application/pdf", "size": 7}
LISTED = {"value": [FILE]}
FOLDERS: list[Json] = [
    {"id": "good", "displayName": "Good"},
    {"displayName": "Nobody's"},
    {"id": "", "displayName": "Empty"},
    {"id": "x" * 5000},
]
FAILED = Reply(body={}, failed="Microsoft answered 500.")


class Account:
    """One item in one folder, which has changed whenever one looks; answers by method."""

    def __init__(self, item: Json, attachments: Callable[[], Reply] | None = None) -> None:
        self.item = item
        self.attachments = attachments
        self.folders = FOLDERS[:1]
        self.news: list[Json] = []

    def __call__(self, ask: Ask) -> Reply:
        if ask.method.endswith("olders.delta"):
            listed = self.news if ask.link else self.folders
            return Reply(body={"value": listed, "@odata.deltaLink": "folders"})
        if ask.method == "graph.attachments.list":
            return self.attachments() if self.attachments else Reply(body=LISTED)
        if ask.method.endswith(".get"):
            return Reply(body=self.item)
        of_good = "/good/" in ask.path or ask.method == "graph.messages.list"
        return Reply(body={"value": [self.item] if of_good else [], "@odata.deltaLink": "round"})


def heard(reading: Reading[T], account: Account) -> T:
    try:
        asks = next(reading)
        while True:
            asks = reading.send(tuple(account(ask) for ask in asks))
    except StopIteration as end:
        learned: T = end.value
        return learned


def tried(reading: Callable[[], Reading[T]], account: Account) -> tuple[T, int]:
    """What came of it in the end, and how often it was tried."""
    for tries in range(1, 10):
        try:
            return heard(reading(), account), tries
        except ProviderProtocolError:
            continue
    raise AssertionError("it was never given up")


def mail() -> Connector:
    return OutlookMessages(OutlookMailFilters())


def contacts() -> Connector:
    return OutlookContacts(ContactFilters())


connectors = pytest.mark.parametrize("connector", [mail, contacts])
UNREAD = Skipped(id=None, reason=NAMELESS_FOLDER)


@connectors
def test_folders_without_an_id_are_told_once_and_the_others_are_read(
    connector: Callable[[], Connector],
) -> None:
    account, found = Account(MESSAGE), connector()
    account.folders = FOLDERS
    since, tries = tried(found.bookmark, account)
    assert tries == TRIES
    step = heard(found.backfill(None), account)
    assert step.skipped == (UNREAD,) * 3
    if step.resume is not None:
        step = heard(found.backfill(step.resume), account)
        assert step.skipped == ()
    assert [change.item.id for change in step.changes] == ["m"]
    for _ in range(3):
        followed = heard(found.follow(since), account)
        assert [change.item.id for change in followed.changes] == ["m"]
        assert followed.skipped == ()
        since = followed.since


@connectors
def test_a_folder_that_comes_without_an_id_while_it_is_followed_is_told_of(
    connector: Callable[[], Connector],
) -> None:
    account, found = Account(MESSAGE), connector()
    since = heard(found.bookmark(), account)
    since = heard(found.follow(since), account).since
    account.news = FOLDERS[1:2]
    followed, tries = tried(lambda: found.follow(since), account)
    assert tries == TRIES
    assert followed.skipped == (UNREAD,)
    assert [change.item.id for change in followed.changes] == ["m"]


def test_one_more_folder_without_an_id_is_told_of_by_itself() -> None:
    account, found = Account(MESSAGE), mail()
    account.folders = FOLDERS[:2]
    tried(found.bookmark, account)
    assert heard(found.backfill(None), account).skipped == (UNREAD,)
    account.folders = FOLDERS[:3]
    since, tries = tried(found.bookmark, account)
    assert tries == TRIES
    assert heard(found.follow(since), account).skipped == (UNREAD,)


ODD = [Reply(body={}), Reply(body={"value": "none"}), Reply(body={"value": None})]


def message_of(account: Account, *, follows: bool) -> tuple[Message, int]:
    found = mail()
    since = heard(found.bookmark(), account)
    if follows:
        followed, tries = tried(lambda: found.follow(since), account)
        (change,) = followed.changes
    else:
        step, tries = tried(lambda: found.backfill(None), account)
        (change,) = step.changes
    assert isinstance(change.item, Message)
    return change.item, tries


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize(("listed", "tries"), [*((odd, TRIES) for odd in ODD), (FAILED, 1)])
def test_attachments_that_cannot_be_listed_are_said_to_be_missing(
    listed: Reply, tries: int, *, follows: bool
) -> None:
    item, tried_for = message_of(Account(dict(MESSAGE), lambda: listed), follows=follows)
    assert (item.attachments, item.truncated) == ([], ["attachments"])
    assert tried_for == tries


@pytest.mark.parametrize("follows", [False, True])
def test_attachments_that_are_listed_at_the_second_try_are_all_there(*, follows: bool) -> None:
    answers = [Reply(body=LISTED), ODD[0]]
    account = Account(dict(MESSAGE), lambda: answers.pop() if answers else Reply(body=LISTED))
    item, tries = message_of(account, follows=follows)
    assert ([file.name for file in item.attachments], item.truncated) == (["a.pdf"], [])
    assert tries == 2


def test_of_a_message_that_is_gone_when_its_attachments_are_listed_nothing_is_missing() -> None:
    account = Account(dict(MESSAGE), lambda: Reply(body={}, absent=True))
    item, _ = message_of(account, follows=False)
    assert (item.attachments, item.truncated) == ([], [])
