"""Google's contacts, told what People would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Json, param, told, told_of
from providers.telling_people import PretendPeople, person

from scp_server.domain.changes import Change
from scp_server.domain.errors import PositionLost, ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.contacts import GROUP, GoogleContacts
from scp_wire.events import ChangeKind
from scp_wire.filters import ContactFilters
from scp_wire.items import Contact


def connector(query: str | None = None, *, max_results: int | None = None) -> GoogleContacts:
    return GoogleContacts(ContactFilters(query=query), max_results=max_results)


def bookmark(found: GoogleContacts, people: PretendPeople) -> Position:
    return told(found.bookmark(), people)[0]


def read_all(found: GoogleContacts, people: PretendPeople) -> list[Change]:
    changes: list[Change] = []
    resume: Position | None = None
    while True:
        step, _ = told(found.backfill(resume), people)
        changes += step.changes
        resume = step.resume
        if resume is None:
            return changes


def follow_all(
    found: GoogleContacts, since: Position, people: PretendPeople
) -> tuple[list[Change], Position]:
    changes: list[Change] = []
    while True:
        learned, _ = told(found.follow(since), people)
        changes += learned.changes
        since = learned.since
        if not learned.more:
            return changes, since


def many(count: int) -> list[Json]:
    return [person(f"c{n:04}") for n in range(count)]


# -- what is there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [3, 70, 1000])
@pytest.mark.parametrize("real_time", [True, False])
def test_every_contact_is_read_once_in_small_steps(
    page: int,
    real_time: bool,  # noqa: FBT001
) -> None:
    people, found = PretendPeople(*many(230), page=page), connector()
    if real_time:
        bookmark(found, people)
    resume: Position | None = None
    ids: list[str] = []
    while True:
        step, _ = told(found.backfill(resume), people)
        assert len(step.changes) <= GROUP
        assert {change.kind for change in step.changes} <= {ChangeKind.CREATED}
        ids += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            break
    assert ids == [f"people/c{n:04}" for n in range(230)]


def test_a_restart_between_steps_loses_nothing() -> None:
    people = PretendPeople(*many(130), page=70)
    ids: list[str] = []
    resume: Position | None = None
    while True:
        step, _ = told(connector().backfill(resume), people)
        ids += [change.item.id for change in step.changes]
        resume = step.resume
        if resume is None:
            break
    assert ids == sorted(people.ids())


def test_one_page_serves_bookmark_and_backfill() -> None:
    people, found = PretendPeople(*many(60)), connector()
    bookmark(found, people)
    assert len(read_all(found, people)) == 60
    assert len(people.asked) == 1


def test_only_the_bookmark_begins_a_full_sync() -> None:
    """Google allows few first pages of full syncs."""
    people, found = PretendPeople(*many(60), page=25), connector()
    bookmark(found, people)
    read_all(found, people)
    syncs = [ask for ask in people.asked if param(ask, "requestSyncToken")]
    assert [param(ask, "pageToken") for ask in syncs] == [None, "25", "50"]
    rest = [ask for ask in people.asked if ask not in syncs]
    assert [param(ask, "pageToken") for ask in rest] == [None, "25", "50"]
    assert not any(ask.live for ask in people.asked)


def test_no_contacts_at_all_may_be_an_empty_object() -> None:
    step, _ = told(connector().backfill(None), lambda _: {})
    assert (step.changes, step.resume) == ((), None)


@pytest.mark.parametrize("body", [{"odd": 1}, {"connections": {}}, {"connections": None}])
def test_what_is_no_listing_is_a_fault_of_the_provider(body: Json) -> None:
    with pytest.raises(ProviderProtocolError):
        told(connector().backfill(None), lambda _: body)
    since = bookmark(connector(), PretendPeople())
    with pytest.raises(ProviderProtocolError):
        told(connector().follow(since), lambda _: body)


def test_a_last_page_without_a_sync_token_is_a_fault_of_the_provider() -> None:
    with pytest.raises(ProviderProtocolError, match="sync token"):
        told(connector().bookmark(), lambda _: {"connections": []})
    since = bookmark(connector(), PretendPeople())
    with pytest.raises(ProviderProtocolError, match="sync token"):
        told(connector().follow(since), lambda _: {"connections": []})


@pytest.mark.parametrize("way", ["bookmark", "backfill", "follow"])
def test_page_tokens_that_lead_in_a_circle_are_noticed(way: str) -> None:
    found = connector()
    since = bookmark(connector(), PretendPeople())

    def circling(ask: Ask) -> Json:
        onwards = {None: "a", "a": "b", "b": "a"}[param(ask, "pageToken")]
        return {"connections": [person(onwards)], "nextPageToken": onwards}

    def walk() -> None:
        resume: Position | None = None
        place = since
        while True:
            match way:
                case "bookmark":
                    told(found.bookmark(), circling)
                case "backfill":
                    resume = told(found.backfill(resume), circling)[0].resume
                case _:
                    place = told(found.follow(place), circling)[0].since

    with pytest.raises(ProviderProtocolError, match="circle"):
        walk()


# -- what changes ----------------------------------------------------------------------------------


def test_changes_deletions_and_renames_are_told() -> None:
    people, found = PretendPeople(person("a"), person("b"), person("c")), connector()
    since = bookmark(found, people)
    people.put(person("a", 2))
    people.delete("b")
    people.rename("c", "d")
    people.put(person("new"))
    changes, since = follow_all(found, since, people)
    assert told_of(tuple(changes)) == [
        ("updated", "people/a"),
        ("deleted", "people/b"),
        ("deleted", "people/c"),
        ("updated", "people/d"),
        ("updated", "people/new"),
    ]
    assert [change.reason for change in changes] == [None] * 5
    assert follow_all(found, since, people)[0] == []


def test_following_asks_with_the_very_parameters_that_minted_the_token() -> None:
    people, found = PretendPeople(person("a")), connector("x")
    since = bookmark(found, people)
    people.put(person("a", 2))
    _, rounds = told(found.follow(since), people)
    ask = rounds[0][0]
    assert ask.live
    assert param(ask, "requestSyncToken") == "true"
    assert dict(ask.params)["personFields"] == dict(people.asked[0].params)["personFields"]


def test_many_changes_come_in_small_steps_each_page_asked_for_once() -> None:
    people, found = PretendPeople(), connector()
    since = bookmark(found, people)
    people.page = 70
    for entry in many(150):
        people.put(entry)
    people.asked.clear()
    sizes: list[int] = []
    more = True
    while more:
        learned, _ = told(found.follow(since), people)
        sizes.append(len(learned.changes))
        since, more = learned.since, learned.more
    assert sum(sizes) == 150
    assert max(sizes) <= GROUP
    assert len(people.asked) == 3


def test_a_restart_in_the_middle_of_a_round_loses_nothing() -> None:
    people = PretendPeople()
    since = bookmark(connector(), people)
    people.page = 70
    for entry in many(150):
        people.put(entry)
    ids: set[str] = set()
    more = True
    while more:
        learned, _ = told(connector().follow(since), people)
        ids |= {change.item.id for change in learned.changes}
        since, more = learned.since, learned.more
    assert ids == people.ids()


def test_a_token_that_has_died_is_lost_through_the_reading() -> None:
    reading = connector().follow(bookmark(connector(), PretendPeople()))
    next(reading)
    with pytest.raises(PositionLost):
        reading.throw(PositionLost("expired"))


# -- the query -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ann", {"people/a"}),
        ("LI", {"people/a"}),
        ("ann  l", {"people/a"}),
        ("nn li", set()),
        ("LI ann", set()),
        ("acme", {"people/b"}),
        ("chief", {"people/b"}),
        ("y.example", {"people/b"}),
        ("@y.example", {"people/b"}),
        ("+49 30", {"people/b"}),
        ("bobby", {"people/b"}),
        ('"ann li"', {"people/a"}),
        ("STRASSE", {"people/b"}),
        ("ann acme", set()),
        ("永", {"people/c"}),
    ],
)
def test_a_query_begins_a_phrase_in_names_addresses_numbers_or_organisations(
    query: str, expected: set[str]
) -> None:
    people = PretendPeople(
        person("a", names=[{"displayName": "Ann Li"}]),
        person(
            "b",
            names=[{"displayName": "Bo Straße"}],
            emailAddresses=[{"value": "bo@y.example"}],
            organizations=[{"name": "ACME", "title": "Chief"}],
            nicknames=[{"value": "Bobby"}],
            phoneNumbers=[{"value": "+49 30 123"}],
        ),
        person("c", names=[{"displayName": "森永"}]),
    )
    found = connector(query)
    assert {change.item.id for change in read_all(found, people)} == expected


def test_who_no_longer_matches_leaves_the_filter() -> None:
    people, found = PretendPeople(person("a"), person("b")), connector("person")
    since = bookmark(found, people)
    people.put(person("a", 2, names=[{"displayName": "Else"}]))
    changes, _ = follow_all(found, since, people)
    assert [(c.kind.value, c.item.id, c.reason) for c in changes] == [
        ("deleted", "people/a", "left_filter")
    ]


# -- odd people ------------------------------------------------------------------------------------


def test_entries_without_a_name_are_set_aside_after_three_tries() -> None:
    found = connector()
    body: Json = {"connections": [person("a"), {}, None, person("b")]}
    for _ in range(2):
        with pytest.raises(ProviderProtocolError):
            told(found.backfill(None), lambda _: body)
    step, _ = told(found.backfill(None), lambda _: body)
    assert told_of(step.changes) == [("created", "people/a"), ("created", "people/b")]
    assert [skipped.id for skipped in step.skipped] == [None, None]


_MOVES = st.tuples(st.sampled_from(["put", "delete", "rename", "leave"]), st.integers(0, 5))


@given(st.lists(_MOVES, max_size=40), st.integers(1, 5), st.booleans(), st.booleans())
def test_applying_the_changes_gives_the_address_book(
    moves: list[tuple[str, int]],
    page: int,
    restart: bool,  # noqa: FBT001 - drawn
    searching: bool,  # noqa: FBT001 - drawn
) -> None:
    people = PretendPeople(*(person(f"c{n}") for n in range(4)), page=page)
    query = "person" if searching else None
    found = connector(query)
    since = bookmark(found, people)
    held = {change.item.id: change.item for change in read_all(found, people)}
    for number, (move, which) in enumerate(moves, 2):
        _apply(people, move, which, number)
    while True:
        learned, _ = told(found.follow(since), people)
        for change in learned.changes:
            if change.kind is ChangeKind.DELETED:
                held.pop(change.item.id, None)
            else:
                assert isinstance(change.item, Contact)
                held[change.item.id] = change.item
        since = learned.since
        if not learned.more:
            break
        found = connector(query) if restart else found
    assert held == {c.item.id: c.item for c in read_all(connector(query), people)}


def _apply(people: PretendPeople, move: str, which: int, number: int) -> None:
    names = sorted(name.removeprefix("people/") for name in people.people)
    if move == "put" or which >= len(names):
        # Google gives no name twice.
        people.put(person(names[which] if which < len(names) else f"n{number}", number))
    elif move == "leave":
        people.put(person(names[which], number, names=[{"displayName": "Other"}]))
    elif move == "delete":
        people.delete(names[which], number)
    else:
        people.rename(names[which], f"r{number}", number)
