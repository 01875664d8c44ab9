"""Gmail's search language, and what it finds."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_sandbox.clock import Clock
from scp_sandbox.google.gmail.query import OPERATORS, All, Node, Not, Some, Term, parse
from scp_sandbox.google.gmail.search import Searcher
from scp_sandbox.world.anchor import ANCHOR_MS, DAY_MS
from scp_sandbox.world.compose import compose
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.message import Message
from scp_sandbox.world.mime import Part, serialise
from scp_sandbox.world.people import USERS

NOW = ANCHOR_MS / 1000


@pytest.fixture(scope="module")
def mailbox() -> Mailbox:
    return Mailbox(USERS[0], seed=3, visible=500, clock=Clock(lambda: NOW))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", All()),
        ("harbour", Term("", "harbour")),
        ("from:edda harbour", All((Term("from", "edda"), Term("", "harbour")))),
        ("from: edda", Term("from", "edda")),
        ("from:", All()),
        ("from: is:unread", All((All(), Term("is", "unread")))),
        ('subject:"draft 3"', Term("subject", "draft 3")),
        ('-"draft 3"', Not(Term("", "draft 3"))),
        ("-from:edda", Not(Term("from", "edda"))),
        ("a OR b c", All((Some((Term("", "a"), Term("", "b"))), Term("", "c")))),
        ("{a b}", Some((Term("", "a"), Term("", "b")))),
        ("from:{a b}", Some((Term("from", "a"), Term("from", "b")))),
        ("subject:(a b)", All((Term("subject", "a"), Term("subject", "b")))),
        ("-{a b}", Not(Some((Term("", "a"), Term("", "b"))))),
        ("(a OR b) -(c d)", None),
        ("http://x", Term("", "http://x")),
    ],
)
def test_a_query_means_what_gmail_documents(text: str, tree: Node | None) -> None:
    found = parse(text)
    assert tree is None or found == tree


_pieces = st.sampled_from(
    [*(f"{o}:" for o in OPERATORS), *'(){}-"| ', "OR", "x", "é", "2026/01/02"]
)


@given(st.one_of(st.text(), st.lists(_pieces).map("".join), st.lists(_pieces).map(" ".join)))
def test_no_query_whatever_breaks_parser_or_search(text: str) -> None:
    box = Mailbox(USERS[0], seed=1, visible=3, clock=Clock(lambda: NOW))
    judge = Searcher(box.labels).judge(parse(text), NOW)
    for message in box.newest_first():
        assert judge(message) in (True, False)


def _named(part: Part) -> bool:
    return bool(part.filename) or any(_named(child) for child in part.parts)


def _size(message: Message) -> int:
    return len(serialise(compose(message.recipe)))


EXPECTED: list[tuple[str, Callable[[Message], bool]]] = [
    ("from:edda", lambda m: m.recipe.sender.name.startswith("Edda")),
    ("from:edda.farnholt@tidewater.example", lambda m: m.recipe.sender.email.startswith("edda.")),
    ("to:ada", lambda m: any(p.name.startswith("Ada") for p in m.recipe.to)),
    ("is:unread", lambda m: "UNREAD" in m.labels),
    ("is:read", lambda m: "UNREAD" not in m.labels),
    ("in:inbox -is:starred", lambda m: "INBOX" in m.labels and "STARRED" not in m.labels),
    ("category:primary", lambda m: "CATEGORY_PERSONAL" in m.labels),
    ("category:forums", lambda m: "CATEGORY_FORUMS" in m.labels),
    ("label:projects-harbour-survey", lambda m: "Label_2" in m.labels),
    ("label:Receipts OR label:travel", lambda m: bool({"Label_3", "Label_4"} & set(m.labels))),
    ("has:userlabels", lambda m: any(x.startswith("Label_") for x in m.labels)),
    ("has:nouserlabels", lambda m: not any(x.startswith("Label_") for x in m.labels)),
    ("newer_than:30d", lambda m: m.internal_ms >= ANCHOR_MS - 30 * DAY_MS),
    ("older_than:1y", lambda m: m.internal_ms < ANCHOR_MS - 365 * DAY_MS),
    ("newer_than:2w", lambda m: False),
    ("newer_than:2", lambda m: False),
    # 2026-08-01 at midnight in UTC-8.
    ("after:2026/08/01", lambda m: m.internal_ms >= 1785571200000),
    ("before:1785571200", lambda m: m.internal_ms < 1785571200000),
    ("larger:100K", lambda m: _size(m) > 102400),
    ("smaller:2000", lambda m: _size(m) < 2000),
    ("list:list.paperboat.example", lambda m: m.recipe.mailing_list == "list.paperboat.example"),
    ("filename:pdf", lambda m: ".pdf" in _filenames(compose(m.recipe))),
    ("subject:見積書", lambda m: "見積書" in m.recipe.subject),
    ("subject:nosuchthing", lambda m: False),
    ("from:", lambda m: True),
]


def _filenames(part: Part) -> str:
    return part.filename.lower() + "".join(_filenames(child) for child in part.parts)


@pytest.mark.parametrize(("q", "expected"), EXPECTED, ids=[q for q, _ in EXPECTED])
def test_a_search_finds_exactly_what_it_asks_for(
    mailbox: Mailbox, q: str, expected: Callable[[Message], bool]
) -> None:
    judge = Searcher(mailbox.labels).judge(parse(q), NOW)
    everything = list(mailbox.newest_first())
    assert [m.id for m in everything if judge(m)] == [m.id for m in everything if expected(m)]


def test_words_are_found_in_bodies_as_words_not_as_pieces_of_words(mailbox: Mailbox) -> None:
    searcher = Searcher(mailbox.labels)
    everything = list(mailbox.newest_first())
    whole = [m for m in everything if searcher.judge(parse("forward"), NOW)(m)]
    piece = [m for m in everything if searcher.judge(parse("forwar"), NOW)(m)]
    assert whole and not piece  # noqa: PT018


def test_a_phrase_is_looked_for_in_order(mailbox: Mailbox) -> None:
    searcher = Searcher(mailbox.labels)
    everything = list(mailbox.newest_first())
    assert any(searcher.judge(parse('"quick answer"'), NOW)(m) for m in everything)
    assert not any(searcher.judge(parse('"answer quick"'), NOW)(m) for m in everything)
