"""Outlook's calendar: events, windows spelled out, and delta rounds of a frozen window."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox.microsoft.calling import ADA, FOLLOWED, Graph, Microsoft

EVENT = {
    "id", "categories", "changeKey", "createdDateTime", "lastModifiedDateTime",
    "allowNewTimeProposals", "attendees", "body", "bodyPreview", "cancelledOccurrences", "end",
    "hasAttachments", "hideAttendees", "iCalUId", "importance", "isAllDay", "isCancelled",
    "isDraft", "isOnlineMeeting", "isOrganizer", "isReminderOn", "location", "locations",
    "onlineMeeting", "onlineMeetingProvider", "onlineMeetingUrl", "organizer",
    "originalEndTimeZone", "originalStart", "originalStartTimeZone", "recurrence",
    "reminderMinutesBeforeStart", "responseRequested", "responseStatus", "sensitivity",
    "seriesMasterId", "showAs", "start", "subject", "transactionId", "type", "webLink", "uid",
    "occurrenceId",
}  # fmt: skip
BARE = {"@odata.type", "@odata.etag", "id", "seriesMasterId", "type", "start", "end"}
START, END = "2026-10-01T00:00:00Z", "2026-12-31T00:00:00Z"
WINDOW = {"startDateTime": START, "endDateTime": END}
DELTA = "/me/calendarView/delta"
PAGES = "odata.maxpagesize=60"


async def shown(microsoft: Microsoft) -> list[dict[str, Any]]:
    """What the window shows, by the world."""
    found = await microsoft.control(f"/{ADA}/events?start={START}&end={END}")
    return list(found["events"])


async def weekly(microsoft: Microsoft) -> dict[str, Any]:
    """A new weekly series of six, three of them before the window's end."""
    rule = ["RRULE:FREQ=WEEKLY;COUNT=6"]
    asked = {"subject": "Standup", "start": "2026-12-14T09:00:00Z", "recurrence": rule}
    made = await microsoft.control(f"/{ADA}/events", "POST", **asked)
    return dict(made)


async def test_events_are_singles_and_masters_with_every_property(
    resting: Microsoft, reading: Graph
) -> None:
    found = await reading.listed("/me/events", _top="50")
    world = (await resting.control(f"/{ADA}/events"))["events"]
    assert {e["id"] for e in found} == {e["id"] for e in world}
    assert {e["type"] for e in found} == {"singleInstance", "seriesMaster"}
    assert set(found[0]) == EVENT | {"@odata.etag"}
    single = next(e for e in found if e["type"] == "singleInstance")
    assert (single["recurrence"], single["seriesMasterId"]) == (None, None)
    assert len(single["start"]["dateTime"]) == len("2026-06-15T10:00:00.0000000")
    assert single["start"]["timeZone"] == "UTC"
    one = await reading.good(f"/me/events/{single['id']}")
    assert {k: v for k, v in one.items() if k != "@odata.context"} == single


async def test_a_view_spells_series_out(resting: Microsoft, reading: Graph) -> None:
    found = await reading.listed("/me/calendarView", **WINDOW, _top="40")
    world = await shown(resting)
    assert [e["id"] for e in found] == [e["id"] for e in world]
    assert {e["type"] for e in found} == {"singleInstance", "occurrence", "exception"}
    starts = [e["start"]["dateTime"] for e in found]
    assert starts == sorted(starts)
    masters = {e["seriesMasterId"] for e in found if e["seriesMasterId"]}
    for identity in masters:
        master = await reading.good(f"/me/events/{identity}")
        assert master["type"] == "seriesMaster"
        pattern, extent = master["recurrence"]["pattern"], master["recurrence"]["range"]
        assert set(pattern) == {
            "type", "interval", "month", "dayOfMonth", "daysOfWeek", "firstDayOfWeek", "index",
        }  # fmt: skip
        assert extent["type"] in ("noEnd", "endDate", "numbered")
        inside = await reading.listed(f"/me/events/{identity}/instances", **WINDOW)
        mine = [e["id"] for e in found if e["seriesMasterId"] == identity]
        assert [e["id"] for e in inside] == mine
    some = next(e for e in found if e["type"] == "occurrence")
    assert (await reading.good(f"/me/events/{some['id']}"))["start"] == some["start"]


