"""Google Calendar's readings, told what Google would say."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.pretend_calendars import (
    NOON,
    PretendCalendars,
    at,
    connector,
    event,
    follow_all,
    many,
    read_all,
)
from providers.telling import Json, param, told, told_of

from scp_server.domain.errors import PositionLost, ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.calendar_filters import EventJudge
from scp_server.providers.google.shapes_calendar import calendar_event
from scp_wire.filters import EventFilters
from scp_wire.items import CalendarEvent


def test_all_calendars_are_read_the_primary_first() -> None:
    calendars = PretendCalendars(work=many("w", 3), alpha=many("a", 2), zulu=many("z", 1))
    changes = read_all(calendars, connector())
    assert [c.item.id for c in changes] == ["w000", "w001", "w002", "a000", "a001", "z000"]
    items = [c.item for c in changes if isinstance(c.item, CalendarEvent)]
    assert [i.calendar_id for i in items] == ["work"] * 3 + ["alpha"] * 2 + ["zulu"]


def test_no_calendars_at_all_is_an_empty_backfill() -> None:
    calendars, found = PretendCalendars(), connector()
    since, _ = told(found.bookmark(), calendars)
    assert read_all(calendars, found) == []
    assert follow_all(calendars, found, since)[0] == []


def test_calendars_of_which_only_free_and_busy_is_shared_are_left_out() -> None:
    def answering(ask: Ask) -> Json | None:
        assert ask.method == "calendar.calendarList.list"
        return {"items": [{"id": "shy", "accessRole": "freeBusyReader"}]}

    assert told(connector().backfill(None), answering)[0].changes == ()


def test_a_calendars_id_is_one_step_of_the_path() -> None:
    name = "en.usa#holiday@group/v"
    _, rounds = told(
        connector().backfill(None),
        lambda ask: {"items": [{"id": name}] if "List" in ask.method else []},
    )
    assert rounds[1][0].path == "/calendar/v3/calendars/en.usa%23holiday%40group%2Fv/events"


def test_masters_and_exceptions_are_read_under_the_filters_and_not_instances() -> None:
    calendars = PretendCalendars(work=many("w", 1))
    _, rounds = told(
        connector(time_min=NOON, time_max=NOON.replace(hour=13), query="q").backfill(None),
        calendars,
    )
    ask = rounds[1][0]
    assert param(ask, "singleEvents") is None
    assert param(ask, "timeMin") == "2026-11-23T12:00:00Z"
    assert param(ask, "timeMax") == "2026-11-23T13:00:00Z"
    assert param(ask, "q") == "q"


def test_the_walk_for_tokens_has_no_filters_and_asks_for_no_events() -> None:
    calendars = PretendCalendars(work=many("w", 1), home=[])
    _, rounds = told(connector(query="q", time_min=NOON).bookmark(), calendars)
    assert [len(asks) for asks in rounds] == [1, 2]
    for ask in rounds[1]:
        assert dict(ask.params) == {
            "maxResults": "2500",
            "fields": "nextPageToken,nextSyncToken,updated",
        }


@given(
    sizes=st.lists(st.integers(0, 130), min_size=1, max_size=3),
    page=st.integers(1, 120),
    stop=st.integers(0, 8),
)
def test_from_any_place_a_new_connector_gives_what_remains(
    sizes: list[int], page: int, stop: int
) -> None:
    given_ = {f"cal{n}": many(f"c{n}e", size) for n, size in enumerate(sizes)}
    calendars = PretendCalendars(page, **given_)
    everything = [c.item.id for c in read_all(calendars, connector())]
    assert sorted(everything) == sorted(e["id"] for events in given_.values() for e in events)
    first, before, resume = connector(), list[str](), None
    for _ in range(stop):
        step, _ = told(first.backfill(resume), calendars)
        before += [c.item.id for c in step.changes]
        resume = step.resume
        if resume is None:
            return
    fresh = connector()
    after: list[str] = []
    while True:
        step, _ = told(fresh.backfill(resume), calendars)
        after += [c.item.id for c in step.changes]
        resume = step.resume
        if resume is None:
            break
    assert before + after == everything


def test_a_calendar_that_is_gone_while_it_is_read_does_not_stop_the_others() -> None:
    calendars = PretendCalendars(work=many("w", 120), zulu=many("z", 1))
    step, _ = told(connector().backfill(None), calendars)
    del calendars.events["work"]
    rest, _ = told(connector().backfill(step.resume), calendars)
    assert [c.item.id for c in rest.changes] == ["z000"]


def test_changes_come_as_created_updated_and_deleted() -> None:
    calendars, found = PretendCalendars(work=many("w", 3)), connector()
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", event("new", 2, created="2026-11-02T00:00:00.000Z"))
    calendars.put("work", event("w000", 2))
    calendars.put("work", {"id": "w001", "etag": '"3"', "status": "cancelled"})
    changes, _ = follow_all(calendars, found, since)
    assert told_of(tuple(changes)) == [("created", "new"), ("updated", "w000"), ("deleted", "w001")]


def test_a_created_event_is_only_new_once() -> None:
    calendars, found = PretendCalendars(work=[]), connector()
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", event("new", 2, created="2026-11-02T00:00:00.000Z"))
    calendars.updated = "2026-11-02T00:00:00.500Z"
    _, since = follow_all(calendars, found, since)
    calendars.put("work", event("new", 3, created="2026-11-02T00:00:00.000Z"))
    changes, _ = follow_all(calendars, found, since)
    assert told_of(tuple(changes)) == [("updated", "new")]


def test_a_cancelled_exception_of_a_living_series_is_an_update() -> None:
    calendars, found = PretendCalendars(work=many("w", 1)), connector()
    since, _ = told(found.bookmark(), calendars)
    exception = {
        "id": "w000_20261123T120000Z",
        "status": "cancelled",
        "recurringEventId": "w000",
        "originalStartTime": at(12),
    }
    calendars.put("work", exception)
    changes, since = follow_all(calendars, found, since)
    assert told_of(tuple(changes)) == [("updated", "w000_20261123T120000Z")]
    item = changes[0].item
    assert isinstance(item, CalendarEvent)
    assert (item.status, item.series_id, item.start) == (
        "cancelled",
        "w000",
        "2026-11-23T12:00:00Z",
    )
    calendars.put("work", exception)
    calendars.put("work", {"id": "w000", "status": "cancelled"})
    changes, _ = follow_all(calendars, found, since)
    assert {kind for kind, _ in told_of(tuple(changes))} == {"deleted"}


@pytest.mark.parametrize(
    ("changed", "inside"),
    [
        ({"start": at(13), "end": at(14)}, True),
        ({"start": at(10), "end": at(12)}, False),
        ({"start": at(10), "end": at(13)}, True),
        ({"start": at(18), "end": at(19)}, False),
        ({"start": {"date": "2026-11-23"}, "end": {"date": "2026-11-24"}}, True),
        ({"start": {"date": "2026-11-22"}, "end": {"date": "2026-11-23"}}, False),
        ({"start": at(9, 1), "end": at(10, 1), "recurrence": ["RRULE:FREQ=DAILY"]}, True),
        (
            {"start": at(9, 1), "end": at(10, 1), "recurrence": ["RRULE:UNTIL=20261110T000000Z"]},
            False,
        ),
        ({"start": at(9, 1), "end": at(10, 1), "recurrence": ["RRULE:UNTIL=x"]}, True),
        ({}, True),
        ({"start": {"dateTime": "soon"}}, True),
    ],
)
def test_a_window_is_judged_here_while_following(changed: Json, inside: bool) -> None:  # noqa: FBT001 - a table
    calendars = PretendCalendars(work=many("w", 1))
    found = connector(time_min=NOON, time_max=NOON.replace(hour=18))
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", event("w000", 2, **changed))
    changes, _ = follow_all(calendars, found, since)
    assert told_of(tuple(changes)) == [("updated" if inside else "deleted", "w000")]
    assert changes[0].reason == (None if inside else "left_filter")


@pytest.mark.parametrize(
    ("query", "inside"),
    [
        ("plan", True),
        ("PLAN quarter", True),
        ('"quarter plan"', False),
        ("room", True),
        ("bruno", True),
        ("casta@mail.example", True),
        ("STRASSE", True),
        ("lunch", False),
    ],
)
def test_a_query_is_judged_by_words_here_while_following(query: str, inside: bool) -> None:  # noqa: FBT001 - a table
    found = event(
        "e",
        summary="Plan the quarter",
        location="Room 3, Hauptstraße",
        description=None,
        attendees=[{"email": "casta@mail.example", "displayName": "Bruno"}, None],
    )
    assert EventJudge(EventFilters(query=query)).includes(found, None) is inside


def test_a_new_event_outside_of_the_filter_is_nothing() -> None:
    calendars = PretendCalendars(work=[])
    found = connector(query="nothing like it")
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", event("new", created="2026-11-02T00:00:00Z"))
    assert follow_all(calendars, found, since)[0] == []


def test_a_calendar_that_appears_is_listed_and_then_followed() -> None:
    calendars, found = PretendCalendars(page=40, work=many("w", 1)), connector()
    since, _ = told(found.bookmark(), calendars)
    calendars.events["added"] = {e["id"]: e for e in many("a", 130)}
    calendars.log["added"] = []
    calendars.put("work", event("w000", 2))
    changes, since = follow_all(calendars, found, since)
    assert sorted(c.item.id for c in changes) == sorted(
        ["w000", *(e["id"] for e in many("a", 130))]
    )
    calendars.put("added", event("a000", 2))
    changes, _ = follow_all(calendars, found, since)
    assert told_of(tuple(changes)) == [("updated", "a000")]


@pytest.mark.parametrize("how", ["unlisted", "unreachable"])
def test_a_calendar_that_disappears_does_not_stop_the_others(how: str) -> None:
    calendars, found = PretendCalendars(work=[], side=many("s", 1)), connector()
    since, _ = told(found.bookmark(), calendars)
    if how == "unlisted":
        del calendars.events["side"]
    else:
        calendars.unreachable.add("side")
    calendars.put("work", event("new"))
    changes, _ = follow_all(calendars, found, since)
    assert [c.item.id for c in changes] == ["new"]


@given(st.integers(1, 40), st.integers(0, 130), st.booleans())
def test_many_changes_come_in_small_steps_over_pages_and_restarts(
    page: int,
    count: int,
    restart: bool,  # noqa: FBT001 - drawn
) -> None:
    calendars, found = PretendCalendars(page, work=[], side=[]), connector()
    since, _ = told(found.bookmark(), calendars)
    for n in range(count):
        calendars.put("side" if n % 3 else "work", event(f"e{n}"))
    ids: list[str] = []
    while True:
        learned, _ = told(found.follow(since), calendars)
        assert len(learned.changes) <= 50
        ids += [c.item.id for c in learned.changes]
        since = learned.since
        if not learned.more:
            break
        found = connector() if restart else found
    assert sorted(ids) == sorted(f"e{n}" for n in range(count))


def test_the_same_event_twice_on_a_page_counts_as_it_is_last() -> None:
    calendars, found = PretendCalendars(work=[]), connector()
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", event("x", 1))
    calendars.put("work", {"id": "x", "status": "cancelled"})
    changes, _ = follow_all(calendars, found, since)
    assert told_of(tuple(changes)) == [("deleted", "x")]


def test_copies_of_an_event_in_two_calendars_differ_in_their_version() -> None:
    calendars = PretendCalendars(work=[event("same")], side=[event("same")])
    versions = {c.version for c in read_all(calendars, connector())}
    assert len(versions) == 2


def test_page_tokens_in_a_circle_are_noticed() -> None:
    def circling(ask: Ask) -> Json | None:
        if ask.method == "calendar.calendarList.list":
            return {"items": [{"id": "work"}]}
        return {"items": [], "nextPageToken": "again"}

    with pytest.raises(ProviderProtocolError, match="circle"):
        told(connector().backfill(None), circling)
    with pytest.raises(ProviderProtocolError, match="circle"):
        told(connector().bookmark(), circling)


@pytest.mark.parametrize(
    "body", [{}, {"items": None}, {"items": [{}]}, {"items": [None]}, {"messages": []}]
)
def test_a_listing_that_makes_no_sense_is_a_fault_of_the_provider(body: Json) -> None:
    with pytest.raises(ProviderProtocolError):
        told(connector().backfill(None), lambda _: body)

    def only_events(ask: Ask) -> Json | None:
        return {"items": [{"id": "work"}]} if "List" in ask.method else body

    with pytest.raises(ProviderProtocolError):
        told(connector().backfill(None), only_events)


def test_a_place_of_another_kind_is_lost_rather_than_misread() -> None:
    with pytest.raises(PositionLost):
        told(connector().follow(Position(b'{"type":"calendar-listing-1"}')), lambda _: {})


def test_an_event_is_shaped_as_a_reader_expects_it() -> None:
    body = event(
        "e",
        start={"dateTime": "2026-03-13T07:00:00-03:00", "timeZone": "America/Sao_Paulo"},
        end={"dateTime": "2026-03-13T08:00:00-03:00"},
        location="Room",
        description="About it",
        organizer={"email": "ada@mail.example"},
        attendees=[
            {"email": "b@mail.example", "displayName": "B", "responseStatus": "needsAction"}
        ],
        recurrence=["RRULE:FREQ=DAILY"],
    )
    assert msgspec.to_builtins(calendar_event(body, "work")) == {
        "id": "e",
        "calendar_id": "work",
        "series_id": None,
        "subject": "About e",
        "from": "ada@mail.example",
        "start": "2026-03-13T10:00:00Z",
        "end": "2026-03-13T11:00:00Z",
        "timezone": "America/Sao_Paulo",
        "all_day": False,
        "status": "confirmed",
        "location": "Room",
        "attendees": [{"email": "b@mail.example", "name": "B", "response": "needs_action"}],
        "recurrence": ["RRULE:FREQ=DAILY"],
        "body_text": "About it",
    }


def test_an_all_day_event_has_dates() -> None:
    shaped = calendar_event(
        event("e", start={"date": "2026-11-23"}, end={"date": "2026-11-24"}), "work"
    )
    assert (shaped.start, shaped.end, shaped.all_day) == ("2026-11-23", "2026-11-24", True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
moment = (
    st.fixed_dictionaries({}, optional=dict.fromkeys(("date", "dateTime", "timeZone"), anything))
    | st.datetimes().map(lambda d: {"dateTime": f"{d.isoformat()}+14:00"})
    | st.dates().map(lambda d: {"date": d.isoformat()})
    | anything
)


@given(
    st.fixed_dictionaries(
        {"id": st.text(min_size=1)},
        optional={
            **dict.fromkeys(("start", "end", "originalStartTime"), moment),
            **dict.fromkeys(("summary", "status", "etag", "organizer"), anything),
            **dict.fromkeys(("attendees", "recurrence"), anything),
            "description": anything | st.text(),
            "recurringEventId": anything,
        },
    ),
    st.sampled_from([None, "Europe/Berlin", "../etc", "x\0", ""]),
)
def test_no_json_with_an_id_makes_shape_or_judge_raise(body: Json, zone: str | None) -> None:
    shaped = calendar_event(body, "work")
    assert msgspec.json.decode(msgspec.json.encode(shaped), type=CalendarEvent) == shaped
    filters = EventFilters(time_min=NOON, time_max=NOON.replace(hour=18), query="x")
    assert EventJudge(filters).includes(body, zone) in {True, False}
