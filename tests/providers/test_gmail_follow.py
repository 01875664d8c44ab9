"""Following a Gmail mailbox, told what Google would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Json, PretendMailbox, param, told, told_of

from scp_server.domain.changes import Change
from scp_server.domain.errors import PositionLost, ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.gmail import GmailMessages
from scp_wire.events import ChangeKind
from scp_wire.filters import MailFilters


def gmail(**filters: object) -> GmailMessages:
    return GmailMessages(MailFilters(**filters))  # type: ignore[arg-type]


def bookmark(connector: GmailMessages, mailbox: PretendMailbox) -> Position:
    return told(connector.bookmark(), mailbox)[0]


def followed(
    connector: GmailMessages, since: Position, mailbox: PretendMailbox
) -> tuple[tuple[Change, ...], Position]:
    """All changes there are now, and the place after them."""
    changes: tuple[Change, ...] = ()
    while True:
        learned, _ = told(connector.follow(since), mailbox)
        changes += learned.changes
        since = learned.since
        if not learned.more:
            return changes, since


def test_a_quiet_mailbox_is_followed_to_its_own_history_id() -> None:
    mailbox, connector = PretendMailbox("a"), gmail()
    since = bookmark(connector, mailbox)
    mailbox.history_id = 150
    learned, rounds = told(connector.follow(since), mailbox)
    assert learned.changes == ()
    assert not learned.more
    _, again = told(connector.follow(learned.since), mailbox)
    assert param(again[0][0], "startHistoryId") == "150"
    assert len(rounds) == 1


def test_what_arrives_is_created_what_changes_updated_what_goes_deleted() -> None:
    mailbox, connector = PretendMailbox("a", "b"), gmail()
    since = bookmark(connector, mailbox)
    mailbox.add("new")
    mailbox.relabel("a", remove="INBOX")
    mailbox.delete("b")
    changes, _ = followed(connector, since, mailbox)
    assert told_of(changes) == [("created", "new"), ("updated", "a"), ("deleted", "b")]
    assert [change.reason for change in changes] == [None] * 3


def test_a_message_that_changed_many_times_is_fetched_once() -> None:
    mailbox, connector = PretendMailbox("a"), gmail()
    since = bookmark(connector, mailbox)
    for _ in range(5):
        mailbox.relabel("a", add="STARRED")
        mailbox.relabel("a", remove="STARRED")
    learned, rounds = told(connector.follow(since), mailbox)
    assert told_of(learned.changes) == [("updated", "a")]
    assert [len(asks) for asks in rounds] == [1, 1]


def test_a_message_added_and_then_deleted_is_told_as_deleted_only() -> None:
    """A backfill under way may have met it in between."""
    mailbox, connector = PretendMailbox(), gmail()
    since = bookmark(connector, mailbox)
    mailbox.add("x")
    mailbox.delete("x")
    changes, _ = followed(connector, since, mailbox)
    assert told_of(changes) == [("deleted", "x")]


def test_a_message_that_is_gone_when_it_is_fetched_is_left_to_a_later_record() -> None:
    mailbox, connector = PretendMailbox("a"), gmail()
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="STARRED")
    mailbox.vanish("a")
    learned, _ = told(connector.follow(since), mailbox)
    assert learned.changes == ()


def test_many_changes_come_in_small_steps_and_the_log_is_read_once() -> None:
    mailbox, connector = PretendMailbox(), gmail()
    since = bookmark(connector, mailbox)
    new = [f"n{n:02}" for n in range(50)]
    for identity in new:
        mailbox.add(identity)
    sizes, logs, found = [], 0, []
    more = True
    while more:
        learned, rounds = told(connector.follow(since), mailbox)
        logs += sum(ask.method == "gmail.history.list" for asks in rounds for ask in asks)
        sizes.append(len(learned.changes))
        found += [change.item.id for change in learned.changes]
        since, more = learned.since, learned.more
    assert found == new
    assert max(sizes) <= 20
    assert logs == 1


def test_a_restart_between_small_steps_loses_nothing() -> None:
    mailbox, connector = PretendMailbox(), gmail()
    since = bookmark(connector, mailbox)
    for n in range(30):
        mailbox.add(f"n{n:02}")
    learned, _ = told(connector.follow(since), mailbox)
    changes, _ = followed(gmail(), learned.since, mailbox)
    assert len(learned.changes + changes) == 30


def test_pages_of_history_are_all_read() -> None:
    mailbox, connector = PretendMailbox("a"), gmail()
    since = bookmark(connector, mailbox)
    for n in range(1100):
        mailbox.relabel("a", **({"add": "STARRED"} if n % 2 else {"remove": "STARRED"}))
    mailbox.add("last")
    changes, _ = followed(connector, since, mailbox)
    assert told_of(changes)[-1] == ("created", "last")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["trash"], [("deleted", "a")]),
        (["trash", "untrash"], [("updated", "a")]),
        (["spam"], [("deleted", "a")]),
    ],
)
def test_what_goes_to_the_bin_leaves_a_listing_that_hides_it(
    steps: list[str], expected: list[tuple[str, str]]
) -> None:
    mailbox, connector = PretendMailbox("a"), gmail()
    since = bookmark(connector, mailbox)
    moves = {"trash": ("TRASH", None), "untrash": (None, "TRASH"), "spam": ("SPAM", None)}
    for step in steps:
        mailbox.relabel("a", add=moves[step][0], remove=moves[step][1])
    changes, _ = followed(connector, since, mailbox)
    assert told_of(changes) == expected
    assert changes[0].reason == ("left_filter" if expected[0][0] == "deleted" else None)


def test_what_goes_to_the_bin_is_an_update_where_the_bin_is_asked_for() -> None:
    mailbox, connector = PretendMailbox("a"), gmail(include_spam_trash=True)
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="TRASH")
    changes, _ = followed(connector, since, mailbox)
    assert told_of(changes) == [("updated", "a")]


def test_labels_are_judged_without_asking_gmail_again() -> None:
    mailbox, connector = PretendMailbox("a", "b"), gmail(label_ids=("INBOX", "STARRED"))
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="STARRED")
    mailbox.relabel("b", add="IMPORTANT")
    mailbox.add("new", "INBOX")
    learned, rounds = told(connector.follow(since), mailbox)
    assert told_of(learned.changes) == [("updated", "a")]
    assert [ask.method for asks in rounds[1:] for ask in asks] == ["gmail.messages.get"]


def test_what_loses_a_wanted_label_leaves_the_filter() -> None:
    mailbox, connector = PretendMailbox("a"), gmail(label_ids=("INBOX",))
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", remove="INBOX")
    changes, _ = followed(connector, since, mailbox)
    assert told_of(changes) == [("deleted", "a")]
    assert changes[0].reason == "left_filter"


def test_what_matched_only_for_a_moment_is_told_as_gone() -> None:
    """A backfill under way may have met it in that moment."""
    mailbox, connector = PretendMailbox("a"), gmail(label_ids=("STARRED",))
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="STARRED")
    mailbox.relabel("a", remove="STARRED")
    changes, _ = followed(connector, since, mailbox)
    assert [change.reason for change in changes] == ["left_filter"]


def test_a_search_is_judged_by_gmail_for_each_changed_message() -> None:
    mailbox, connector = PretendMailbox("a", "b"), gmail(query="is:unread OR from:x")
    since = bookmark(connector, mailbox)
    mailbox.matching = {"b", "new"}
    mailbox.add("new")
    mailbox.add("other")
    mailbox.relabel("a", remove="UNREAD", add="STARRED")
    mailbox.relabel("b", add="STARRED")
    learned, rounds = told(connector.follow(since), mailbox)
    assert told_of(learned.changes) == [("created", "new"), ("deleted", "a"), ("updated", "b")]
    assert learned.changes[1].reason == "left_filter"
    checks = [param(ask, "q") for ask in rounds[2]]
    assert checks[0] == "rfc822msgid:new@mail.example (is:unread OR from:x)"


@pytest.mark.parametrize("header", ["", "<not a plain id>", '<"(quoted)"@mail.example>'])
def test_a_message_without_a_usable_id_is_singled_out_by_its_arrival(header: str) -> None:
    mailbox, connector = PretendMailbox(), gmail(query="is:unread")
    since = bookmark(connector, mailbox)
    mailbox.add("new")
    asked: list[str | None] = []

    def without_id(ask: Ask) -> Json | None:
        answer = mailbox(ask)
        if ask.method == "gmail.messages.get" and answer:
            answer["payload"] = {"headers": [{"name": "message-id", "value": header}]}
        if ask.method == "gmail.messages.list":
            asked.append(param(ask, "q"))
        return answer

    learned, _ = told(connector.follow(since), without_id)
    assert asked == ["after:1777485133 before:1777485136 (is:unread)"]
    assert told_of(learned.changes) == [("created", "new")]


def test_everything_that_follows_goes_ahead_of_backfills() -> None:
    mailbox, connector = PretendMailbox(), gmail(query="x")
    since = bookmark(connector, mailbox)
    mailbox.add("new")
    _, rounds = told(connector.follow(since), mailbox)
    assert len(rounds) == 3
    assert all(ask.live for asks in rounds for ask in asks)


def test_a_page_of_records_that_were_handled_already_is_not_delivered_again() -> None:
    mailbox, connector = PretendMailbox("a"), gmail()
    mailbox.add("old")
    since = bookmark(connector, mailbox)

    def all_of_it(ask: Ask) -> Json | None:
        if ask.method == "gmail.history.list":
            return {"history": mailbox.history, "historyId": str(mailbox.history_id)}
        return mailbox(ask)

    assert told(connector.follow(since), all_of_it)[0].changes == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"historyId": "x"},
        {"historyId": "200", "history": "none"},
        {"historyId": "200", "history": [{}]},
        {"historyId": "200", "history": [{"id": "150", "messagesDeleted": {}}]},
        {"historyId": "200", "history": [{"id": "150", "messagesAdded": [{}]}]},
    ],
)
def test_history_that_makes_no_sense_is_a_fault_of_the_provider(body: Json) -> None:
    since = bookmark(gmail(), PretendMailbox())
    with pytest.raises(ProviderProtocolError):
        told(gmail().follow(since), lambda _: body)


def test_a_place_that_gmail_has_forgotten_is_lost_through_the_reading() -> None:
    reading = gmail().follow(bookmark(gmail(), PretendMailbox()))
    next(reading)
    with pytest.raises(PositionLost):
        reading.throw(PositionLost("gone"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "star", "unstar", "trash", "untrash", "delete"]),
            st.integers(0, 6),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_applying_the_changes_gives_the_mailbox(
    moves: list[tuple[str, int]],
    restart: bool,  # noqa: FBT001 - drawn
) -> None:
    mailbox, connector = PretendMailbox("m0", "m1", "m2"), gmail(label_ids=("STARRED",))
    since = bookmark(connector, mailbox)
    held: set[str] = set()
    for number, (move, which) in enumerate(moves):
        _apply(mailbox, move, f"m{which}", f"n{number}")
    while True:
        learned, _ = told(connector.follow(since), mailbox)
        for change in learned.changes:
            gone = change.kind is ChangeKind.DELETED
            held = held - {change.item.id} if gone else held | {change.item.id}
        since = learned.since
        if not learned.more:
            break
        connector = gmail(label_ids=("STARRED",)) if restart else connector
    wanted = {i for i, labels in mailbox.labels.items() if "STARRED" in labels}
    assert held == {i for i in wanted if "TRASH" not in mailbox.labels[i]}


def _apply(mailbox: PretendMailbox, move: str, identity: str, new: str) -> None:
    if move == "add":
        mailbox.add(new if identity in mailbox.labels else identity, "STARRED")
    elif identity in mailbox.labels:
        match move:
            case "delete":
                mailbox.delete(identity)
            case "star" | "unstar":
                mailbox.relabel(identity, **{"add" if move == "star" else "remove": "STARRED"})
            case _:
                mailbox.relabel(identity, **{"add" if move == "trash" else "remove": "TRASH"})
