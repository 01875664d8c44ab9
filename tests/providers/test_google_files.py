"""Drive's files, told what Google would say."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Json, param, told, told_of
from providers.telling_drive import PretendDrive, file

from scp_server.domain.changes import Change
from scp_server.domain.errors import PositionLost, ProviderProtocolError, StreamConfigError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.google.drive_filters import FileJudge, check_files, quoted, search
from scp_server.providers.google.files import GROUP, DriveFiles
from scp_server.providers.google.shapes_file import drive_file
from scp_wire.events import ChangeKind
from scp_wire.filters import FileFilters
from scp_wire.items import File

NOON = 1_795_435_200.0
"""2026-11-23T12:00:00Z"""


def connector(*, max_results: int | None = None, **filters: Any) -> DriveFiles:  # noqa: ANN401
    return DriveFiles(FileFilters(**filters), max_results=max_results)


def bookmark(found: DriveFiles, drive: PretendDrive) -> Position:
    return told(found.bookmark(), drive)[0]


def read_all(found: DriveFiles, drive: PretendDrive) -> list[Change]:
    changes: list[Change] = []
    resume: Position | None = None
    while True:
        step, _ = told(found.backfill(resume), drive)
        assert len(step.changes) <= GROUP
        changes += step.changes
        resume = step.resume
        if resume is None:
            return changes


def follow_all(
    found: DriveFiles, since: Position, drive: PretendDrive
) -> tuple[list[Change], Position]:
    changes: list[Change] = []
    while True:
        learned, _ = told(found.follow(since), drive)
        changes += learned.changes
        since = learned.since
        if not learned.more:
            return changes, since


def many(count: int) -> list[Json]:
    return [file(f"f{n:04}") for n in range(count)]


# -- what is there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [7, 70, 1000])
def test_every_file_is_read_once_in_small_steps(page: int) -> None:
    drive = PretendDrive(*many(230), page=page)
    found = [change.item.id for change in read_all(connector(), drive)]
    assert found == [f"f{n:04}" for n in range(230)]
    assert len(drive.asked) == -(-230 // page)


def test_a_restart_between_steps_loses_nothing() -> None:
    drive = PretendDrive(*many(130), page=70)
    ids: list[str] = []
    resume: Position | None = None
    while True:
        step, _ = told(connector().backfill(resume), drive)
        ids += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            break
    assert ids == sorted(drive.files)


def test_shared_drives_are_read_too_and_only_what_is_used_is_asked_for() -> None:
    drive, found = PretendDrive(file("a")), connector()
    since = bookmark(found, drive)
    read_all(found, drive)
    drive.put(file("a", 2))
    follow_all(found, since, drive)
    start, listing, changes = drive.asked
    assert all(param(ask, "supportsAllDrives") == "true" for ask in drive.asked)
    for ask in (listing, changes):
        assert param(ask, "includeItemsFromAllDrives") == "true"
        assert "nextPageToken" in (param(ask, "fields") or "")
    assert "newStartPageToken" in (param(changes, "fields") or "")
    assert param(changes, "includeRemoved") == "true"
    assert [ask.live for ask in (start, listing, changes)] == [False, False, True]


@pytest.mark.parametrize("body", [{}, {"files": None}, {"changes": {}, "files": {}}])
def test_what_is_no_listing_is_a_fault_of_the_provider(body: Json) -> None:
    with pytest.raises(ProviderProtocolError):
        told(connector().bookmark(), lambda _: body)
    with pytest.raises(ProviderProtocolError):
        told(connector().backfill(None), lambda _: body)
    with pytest.raises(ProviderProtocolError):
        told(connector().follow(bookmark(connector(), PretendDrive())), lambda _: body)


def test_changes_that_lead_nowhere_are_a_fault_of_the_provider() -> None:
    since = bookmark(connector(), PretendDrive())
    with pytest.raises(ProviderProtocolError, match="newStartPageToken"):
        told(connector().follow(since), lambda _: {"changes": []})


@pytest.mark.parametrize("key", ["files", "changes"])
def test_page_tokens_that_lead_in_a_circle_are_noticed(key: str) -> None:
    found, since = connector(), bookmark(connector(), PretendDrive())

    def circling(ask: Ask) -> Json:
        onwards = "b" if param(ask, "pageToken") == "a" else "a"
        entry = file(onwards) if key == "files" else {"fileId": onwards, "removed": True}
        return {key: [entry], "nextPageToken": onwards}

    def walk(resume: Position | None, since: Position) -> None:
        while True:
            if key == "files":
                resume = told(found.backfill(resume), circling)[0].resume
            else:
                since = told(found.follow(since), circling)[0].since

    with pytest.raises(ProviderProtocolError, match="circle"):
        walk(None, since)


# -- what changes ----------------------------------------------------------------------------------


def test_changes_removals_and_the_bin_are_told_apart() -> None:
    drive, found = PretendDrive(file("a"), file("b"), file("c")), connector()
    since = bookmark(found, drive)
    drive.put(file("a", 2))
    drive.delete("b")
    drive.put(file("c", 2, trashed=True))
    changes, since = follow_all(found, since, drive)
    assert [(c.kind.value, c.item.id, c.reason) for c in changes] == [
        ("updated", "a", None),
        ("deleted", "b", None),
        ("deleted", "c", "left_filter"),
    ]
    drive.put(file("c", 3))
    changes, _ = follow_all(found, since, drive)
    assert told_of(tuple(changes)) == [("updated", "c")]


def test_the_bin_is_an_update_where_it_is_asked_for() -> None:
    drive, found = PretendDrive(file("a")), connector(include_trashed=True)
    since = bookmark(found, drive)
    drive.put(file("a", 2, trashed=True))
    (change,), _ = follow_all(found, since, drive)
    assert isinstance(change.item, File)
    assert (change.kind, change.item.trashed) == (ChangeKind.UPDATED, True)


def _at(reading: Reading[Any], body: Json, at: float | None) -> Any:  # noqa: ANN401
    """The reading, told one answer that was given at a time."""
    next(reading)
    try:
        reading.send((Reply(body=body, at=at),))
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks on")


def _one(identity: str, created: str) -> Json:
    changed = {"fileId": identity, "file": file(identity, createdTime=created)}
    return {"changes": [changed], "newStartPageToken": "9"}


def test_what_was_made_since_the_check_before_is_created() -> None:
    found = connector()
    since = _at(found.bookmark(), {"startPageToken": "1"}, NOON)
    new = _at(found.follow(since), _one("a", "2026-11-23T12:00:05Z"), NOON + 60)
    assert told_of(new.changes) == [("created", "a")]
    again = _at(found.follow(new.since), _one("a", "2026-11-23T12:00:05Z"), NOON + 120)
    assert told_of(again.changes) == [("updated", "a")]
    late = {**_one("b", "2026-11-23T12:02:00.500Z")}
    late["changes"][0]["time"] = "2026-11-23T12:02:00.700Z"
    within = _at(found.follow(again.since), late, NOON + 120)
    assert told_of(within.changes) == [("created", "b")]
    later = _at(found.follow(within.since), _one("b", "2026-11-23T12:02:00.500Z"), NOON + 120)
    assert told_of(later.changes) == [("updated", "b")]
    untimed = _at(found.bookmark(), {"startPageToken": "1"}, None)
    unknown = _at(found.follow(untimed), _one("a", "2026-11-23T12:00:05Z"), None)
    assert told_of(unknown.changes) == [("updated", "a")]


def test_changes_of_shared_drives_themselves_are_no_files() -> None:
    since = bookmark(connector(), PretendDrive())
    body = {"changes": [{"changeType": "drive", "driveId": "d"}], "newStartPageToken": "5"}
    learned, _ = told(connector().follow(since), lambda _: body)
    assert (learned.changes, learned.skipped, learned.more) == ((), (), False)


def test_a_change_without_its_file_is_set_aside_after_three_tries() -> None:
    found, since = connector(), bookmark(connector(), PretendDrive())
    body = {
        "changes": [{"fileId": "a"}, {"fileId": "b", "file": file("b")}],
        "newStartPageToken": "5",
    }
    for _ in range(2):
        with pytest.raises(ProviderProtocolError):
            told(found.follow(since), lambda _: body)
    learned, rounds = told(found.follow(since), lambda _: body)
    assert len(rounds) == 1
    assert told_of(learned.changes) == [("updated", "b")]
    assert [skipped.id for skipped in learned.skipped] == ["a"]


def test_a_token_that_is_not_known_is_lost_through_the_reading() -> None:
    reading = connector().follow(bookmark(connector(), PretendDrive()))
    next(reading)
    with pytest.raises(PositionLost):
        reading.throw(PositionLost("bad token"))


# -- filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "q"),
    [
        (FileFilters(), "trashed = false"),
        (FileFilters(include_trashed=True), None),
        (
            FileFilters(query='Budget "two-fold"', include_trashed=True),
            "name contains 'Budget' and name contains 'two' and name contains 'fold'",
        ),
        (
            FileFilters(mime_types=("text/plain", "image/png"), include_trashed=True),
            "(mimeType = 'text/plain' or mimeType = 'image/png')",
        ),
        (
            FileFilters(mime_types=("x/it's\\",)),
            "(mimeType = 'x/it\\'s\\\\') and trashed = false",
        ),
    ],
)
def test_filters_are_spelled_in_drives_own_language(filters: FileFilters, q: str | None) -> None:
    assert search(filters) == q


@given(st.text())
def test_no_text_breaks_out_of_its_quotes(value: str) -> None:
    spelled = quoted(value)
    assert re.fullmatch(r"'(?:[^'\\]|\\['\\])*'", spelled, re.DOTALL)
    assert re.sub(r"\\(.)", r"\1", spelled[1:-1]) == value


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("Budget 2026.xlsx", "bud", True),
        ("Budget 2026.xlsx", "get", False),
        ("Budget 2026.xlsx", "xlsx 2026", True),
        ("Budget 2026.xlsx", "2026.xlsx", True),
        ("my_budget", "BUD", True),
        ("Straße", "STRAS", True),
        ("Ärger", "ärg", True),
        ("会議の議事録", "議事録", True),
        ("", "a", False),
    ],
)
def test_a_name_is_judged_by_the_beginnings_of_its_words(
    name: str,
    query: str,
    expected: bool,  # noqa: FBT001
) -> None:
    judge = FileJudge(FileFilters(query=query))
    assert judge.includes(drive_file(file("a", name=name))) is expected


def test_a_query_without_a_word_is_refused() -> None:
    with pytest.raises(StreamConfigError) as caught:
        check_files(FileFilters(query="***"))
    assert caught.value.details["field"] == "filters.query"
    check_files(FileFilters(query="a*"))
    check_files(FileFilters())


_MOVES = st.tuples(
    st.sampled_from(["put", "rename", "retype", "trash", "delete"]), st.integers(0, 5)
)
_FILTERS = st.sampled_from(
    [
        FileFilters(),
        FileFilters(query="about"),
        FileFilters(mime_types=("text/plain",)),
        FileFilters(include_trashed=True),
    ]
)


@given(st.lists(_MOVES, max_size=40), st.integers(1, 5), st.booleans(), _FILTERS)
def test_applying_the_changes_gives_what_drive_lists(
    moves: list[tuple[str, int]],
    page: int,
    restart: bool,  # noqa: FBT001 - drawn
    filters: FileFilters,
) -> None:
    drive = PretendDrive(*(file(f"f{n}") for n in range(4)), page=page)
    found = DriveFiles(filters)
    since = bookmark(found, drive)
    held = {change.item.id: change for change in read_all(found, drive)}
    for number, (move, which) in enumerate(moves, 2):
        _apply(drive, move, f"f{which}", number)
    while True:
        learned, _ = told(found.follow(since), drive)
        for change in learned.changes:
            if change.kind is ChangeKind.DELETED:
                held.pop(change.item.id, None)
            else:
                held[change.item.id] = change
        since = learned.since
        if not learned.more:
            break
        found = DriveFiles(filters) if restart else found
    listed = {c.item.id: c for c in read_all(DriveFiles(filters), drive)}
    assert {i: (c.item, c.version) for i, c in held.items()} == {
        i: (c.item, c.version) for i, c in listed.items()
    }


def _apply(drive: PretendDrive, move: str, identity: str, number: int) -> None:
    match move:
        case "put":
            drive.put(file(identity, number))
        case "rename":
            drive.put(file(identity, number, name="Other"))
        case "retype":
            drive.put(file(identity, number, mimeType="image/png"))
        case "trash":
            drive.put(file(identity, number, trashed=True))
        case _:
            if identity in drive.files:
                drive.delete(identity)
