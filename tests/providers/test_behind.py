"""What is behind us of a page: after a restart only a page that begins the same is gone on with."""

import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from providers.pretend_calendars import PretendCalendars, event, follow_all
from providers.pretend_calendars import connector as calendar_events
from providers.telling import Json, told
from providers.telling_drive import PretendDrive, file
from providers.telling_people import PretendPeople, person

from scp_server.domain.changes import Change
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Connector
from scp_server.providers.behind import ANCHORS, Behind, recognised
from scp_server.providers.google.contacts import GoogleContacts
from scp_server.providers.google.files import DriveFiles
from scp_server.providers.microsoft.contacts import OutlookContacts
from scp_wire.filters import ContactFilters, FileFilters

BODIES = st.dictionaries(st.text(string.ascii_letters, max_size=4), st.integers() | st.text())
PAGES = st.dictionaries(st.text(min_size=1, max_size=4), BODIES, max_size=8)


def marked(page: dict[str, Json], count: int) -> str | None:
    return Behind().plus(list(page.items())[:count]).mark


@given(page=PAGES, count=st.integers(0, 8), step=st.integers(1, 3))
def test_what_was_handled_is_recognised_however_it_was_cut(
    page: dict[str, Json], count: int, step: int
) -> None:
    entries = list(page.items())[:count]
    behind = Behind()
    for start in range(0, len(entries), step):
        behind = behind.plus(entries[start : start + step])
    assert behind.mark == marked(page, count)
    assert recognised(page, behind.mark).count == len(entries)


@given(page=PAGES, other=PAGES, count=st.integers(0, 8))
def test_a_page_that_begins_with_anything_else_is_handled_from_its_start(
    page: dict[str, Json], other: dict[str, Json], count: int
) -> None:
    same = list(page.items())[:count] == list(other.items())[: min(count, len(page))]
    assert recognised(other, marked(page, count)).count == (min(count, len(page)) if same else 0)


@given(page=PAGES, mark=st.text() | st.from_regex(r"\d{1,30}(\.[0-9a-f]{0,24})?", fullmatch=True))
def test_what_is_no_mark_of_the_page_recognises_nothing(page: dict[str, Json], mark: str) -> None:
    assert recognised(page, mark).count == 0


def test_a_mark_holds_nothing_of_what_it_marks() -> None:
    mark = marked({"people/c1": {"name": "Somebody"}}, 1)
    assert mark is not None
    assert "Somebody" not in mark
    assert "c1" not in mark.partition(".")[0]
    assert len(mark) <= 180


ROWS = st.lists(st.integers(0, 99), unique=True, max_size=30)


@given(rows=ROWS, count=st.integers(1, 30), moved=st.sets(st.integers(0, 29)))
def test_of_a_listing_nothing_is_passed_over_when_others_move_to_its_end(
    rows: list[int], count: int, moved: set[int]
) -> None:
    page: dict[str, Json] = {str(row): {} for row in rows}
    handled = set(list(page)[:count])
    staying = [row for place, row in enumerate(page) if place not in moved]
    later = {row: page.get(row, {}) for row in staying}
    later |= {row: {"changed": 1} for place, row in enumerate(page) if place in moved}
    went_on = recognised(later, marked(page, count), listing=True).count
    assert set(list(later)[:went_on]) <= handled
    unmoved = [place for place in range(min(count, len(rows))) if place not in moved]
    if any(place >= count - ANCHORS for place in unmoved) and count <= len(rows):
        assert went_on == len(unmoved)


def test_among_changes_one_that_changed_again_has_all_told_again() -> None:
    page: dict[str, Json] = {"a": {"etag": 1}, "b": {"etag": 1}, "c": {"etag": 1}}
    again = {**page, "a": {"etag": 2}}
    assert recognised(again, marked(page, 2)).count == 0
    assert recognised(again, marked(page, 2), listing=True).count == 2