async def test_windows_respect_offsets_and_are_utc_without(reading: Graph) -> None:
    plain = await reading.listed(
        "/me/calendarView", startDateTime="2026-11-02T00:00:00", endDateTime="2026-11-20"
    )
    offset = await reading.listed(
        "/me/calendarView",
        startDateTime="2026-11-02T05:30:00+05:30",
        endDateTime="2026-11-20T00:00:00Z",
        prefer='outlook.timezone="Tokyo Standard Time"',
    )
    assert plain
    assert [e["id"] for e in plain] == [e["id"] for e in offset]
    pairs = [(a, b) for a, b in zip(plain, offset, strict=True) if not a["isAllDay"]]
    first, second = pairs[0]
    assert second["start"]["timeZone"] == "Tokyo Standard Time"
    away = moment(second["start"]) - moment(first["start"])
    assert away == timedelta(hours=9)


def moment(when: dict[str, str]) -> datetime:
    return datetime.fromisoformat(when["dateTime"][:19]).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/me/calendarView", {}, "400 ErrorInvalidParameter"),
        ("/me/calendarView", {"startDateTime": START}, "400 ErrorInvalidParameter"),
        (
            "/me/calendarView",
            {"startDateTime": "soon", "endDateTime": END},
            "400 ErrorInvalidParameter",
        ),
        (DELTA, {"startDateTime": END, "endDateTime": START}, "400 ErrorInvalidParameter"),
        (DELTA, {**WINDOW, "_select": "subject"}, "400 ErrorInvalidUrlQuery"),
        (DELTA, {**WINDOW, "_filter": "isAllDay eq true"}, "400 ErrorInvalidUrlQuery"),
        (DELTA, {"_deltatoken": "nonsense"}, "400 SyncStateInvalid"),
        ("/me/events/AAMkEnope", {}, "404 ErrorItemNotFound"),
        ("/me/events/nope", {}, "400 ErrorInvalidIdMalformed"),
        ("/me/events", {"_filter": "colour eq 'red'"}, "400 RequestBroker--ParseUri"),
    ],
)
async def test_what_the_calendar_refuses(
    reading: Graph, path: str, query: dict[str, str], code: str
) -> None:
    assert await reading.code(path, **query) == code


async def test_an_unknown_time_zone_is_refused(reading: Graph) -> None:
    prefer = 'outlook.timezone="Middle Earth Standard Time"'
    assert await reading.code("/me/events", prefer=prefer) == "400 TimeZoneNotSupported"


async def test_events_are_filtered_by_quoted_moments(reading: Graph) -> None:
    condition = "start/dateTime ge '2026-06-01T00:00' and start/dateTime lt '2026-09-01'"
    found = await reading.listed("/me/events", _filter=condition, _top="50")
    everything = await reading.listed("/me/events", _top="100")
    wanted = {e["id"] for e in everything if "2026-06" <= e["start"]["dateTime"] < "2026-09"}
    assert {e["id"] for e in found} == wanted
    assert wanted


async def test_a_first_round_has_masters_bare_occurrences_and_exceptions(
    resting: Microsoft, reading: Graph
) -> None:
    told = await reading.round(DELTA, prefer="odata.maxpagesize=30", **WINDOW)
    by_type: dict[str, list[dict[str, Any]]] = {}
    for item in told.items:
        by_type.setdefault(item["type"], []).append(item)
    rest = [e for kind, some in by_type.items() if kind != "seriesMaster" for e in some]
    assert {e["id"] for e in rest} == {e["id"] for e in await shown(resting)}
    assert all(set(e) == BARE for e in by_type["occurrence"])
    assert all(set(e) >= EVENT for e in by_type["exception"] + by_type["singleInstance"])
    masters = {e["id"] for e in by_type["seriesMaster"]}
    assert {e["seriesMasterId"] for e in rest if e.get("seriesMasterId")} == masters
    assert told.pages > 1
    assert (await reading.round(told.link)).items == []


async def test_pages_are_of_ten_by_default(reading: Graph) -> None:
    body = await reading.good(DELTA, **WINDOW, _top="50")
    assert len(body["value"]) == 10


async def test_an_occurrence_that_is_changed_becomes_an_exception(
    microsoft: Microsoft, graph: Graph
) -> None:
    series = await weekly(microsoft)
    link = (await graph.round(DELTA, prefer=PAGES, **WINDOW)).link
    second = [e for e in await shown(microsoft) if e["seriesMasterId"] == series["id"]][1]
    verb = f"/{ADA}/events/{second['id']}/update"
    await microsoft.control(verb, "POST", subject="Standup, elsewhere")
    told = await graph.round(link)
    assert [e["type"] for e in told.items] == ["seriesMaster", "exception"]
    assert told.items[1]["id"] == second["id"]
    assert told.items[1]["subject"] == "Standup, elsewhere"
    await microsoft.control(f"/{ADA}/events/{second['id']}/delete", "POST")
    gone = await graph.round(told.link)
    assert gone.removed == {second["id"]}
    master = next(e for e in gone.items if e["id"] == series["id"])
    assert len(master["cancelledOccurrences"]) == 1


