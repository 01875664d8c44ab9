"""Drive's `q`: what is read, what is refused, and what it finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_sandbox.clock import Clock
from scp_sandbox.google.drive.query import Both, Compare, Either, Not, QueryError, Within, parse
from scp_sandbox.google.drive.search import Searcher
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import FOLDER
from scp_sandbox.world.people import COLLEAGUES, USERS


@pytest.fixture(scope="module")
def drive() -> Drive:
    drive = Drive(USERS[0], seed=1, count=0, clock=Clock(lambda: 1_800_000_000.0))
    folder = drive.create("Projects", FOLDER)
    drive.create("HelloWorld.pdf", "application/pdf", parent=folder.id, words="Hello there world")
    drive.create("Quinn's paper\\essay", "text/plain", words="HelloWorld alone")
    drive.create("Grüße aus Köln", "image/png")
    drive.create("Given", "text/plain", shared_by=COLLEAGUES[0])
    binned = drive.create("Old", "text/plain", words="rubbish")
    drive.trash(binned.id)
    drive.update(folder.id, starred=True)
    return drive


def found(drive: Drive, query: str) -> set[str]:
    fits = Searcher(drive).judge(parse(query))
    return {node.name for node in drive if fits(node)}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name = 'old'", {"Old"}),
        ("name contains 'Hello'", {"HelloWorld.pdf"}),
        ("name contains 'World'", set()),
        ("name contains 'köln grüße'", {"Grüße aus Köln"}),
        (r"name contains 'quinn\'s paper\\essay'", {"Quinn's paper\\essay"}),
        ("name != 'Old' and trashed = true", set()),
        ("trashed = true", {"Old"}),
        ("trashed != false", {"Old"}),
        ("not trashed and starred", {"Projects"}),
        (f"mimeType = '{FOLDER}'", {"Projects"}),
        ("mimeType contains 'image/'", {"Grüße aus Köln"}),
        ("mimeType != 'text/plain' and mimeType contains 'app'", {"HelloWorld.pdf", "Projects"}),
        ("fullText contains 'HelloWorld'", {"HelloWorld.pdf", "Quinn's paper\\essay"}),
        ("fullText contains 'Hello'", {"HelloWorld.pdf"}),
        ("fullText contains '\"Hello there\"'", {"HelloWorld.pdf"}),
        ("fullText contains '\"Hello world\"'", set()),
        ("'root' in parents and mimeType contains 'image'", {"Grüße aus Köln"}),
        ("sharedWithMe", {"Given"}),
        ("not 'me' in owners", {"Given"}),
        ("'edda.farnholt@tidewater.example' in owners", {"Given"}),
        ("modifiedTime > '2027-01-01T00:00:00' and starred = true", {"Projects"}),
        ("modifiedTime < '2027-01-01T00:00:00Z'", set()),
        ("starred = true or trashed = true and sharedWithMe = true", set()),
        ("starred = true or (trashed = true and sharedWithMe = true)", {"Projects"}),
    ],
)
def test_a_query_finds_what_it_says(drive: Drive, query: str, names: set[str]) -> None:
    assert found(drive, query) == names


def test_a_folder_is_asked_for_what_lies_in_it(drive: Drive) -> None:
    folder = next(n for n in drive if n.is_folder)
    assert found(drive, f"'{folder.id}' in parents") == {"HelloWorld.pdf"}


def test_not_binds_before_and_which_binds_from_the_left() -> None:
    one, two, three = (Compare(n, "=", "true") for n in ("starred", "trashed", "sharedWithMe"))
    assert parse("not starred and trashed or sharedWithMe") == Either(Both(Not(one), two), three)
    assert parse("starred or trashed and sharedWithMe") == Both(Either(one, two), three)
    assert parse("'x' in parents") == Within("x", "parents")


@pytest.mark.parametrize(
    "query",
    [
        "name", "name =", "= 'x'", "'x'", "'x' in", "'x' in colours", "(trashed = true",
        "trashed)", "trashed = maybe", "name > 'x'", "fullText = 'x'", "colour = 'red'",
        "modifiedTime > 'soon'",
        "modifiedTime contains '2020'", "name = 'x' and", "not", "name = 'x", "properties has 'x'",
        "a" * 9000, "(" * 99 + "trashed" + ")" * 99, "not " * 99 + "trashed",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(drive: Drive, query: str) -> None:
    with pytest.raises(QueryError):
        found(drive, query)


WORDS = st.sampled_from(
    ["name", "trashed", "=", "!=", "contains", "'x'", "in", "parents", "and", "or", "not", "(", ")"]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_is_either_a_query_or_refused(text: str) -> None:
    drive = Drive(USERS[0], seed=1, count=0, clock=Clock(lambda: 1_800_000_000.0))
    drive.create("x", "text/plain")
    try:
        names = found(drive, text)
    except QueryError:
        return
    assert names <= {"x"}