def followed(found: Connector, source: Any, since: Position) -> list[Change]:  # noqa: ANN401
    return follow_all(source, found, since)[0]  # type: ignore[arg-type]


def test_a_file_that_changes_again_during_a_restart_hides_no_other_change() -> None:
    drive = PretendDrive()
    since, _ = told(DriveFiles(FileFilters()).bookmark(), drive)
    for n in range(60):
        drive.put(file(f"f{n:02}"))
    first, _ = told(DriveFiles(FileFilters()).follow(since), drive)
    last = first.changes[-1].item.id
    drive.put(file(last, 2))
    rest = followed(DriveFiles(FileFilters()), drive, first.since)
    assert {change.item.id for change in rest} >= {f"f{n:02}" for n in range(50, 60)}
    assert [change.version for change in rest if change.item.id == last] == ["2"]


def test_a_contact_that_changes_during_a_restart_hides_no_other_of_the_listing() -> None:
    people = PretendPeople(*(person(f"p{n:02}") for n in range(60)))
    first, _ = told(GoogleContacts(ContactFilters()).backfill(None), people)
    people.put({**person(first.changes[-1].item.id.removeprefix("people/")), "etag": "%2"})
    rest, _ = told(GoogleContacts(ContactFilters()).backfill(first.resume), people)
    more, _ = told(GoogleContacts(ContactFilters()).backfill(rest.resume), people)
    ids = {change.item.id for step in (first, rest, more) for change in step.changes}
    assert ids == people.ids()


def test_a_contact_told_already_that_changes_again_during_a_restart_is_told_again() -> None:
    people = PretendPeople()
    since, _ = told(GoogleContacts(ContactFilters()).bookmark(), people)
    for n in range(60):
        people.put(person(f"p{n:02}"))
    first, _ = told(GoogleContacts(ContactFilters()).follow(since), people)
    people.put(person("p07", 2))
    rest = followed(GoogleContacts(ContactFilters()), people, first.since)
    assert "%2" in {change.version for change in rest}
    assert {change.item.id for change in (*first.changes, *rest)} == people.ids()


def test_an_event_that_changes_again_during_a_restart_hides_no_other_change() -> None:
    calendars = PretendCalendars(work=[])
    since, _ = told(calendar_events().bookmark(), calendars)
    for n in range(60):
        calendars.put("work", event(f"w{n:02}"))
    first, _ = told(calendar_events().follow(since), calendars)
    last = first.changes[-1].item.id
    calendars.put("work", event(last, 2))
    rest = followed(calendar_events(), calendars, first.since)
    ids = [change.item.id for change in (*first.changes, *rest)]
    assert set(ids) == {f"w{n:02}" for n in range(60)}
    assert ids.count(last) == 2


class PretendAddressBook:
    """A default folder of contacts in the order in which they last changed; one page of a round."""

    def __init__(self, count: int) -> None:
        self.contacts = {f"c{n:03}": contact_at(f"c{n:03}", 1) for n in range(count)}

    def put(self, identity: str, number: int) -> None:
        self.contacts.pop(identity)
        self.contacts[identity] = contact_at(identity, number)

    def __call__(self, ask: Ask) -> Json:
        listed = [] if "Folders" in ask.method else list(self.contacts.values())
        return {"value": listed, "@odata.deltaLink": "next round"}


def contact_at(identity: str, number: int) -> Json:
    return {"id": identity, "changeKey": str(number), "displayName": f"About {identity}"}


def test_an_item_of_graphs_that_changes_during_a_restart_hides_no_other_of_the_listing() -> None:
    book = PretendAddressBook(70)
    first, _ = told(OutlookContacts(ContactFilters()).backfill(None), book)
    book.put(first.changes[-1].item.id, 2)
    rest, _ = told(OutlookContacts(ContactFilters()).backfill(first.resume), book)
    assert rest.resume is None
    assert {change.item.id for step in (first, rest) for change in step.changes} == {*book.contacts}
