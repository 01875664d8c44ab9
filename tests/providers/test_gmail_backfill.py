"""Gmail's backfill, told what Google would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Answering, Json, PretendMailbox, param, told, told_of

from scp_server.domain.errors import PositionLost, ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.gmail import GmailMessages
from scp_wire.filters import MailFilters

HISTORY = b'{"type":"gmail-history-1","history":1}'


def gmail(max_results: int | None = None, **filters: object) -> GmailMessages:
    return GmailMessages(MailFilters(**filters), max_results=max_results)  # type: ignore[arg-type]


def ids(count: int) -> list[str]:
    return [f"m{n:03}" for n in range(count)]


def whole(connector: GmailMessages, mailbox: Answering) -> list[str]:
    """Ids of a whole backfill."""
    found: list[str] = []
    resume: Position | None = None
    while True:
        step, _ = told(connector.backfill(resume), mailbox)
        found += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            return found


def test_the_first_items_are_there_after_two_round_trips_with_a_bookmark() -> None:
    mailbox, connector = PretendMailbox(*ids(50)), gmail()
    _, bookmarking = told(connector.bookmark(), mailbox)
    step, first = told(connector.backfill(None), mailbox)
    assert len(bookmarking) + len(first) == 2
    assert [change.item.id for change in step.changes] == ids(20)


def test_the_first_items_are_there_after_two_round_trips_without_one() -> None:
    _, rounds = told(gmail().backfill(None), PretendMailbox(*ids(50)))
    assert [len(asks) for asks in rounds] == [1, 20]


def test_a_page_is_listed_once_however_many_steps_it_takes() -> None:
    mailbox, connector, resume, rounds = PretendMailbox(*ids(45)), gmail(), None, 0
    for _ in range(3):
        step, asked = told(connector.backfill(resume), mailbox)
        resume, rounds = step.resume, rounds + len(asked)
    assert resume is None
    assert rounds == 1 + 3


def test_what_may_have_left_the_filters_since_its_page_was_listed_is_told_again_afterwards() -> (
    None
):
    mailbox, connector = PretendMailbox(*ids(45)), gmail()
    first, _ = told(connector.backfill(None), mailbox)
    later, rounds = told(connector.backfill(first.resume), mailbox)
    # Nobody asked whether they are still in the listing: see `Step.current`.
    assert {ask.method for asks in rounds for ask in asks} == {"gmail.messages.get"}
    assert not later.current


@pytest.mark.parametrize("count", [0, 1, 20, 21, 100, 101, 205])
@pytest.mark.parametrize("bookmarked", [True, False])
def test_a_backfill_gives_every_message_once_and_in_order(count: int, *, bookmarked: bool) -> None:
    mailbox, connector = PretendMailbox(*ids(count)), gmail()
    if bookmarked:
        told(connector.bookmark(), mailbox)
    assert whole(connector, mailbox) == ids(count)


@pytest.mark.parametrize("when", ["between", "before"])
def test_a_message_that_arrives_while_the_bookmark_is_taken_is_in_the_backfill(when: str) -> None:
    """The first page may be older than the bookmark, and then neither would have the message."""
    mailbox, connector = PretendMailbox(*ids(30)), gmail()

    def listing_first(ask: Ask) -> Json | None:
        if ask.method == "gmail.messages.list":
            return {"messages": [{"id": i} for i in ids(30)]}
        if when == "between":
            mailbox.add("new")
        return mailbox(ask)

    told(connector.bookmark(), listing_first)
    if when == "before":
        mailbox.vanish("m019")
        mailbox.add("new")
    found = whole(connector, mailbox)
    assert sorted(found) == sorted(mailbox.ids())
    assert len(found) == len(set(found))


def test_a_message_that_vanished_after_the_listing_is_skipped() -> None:
    mailbox = PretendMailbox(*ids(3))

    def vanishing(ask: Ask) -> Json | None:
        answer = mailbox(ask)
        if ask.method == "gmail.messages.list":
            mailbox.vanish("m001")
        return answer

    step, _ = told(gmail().backfill(None), vanishing)
    assert [change.item.id for change in step.changes] == ["m000", "m002"]
    assert step.resume is None


def test_a_group_that_vanished_whole_does_not_end_the_backfill() -> None:
    mailbox = PretendMailbox(*ids(25))
    answers = {f"/gmail/v1/users/me/messages/{i}" for i in ids(20)}

    def vanished(ask: Ask) -> Json | None:
        return None if ask.path in answers else mailbox(ask)

    step, _ = told(gmail().backfill(None), vanished)
    assert [change.item.id for change in step.changes] == ids(25)[20:]


@pytest.mark.parametrize(("gone", "first"), [(1, "m020"), (8, "m000")])
def test_after_a_restart_it_goes_on_after_what_is_still_there_if_anything_is(
    gone: int, first: str
) -> None:
    mailbox = PretendMailbox(*ids(45))
    step, _ = told(gmail().backfill(None), mailbox)
    for identity in ids(20)[-gone:]:
        mailbox.vanish(identity)
    again, _ = told(gmail().backfill(step.resume), mailbox)
    assert again.changes[0].item.id == first


@given(count=st.integers(0, 130), page=st.integers(1, 60), stop=st.integers(0, 12), data=st.data())
def test_from_any_place_a_new_connector_gives_what_remains_and_at_most_repeats(
    count: int, page: int, stop: int, data: st.DataObject
) -> None:
    mailbox, connector = PretendMailbox(*ids(count), page=page), gmail()
    if data.draw(st.booleans()):
        told(connector.bookmark(), mailbox)
    before: list[str] = []
    resume: Position | None = None
    for _ in range(stop):
        step, _ = told(connector.backfill(resume), mailbox)
        before += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            break
    if resume is None and stop:
        assert before == ids(count)
        return
    fresh = gmail()
    after: list[str] = []
    while True:
        step, _ = told(fresh.backfill(resume), mailbox)
        after += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            break
    assert set(before) | set(after) == set(ids(count))
    assert after == ids(count)[len(before) :]


def test_winding_back_reads_the_pages_again_and_finds_no_circle_in_them() -> None:
    mailbox, connector = PretendMailbox(*ids(90), page=10), gmail()
    whole(connector, mailbox)
    assert whole(connector, mailbox) == ids(90)


def test_a_step_that_failed_is_done_again_from_the_same_place() -> None:
    mailbox, connector = PretendMailbox(*ids(30), page=10), gmail()
    step, _ = told(connector.backfill(None), mailbox)
    reading = connector.backfill(step.resume)
    next(reading)
    with pytest.raises(ProviderProtocolError):
        reading.throw(ProviderProtocolError("odd"))
    again, _ = told(connector.backfill(step.resume), mailbox)
    assert [change.item.id for change in again.changes] == ids(30)[10:20]


def test_the_filters_go_to_gmail_as_its_own_parameters() -> None:
    connector = gmail(query="is:unread", label_ids=("INBOX", "Label_1"), include_spam_trash=True)
    _, rounds = told(connector.backfill(None), PretendMailbox())
    ask = rounds[0][0]
    assert param(ask, "q") == "is:unread"
    assert param(ask, "includeSpamTrash") == "true"
    assert [v for k, v in ask.params if k == "labelIds"] == ["INBOX", "Label_1"]
    assert "nextPageToken" in (param(ask, "fields") or "")


def test_no_more_messages_are_fetched_than_are_wanted() -> None:
    step, rounds = told(gmail(max_results=3).backfill(None), PretendMailbox(*ids(50)))
    assert len(rounds[1]) == len(step.changes) == 3


@pytest.mark.parametrize("tokens", [{None: "a", "a": "a"}, {None: "a", "a": "b", "b": "a"}])
def test_page_tokens_in_a_circle_are_noticed(tokens: dict[str | None, str]) -> None:
    connector, asked = gmail(), 0

    def circling(ask: Ask) -> Json | None:
        nonlocal asked
        if ask.method == "gmail.messages.get":
            return {"id": ask.path.rpartition("/")[2]}
        asked += 1
        token = param(ask, "pageToken")
        return {"messages": [{"id": f"x{token}"}], "nextPageToken": tokens[token]}

    with pytest.raises(ProviderProtocolError, match="circle"):
        whole(connector, circling)
    assert asked <= 4


@pytest.mark.parametrize("messages", [[], [{"id": "same"}]])
def test_endless_pages_under_new_tokens_are_noticed(messages: list[Json]) -> None:
    connector, asked = gmail(), 0

    def endless(ask: Ask) -> Json | None:
        nonlocal asked
        if ask.method == "gmail.messages.get":
            return {"id": "same"}
        asked += 1
        return {"messages": messages, "nextPageToken": f"token{asked}"}

    with pytest.raises(ProviderProtocolError):
        whole(connector, endless)
    assert asked < 600


@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": "none"}, {"items": []}])
def test_another_object_is_not_taken_for_an_empty_mailbox(body: Json) -> None:
    with pytest.raises(ProviderProtocolError):
        told(gmail().backfill(None), lambda _: body)


@pytest.mark.parametrize("body", [{"messages": [{"threadId": "t"}]}, {"messages": [None]}])
def test_a_listed_message_without_an_id_is_a_fault_of_the_provider(body: Json) -> None:
    with pytest.raises(ProviderProtocolError, match="without an id"):
        told(gmail().backfill(None), lambda _: body)


def test_another_message_than_was_asked_for_is_a_fault_of_the_provider() -> None:
    def confused(ask: Ask) -> Json | None:
        return {"messages": [{"id": "a"}]} if ask.path.endswith("/messages") else {"id": "b"}

    with pytest.raises(ProviderProtocolError, match="another message"):
        told(gmail().backfill(None), confused)


@pytest.mark.parametrize(
    "place", [b'{"type":"gmail-listing-0"}', b"garbage", b'{"type":"gmail-history-1","history":1}']
)
def test_a_place_of_another_kind_is_lost_rather_than_misread(place: bytes) -> None:
    with pytest.raises(PositionLost):
        told(gmail().backfill(Position(place)), PretendMailbox())


def test_what_is_there_comes_as_created_with_its_version_and_raw_form() -> None:
    mailbox = PretendMailbox("a")
    step, _ = told(gmail().backfill(None), mailbox)
    assert told_of(step.changes) == [("created", "a")]
    assert step.changes[0].version == "1"
    assert step.changes[0].raw == mailbox.message("a")
