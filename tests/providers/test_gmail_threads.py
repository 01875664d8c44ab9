"""Gmail's threads, told what Google would say: read, followed, judged by any of their messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Json, PretendMailbox, param, told, told_of

from scp_server.domain.changes import Change, Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.gmail_history import HistoryPlace
from scp_server.providers.google.gmail_threads import GROUP, GmailThreads
from scp_server.providers.positions import read
from scp_wire.events import ChangeKind
from scp_wire.filters import MailFilters
from scp_wire.items import Thread


def threads(*, max_results: int | None = None, **filters: Any) -> GmailThreads:  # noqa: ANN401
    return GmailThreads(MailFilters(**filters), max_results=max_results)


def bookmark(connector: GmailThreads, mailbox: PretendMailbox) -> Position:
    return told(connector.bookmark(), mailbox)[0]


def read_all(connector: GmailThreads, mailbox: PretendMailbox) -> list[Change]:
    changes: list[Change] = []
    resume: Position | None = None
    while True:
        step, _ = told(connector.backfill(resume), mailbox)
        changes += step.changes
        resume = step.resume
        if resume is None:
            return changes


def follow_all(
    connector: GmailThreads, since: Position, mailbox: PretendMailbox
) -> tuple[list[Change], Position]:
    changes: list[Change] = []
    while True:
        learned, _ = told(connector.follow(since), mailbox)
        changes += learned.changes
        since = learned.since
        if not learned.more:
            return changes, since


def conversation(*ids: str, thread: str = "T") -> PretendMailbox:
    """A mailbox with one thread of these messages."""
    mailbox = PretendMailbox(*ids)
    mailbox.threads = dict.fromkeys(ids, thread)
    return mailbox


def item(change: Change) -> Thread:
    assert isinstance(change.item, Thread)
    return change.item


# -- what is there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [3, 7, 100])
def test_every_thread_is_read_once_in_small_batches(page: int) -> None:
    mailbox = PretendMailbox(*(f"m{n:02}" for n in range(45)), page=page)
    mailbox.threads = {f"m{n:02}": f"t{n % 20:02}" for n in range(45)}
    connector = threads()
    bookmark(connector, mailbox)
    changes = read_all(connector, mailbox)
    found = [change.item.id for change in changes]
    assert sorted(found) == sorted({f"t{n:02}" for n in range(20)})
    assert sum(len(item(change).messages) for change in changes) == 45


def test_threads_are_asked_for_by_their_own_methods_and_fields() -> None:
    mailbox = conversation("a", "b")
    _, rounds = told(threads(label_ids=("INBOX",)).backfill(None), mailbox)
    listing, get = rounds[0][0], rounds[1][0]
    assert listing.method == "gmail.threads.list"
    assert listing.path == "/gmail/v1/users/me/threads"
    assert (
        param(listing, "fields") == "nextPageToken,resultSizeEstimate,threads(id,historyId,snippet)"
    )
    assert param(listing, "labelIds") == "INBOX"
    assert (get.method, get.path) == ("gmail.threads.get", "/gmail/v1/users/me/threads/T")
    assert get.absent_ok
    assert get.one_of_many
    assert not get.live


@pytest.mark.parametrize("most", [1, 4])
def test_no_step_is_larger_than_max_results(most: int) -> None:
    mailbox = PretendMailbox(*(f"m{n}" for n in range(9)))
    connector = threads(max_results=most)
    step, _ = told(connector.backfill(None), mailbox)
    assert len(step.changes) == most


def test_a_thread_that_went_after_it_was_listed_is_no_hindrance() -> None:
    mailbox = PretendMailbox("a", "b")
    connector = threads()
    bookmark(connector, mailbox)
    mailbox.vanish("b")
    assert [c.item.id for c in read_all(connector, mailbox)] == ["t-a"]


# -- what changes ----------------------------------------------------------------------------------


def test_a_reply_updates_its_thread_and_a_new_conversation_is_created() -> None:
    mailbox, connector = conversation("a"), threads()
    since = bookmark(connector, mailbox)
    mailbox.add("b", thread="T")
    mailbox.add("x", thread="N")
    mailbox.add("y", thread="N")
    changes, _ = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("updated", "T"), ("created", "N")]
    assert [m.id for m in item(changes[0]).messages] == ["a", "b"]
    assert item(changes[1]).message_count == 2


def test_a_thread_that_changed_many_times_is_fetched_once() -> None:
    mailbox, connector = conversation("a", "b", "c"), threads()
    since = bookmark(connector, mailbox)
    for _ in range(4):
        for identity in "abc":
            mailbox.relabel(identity, add="STARRED")
            mailbox.relabel(identity, remove="STARRED")
    learned, rounds = told(connector.follow(since), mailbox)
    assert told_of(learned.changes) == [("updated", "T")]
    gets = [ask for asks in rounds for ask in asks if ask.method == "gmail.threads.get"]
    assert len(gets) == 1
    assert not learned.more


def test_a_thread_that_changed_again_further_on_in_the_log_is_not_fetched_again() -> None:
    mailbox, connector = conversation("a"), threads()
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="STARRED")
    for n in range(GROUP + 5):
        mailbox.add(f"n{n}")
    mailbox.relabel("a", remove="STARRED")
    gets: list[str] = []
    more = True
    while more:
        learned, rounds = told(connector.follow(since), mailbox)
        gets += [a.path for asks in rounds for a in asks if a.method == "gmail.threads.get"]
        since, more = learned.since, learned.more
    assert len(gets) == len(set(gets)) == GROUP + 6


def test_a_thread_is_gone_with_its_last_message_and_changed_with_any_other() -> None:
    mailbox, connector = conversation("a", "b"), threads()
    since = bookmark(connector, mailbox)
    whole = read_all(connector, mailbox)[0]
    mailbox.delete("b")
    changes, since = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("updated", "T")]
    assert item(changes[0]).message_count == 1
    # Nothing but its number of messages says that it is another one now.
    assert changes[0].version != whole.version
    mailbox.delete("a")
    changes, _ = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("deleted", "T")]
    assert changes[0].reason is None


def test_a_thread_leaves_when_the_last_of_its_messages_is_binned() -> None:
    mailbox, connector = conversation("a", "b"), threads()
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="TRASH")
    changes, since = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("updated", "T")]
    mailbox.relabel("b", add="TRASH")
    changes, since = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("deleted", "T")]
    assert changes[0].reason == "left_filter"
    mailbox.relabel("a", remove="TRASH")
    changes, _ = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("updated", "T")]


def test_labels_of_different_messages_do_not_add_up() -> None:
    """Gmail judges each message alone."""
    mailbox, connector = conversation("a", "b"), threads(label_ids=("INBOX", "STARRED"))
    mailbox.labels["a"], mailbox.labels["b"] = {"INBOX"}, {"SENT"}
    since = bookmark(connector, mailbox)
    mailbox.relabel("b", add="STARRED")
    changes, since = follow_all(connector, since, mailbox)
    assert changes == []
    mailbox.relabel("a", add="STARRED")
    changes, _ = follow_all(connector, since, mailbox)
    assert told_of(tuple(changes)) == [("updated", "T")]


def test_a_thread_leaves_when_the_message_that_let_it_in_is_deleted() -> None:
    mailbox, connector = conversation("a", "b"), threads(label_ids=("STARRED",))
    mailbox.labels["a"].add("STARRED")
    since = bookmark(connector, mailbox)
    mailbox.delete("a")
    changes, _ = follow_all(connector, since, mailbox)
    assert [(c.kind.value, c.reason) for c in changes] == [("deleted", "left_filter")]


def test_a_reply_in_a_thread_that_never_matched_is_nobodys_business() -> None:
    mailbox, connector = conversation("a"), threads(label_ids=("STARRED",))
    since = bookmark(connector, mailbox)
    mailbox.add("b", "INBOX", thread="T")
    assert follow_all(connector, since, mailbox)[0] == []


def test_a_search_is_judged_by_gmail_for_all_messages_of_a_thread_at_once() -> None:
    mailbox, connector = conversation("a", "b", "c"), threads(query="is:unread OR from:x")
    mailbox.matching = {"b"}
    since = bookmark(connector, mailbox)
    mailbox.relabel("a", add="STARRED")
    learned, rounds = told(connector.follow(since), mailbox)
    assert told_of(learned.changes) == [("updated", "T")]
    (check,) = rounds[2]
    assert check.method == "gmail.threads.list"
    assert check.live
    names = " ".join(f"rfc822msgid:{i}@mail.example" for i in "cba")
    assert param(check, "q") == f"{{{names}}} (is:unread OR from:x)"
    mailbox.matching = set()
    mailbox.relabel("b", add="STARRED")
    changes, _ = follow_all(connector, learned.since, mailbox)
    assert [(c.kind.value, c.reason) for c in changes] == [("deleted", "left_filter")]


def test_a_long_thread_is_checked_in_parts_and_any_of_them_lets_it_in() -> None:
    ids = [f"m{n:02}" for n in range(45)]
    mailbox, connector = conversation(*ids), threads(query="x")
    mailbox.matching = {"m44"}
    since = bookmark(connector, mailbox)
    mailbox.relabel("m00", add="STARRED")
    learned, rounds = told(connector.follow(since), mailbox)
    assert told_of(learned.changes) == [("updated", "T")]
    assert [len(asks) for asks in rounds] == [1, 1, 3]


def test_a_restart_between_small_steps_loses_nothing() -> None:
    mailbox, connector = PretendMailbox(), threads()
    since = bookmark(connector, mailbox)
    for n in range(35):
        mailbox.add(f"n{n:02}")
    learned, _ = told(connector.follow(since), mailbox)
    assert len(learned.changes) == GROUP
    changes, _ = follow_all(threads(), learned.since, mailbox)
    assert len(learned.changes) + len(changes) == 35


def test_history_that_does_not_say_which_thread_is_set_aside_after_three_tries() -> None:
    body: Json = {
        "historyId": "200",
        "history": [{"id": "150", "messagesAdded": [{"message": {"id": "a"}}]}],
    }
    connector = threads()
    since = bookmark(connector, PretendMailbox())
    for _ in range(2):
        with pytest.raises(ProviderProtocolError, match="without an id"):
            told(connector.follow(since), lambda _: body)
    learned, _ = told(connector.follow(since), lambda _: body)
    assert [skipped.id for skipped in learned.skipped] == [None]
    assert read(learned.since, HistoryPlace).history == 200


def test_a_thread_that_stays_odd_is_set_aside_after_three_tries() -> None:
    mailbox, connector = PretendMailbox("a", "b"), threads()
    since = bookmark(connector, mailbox)

    def odd(ask: Ask) -> Json | None:
        return {"id": "t-b", "messages": [{}]} if ask.path.endswith("/t-b") else mailbox(ask)

    for _ in range(2):
        with pytest.raises(ProviderProtocolError):
            told(connector.backfill(None), odd)
    step, _ = told(connector.backfill(None), odd)
    assert told_of(step.changes) == [("created", "t-a")]
    assert step.skipped == (Skipped(id="t-b", reason="Google sent a message without an id."),)

    mailbox.relabel("a", add="STARRED")
    mailbox.relabel("b", add="STARRED")
    for _ in range(2):
        with pytest.raises(ProviderProtocolError):
            told(connector.follow(since), odd)
    learned, _ = told(connector.follow(since), odd)
    assert told_of(learned.changes) == [("updated", "t-a")]
    assert [skipped.id for skipped in learned.skipped] == ["t-b"]
    assert told(connector.follow(learned.since), odd)[0].changes == ()


_MOVES = st.tuples(
    st.sampled_from(["add", "star", "unstar", "trash", "untrash", "delete"]),
    st.integers(0, 5),
    st.integers(0, 2),
)


@given(st.lists(_MOVES, max_size=50), st.booleans(), st.sampled_from([(), ("STARRED",)]))
def test_applying_the_changes_gives_what_gmail_lists(
    moves: list[tuple[str, int, int]],
    restart: bool,  # noqa: FBT001 - drawn
    labels: tuple[str, ...],
) -> None:
    mailbox = PretendMailbox("m0", "m1", "m2")
    mailbox.threads = {"m0": "t0", "m1": "t0", "m2": "t1"}
    connector = threads(label_ids=labels or None)
    since = bookmark(connector, mailbox)
    held = {change.item.id: change for change in read_all(connector, mailbox)}
    for number, (move, which, thread) in enumerate(moves):
        _apply(mailbox, move, f"m{which}", f"n{number}", f"t{thread}")
        if number % 7 == 6:
            since = _take(connector, since, mailbox, held)
            connector = threads(label_ids=labels or None) if restart else connector
    _take(connector, since, mailbox, held)
    listed = {c.item.id: c for c in read_all(threads(label_ids=labels or None), mailbox)}
    assert {i: c.item for i, c in held.items()} == {i: c.item for i, c in listed.items()}
    # What was followed to is the same state, and has the same version, as what is listed.
    assert {i: c.version for i, c in held.items()} == {i: c.version for i, c in listed.items()}


def _take(
    connector: GmailThreads, since: Position, mailbox: PretendMailbox, held: dict[str, Change]
) -> Position:
    changes, since = follow_all(connector, since, mailbox)
    for change in changes:
        if change.kind is ChangeKind.DELETED:
            held.pop(change.item.id, None)
        else:
            held[change.item.id] = change
    return since


def _apply(mailbox: PretendMailbox, move: str, identity: str, new: str, thread: str) -> None:
    if move == "add":
        mailbox.add(new, "INBOX", thread=thread)
    elif identity in mailbox.labels:
        match move:
            case "delete":
                mailbox.delete(identity)
            case "star" | "unstar":
                mailbox.relabel(identity, **{"add" if move == "star" else "remove": "STARRED"})
            case _:
                mailbox.relabel(identity, **{"add" if move == "trash" else "remove": "TRASH"})


@given(data=st.data(), stop=st.integers(1, 3))
def test_a_thread_that_sinks_while_nobody_looks_takes_no_other_along(
    data: st.DataObject, stop: int
) -> None:
    mailbox = PretendMailbox(*(f"m{n:02}" for n in range(40)), *(f"old{n:02}" for n in range(40)))
    # The listing is newest first; each old message is in the thread of a new one.
    mailbox.threads = {f"{age}{n:02}": f"T{n:02}" for age in ("m", "old") for n in range(40)}
    for identity in [f"old{n:02}" for n in range(40)][::2]:
        mailbox.vanish(identity)
    connector, told_of_all, resume = threads(), set(), None
    for _ in range(stop):
        step, _ = told(connector.backfill(resume), mailbox)
        told_of_all |= {change.item.id for change in step.changes}
        resume = step.resume
    everything = {mailbox.thread_of(i) for i in mailbox.ids()}
    # Their newest messages go: the threads sink, or are gone.
    sinking = data.draw(st.sets(st.integers(0, 39), max_size=6))
    for identity in [f"m{n:02}" for n in sinking | {stop * GROUP - 1}]:
        mailbox.vanish(identity)
    still = {mailbox.thread_of(i) for i in mailbox.ids()}
    fresh = threads()
    while resume is not None:
        step, _ = told(fresh.backfill(resume), mailbox)
        told_of_all |= {change.item.id for change in step.changes}
        resume = step.resume
    assert told_of_all <= everything
    assert told_of_all >= still