async def test_what_became_an_exception_and_was_called_off_between_two_rounds_is_told(
    microsoft: Microsoft, graph: Graph
) -> None:
    link = (await graph.round(DELTA, prefer=PAGES, **WINDOW)).link
    series = await weekly(microsoft)
    made = next(
        e
        for e in await shown(microsoft)
        if e["seriesMasterId"] == series["id"] and e["type"] == "occurrence"
    )
    await microsoft.control(f"/{ADA}/events/{made['id']}/move", "POST", minutes=30)
    await microsoft.control(f"/{ADA}/events/{made['id']}/delete", "POST")
    told = await graph.round(link)
    assert made["id"] in told.removed
    assert series["id"] in told.ids


async def test_a_series_that_goes_takes_its_occurrences_with_it(
    microsoft: Microsoft, graph: Graph
) -> None:
    series = await weekly(microsoft)
    link = (await graph.round(DELTA, prefer=PAGES, **WINDOW)).link
    mine = {e["id"] for e in await shown(microsoft) if e["seriesMasterId"] == series["id"]}
    assert len(mine) == 3
    await microsoft.control(f"/{ADA}/events/{series['id']}/delete", "POST")
    assert (await graph.round(link)).removed == mine | {series["id"]}


async def test_a_change_outside_the_window_is_told_as_a_removal(
    microsoft: Microsoft, graph: Graph
) -> None:
    link = (await graph.round(DELTA, prefer=PAGES, **WINDOW)).link
    far = await microsoft.control(
        f"/{ADA}/events", "POST", subject="Far", start="2027-03-01T10:00:00Z"
    )
    told = await graph.round(link)
    assert told.removed == {far["id"]}
    assert (await graph.good(f"/me/events/{far['id']}"))["subject"] == "Far"


async def test_the_window_stays_as_it_was_frozen(microsoft: Microsoft, graph: Graph) -> None:
    link = (await graph.round(DELTA, prefer=PAGES, **WINDOW)).link
    made = await microsoft.control(f"/{ADA}/events", "POST", start="2026-12-30T22:00:00Z")
    assert (await graph.round(link)).ids == [made["id"]]
    moved = f"/{ADA}/events/{made['id']}/move"
    await microsoft.control(moved, "POST", minutes=24 * 60)
    assert (await graph.round(link)).removed == {made["id"]}


async def test_dead_tokens_are_refused(microsoft: Microsoft, graph: Graph) -> None:
    link = (await graph.round(DELTA, prefer=PAGES, **WINDOW)).link
    await microsoft.control("/delta/expire", "POST", areas=["mail"])
    assert (await graph.get(link)).status == 200
    await microsoft.control("/delta/expire", "POST", areas=["calendar"])
    assert await graph.code(link) == "410 SyncStateNotFound"


@settings(FOLLOWED, max_examples=5)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    size=st.sampled_from([7, 50]),
)
async def test_a_follower_holds_the_window_whatever_happens(
    microsoft: Microsoft, seeds: list[int], size: int
) -> None:
    graph = await microsoft.sign_in()
    prefer = f"odata.maxpagesize={size}"
    told = await graph.round(DELTA, prefer=prefer, **WINDOW)
    held = {e["id"]: e for e in told.items}
    for seed in seeds:
        await microsoft.control(f"/{ADA}/bustle", "POST", events=20, seed=seed)
        told = await graph.round(told.link, prefer=prefer)
        for item in told.items:
            held.pop(item["id"], None)
            if "@removed" not in item:
                held[item["id"]] = item
        there = {i: moment(e["start"]) for i, e in held.items() if e["type"] != "seriesMaster"}
        world = {e["id"]: datetime.fromisoformat(e["start"]) for e in await shown(microsoft)}
        assert there == world


async def test_basic_scopes_show_no_bodies(resting: Microsoft) -> None:
    graph = await resting.sign_in(scope="Calendars.ReadBasic")
    listed = (await graph.good("/me/events", _top="1"))["value"][0]
    assert EVENT - set(listed) == {"body", "bodyPreview"}


async def test_the_default_calendar_goes_by_three_names(reading: Graph) -> None:
    calendars = (await reading.good("/me/calendars"))["value"]
    assert [c["isDefaultCalendar"] for c in calendars] == [True]
    assert (await reading.good("/me/calendar"))["id"] == calendars[0]["id"]
    for place in ("/me", "/me/calendar", f"/me/calendars/{calendars[0]['id']}"):
        found = await reading.good(f"{place}/calendarView", **WINDOW, _select="id", _top="5")
        assert len(found["value"]) == 5
    assert await reading.code("/me/calendars/nope/events") == "404 ErrorItemNotFound"
