"""Calendar: listing, expanding, following, and the ways a position dies."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sandbox.browsing import ADA, BRUNO, Sandbox

EVENTS = "/calendar/v3/calendars/primary/events"
EVENTS_ONLY = "https://www.googleapis.com/auth/calendar.events.readonly"
BOX = f"/users/{ADA}"
Query = dict[str, str]


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in()


async def page(sandbox: Sandbox, token: str, query: Query, path: str = EVENTS) -> dict[str, Any]:
    answer = await sandbox.call(path, params=query, token=token)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


async def pages(
    sandbox: Sandbox, token: str, query: Query, path: str = EVENTS
) -> tuple[list[dict[str, Any]], str | None]:
    items: list[dict[str, Any]] = []
    query = dict(query)
    while True:
        found = await page(sandbox, token, query, path)
        items += found["items"]
        if "nextPageToken" not in found:
            return items, found.get("nextSyncToken")
        assert "nextSyncToken" not in found
        query["pageToken"] = found["nextPageToken"]


async def error(sandbox: Sandbox, token: str, query: Query) -> tuple[int, dict[str, Any]]:
    answer = await sandbox.call(EVENTS, params=query, token=token)
    return answer.status, answer.json["error"]


async def test_there_are_a_primary_and_a_team_calendar(shared: Sandbox, shared_token: str) -> None:
    listed = await page(shared, shared_token, {}, "/calendar/v3/users/me/calendarList")
    primary, team = listed["items"]
    assert primary["id"] == ADA
    assert primary["primary"] is True
    assert team["id"].endswith("@group.calendar.sandbox.example")
    again = await page(
        shared,
        shared_token,
        {"syncToken": listed["nextSyncToken"]},
        "/calendar/v3/users/me/calendarList",
    )
    assert again["items"] == []
    one = await page(shared, shared_token, {}, f"/calendar/v3/calendars/{quote(team['id'])}")
    assert one["kind"] == "calendar#calendar"


async def test_plain_lists_over_pages_give_exactly_the_worlds_ids(
    shared: Sandbox, shared_token: str
) -> None:
    truth = (await shared.control(f"{BOX}/events"))["calendars"]
    total = 0
    for calendar, events in truth.items():
        path = f"/calendar/v3/calendars/{quote(calendar)}/events"
        items, sync = await pages(shared, shared_token, {"maxResults": "7"}, path)
        assert [item["id"] for item in items] == [event["id"] for event in events]
        assert sync
        total += len(events)
    assert total == 90


async def test_the_control_tells_of_events_what_google_tells(
    shared: Sandbox, shared_token: str
) -> None:
    control = (await shared.control(f"{BOX}/events"))["calendars"][ADA]
    items, _ = await pages(shared, shared_token, {"timeZone": "UTC"})
    for item, event in zip(items, control, strict=True):
        times = [item.get(name, {}) for name in ("start", "end", "originalStartTime")]
        told = [time.get("date") or time.get("dateTime") for time in times]
        assert [event["status"], event["series"]] == [item["status"], item.get("recurringEventId")]
        assert event["original"] == told[2]
        if item["status"] != "cancelled":
            assert [event["summary"], event["start"], event["end"]] == [item["summary"], *told[:2]]


async def test_events_look_like_googles(shared: Sandbox, shared_token: str) -> None:
    items, _ = await pages(shared, shared_token, {"showDeleted": "true"})
    for item in items:
        micros = int(item["etag"].strip('"')) // 2
        if item["status"] == "cancelled":
            series = {"recurringEventId", "originalStartTime"} if "_" in item["id"] else set()
            assert set(item) == {"kind", "etag", "id", "status"} | series
            continue
        moment = datetime.fromtimestamp(micros // 10**6, UTC)
        assert item["updated"].startswith(f"{moment:%Y-%m-%dT%H:%M:%S}.")
        assert item["iCalUID"].partition("@")[0] == item.get("recurringEventId", item["id"])
        if "date" in item["start"]:
            assert item["end"]["date"] > item["start"]["date"]
        else:
            start = datetime.fromisoformat(item["start"]["dateTime"])
            assert datetime.fromisoformat(item["end"]["dateTime"]) > start
    assert any(item["status"] == "cancelled" for item in items)


async def test_offsets_follow_the_time_zone_asked_for(shared: Sandbox, shared_token: str) -> None:
    plain, _ = await pages(shared, shared_token, {})
    tokyo, _ = await pages(shared, shared_token, {"timeZone": "Asia/Tokyo"})
    for here, there in zip(plain, tokyo, strict=True):
        if "dateTime" in here.get("start", {}):
            assert there["start"]["dateTime"].endswith("+09:00")
            assert there["start"]["timeZone"] == here["start"]["timeZone"]
            moments = [datetime.fromisoformat(e["start"]["dateTime"]) for e in (here, there)]
            assert moments[0] == moments[1]


async def test_a_window_bounds_ends_and_starts_exclusively(
    shared: Sandbox, shared_token: str
) -> None:
    low, high = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00+00:00"
    query = {"timeMin": low, "timeMax": high, "singleEvents": "true", "orderBy": "startTime"}
    items, sync = await pages(shared, shared_token, {**query, "maxResults": "5"})
    assert sync is None
    starts = [_moment(item["start"]) for item in items]
    assert starts == sorted(starts)
    assert len(items) > 10
    for item in items:
        assert _moment(item["start"]) < datetime.fromisoformat(high)
        assert _moment(item["end"]) > datetime.fromisoformat(low)
        assert "recurrence" not in item


def _moment(when: dict[str, str]) -> datetime:
    if "date" in when:
        return datetime.fromisoformat(when["date"]).replace(tzinfo=UTC)
    return datetime.fromisoformat(when["dateTime"])


async def test_a_weekly_series_is_spelled_out_with_what_was_moved_and_called_off(
    sandbox: Sandbox, token: str
) -> None:
    series = await sandbox.control(
        f"{BOX}/events",
        "POST",
        summary="Watering",
        start="2026-03-02T09:00:00+00:00",
        end="2026-03-02T09:30:00+00:00",
        zone="Europe/London",
        recurrence=["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=12"],
    )
    original = "2026-03-09T09:00:00+00:00"
    await sandbox.control(f"{BOX}/events/{series['id']}/cancel", "POST", original=original)
    items, _ = await pages(sandbox, token, {"singleEvents": "true", "q": "watering"})
    assert len(items) == 11
    assert all(item["recurringEventId"] == series["id"] for item in items)
    # British summer time began on 29 March: the hour on the wall stays.
    assert [i["start"]["dateTime"][11:16] for i in items] == ["09:00"] * 11
    assert items[-1]["start"]["dateTime"] == "2026-04-08T09:00:00+01:00"
    assert f"{series['id']}_20260309T090000Z" not in {i["id"] for i in items}
    one = await sandbox.call(f"{EVENTS}/{items[3]['id']}", token=token)
    assert one.json["start"] == items[3]["start"]
    spelled = await page(sandbox, token, {}, f"{EVENTS}/{series['id']}/instances")
    assert [i["id"] for i in spelled["items"]] == [i["id"] for i in items]


async def test_a_sync_token_tells_what_changed_and_nothing_else(
    sandbox: Sandbox, token: str
) -> None:
    items, sync = await pages(sandbox, token, {})
    assert sync
    quiet, sync = await pages(sandbox, token, {"syncToken": sync})
    assert quiet == []
    living = [i["id"] for i in items if i["status"] == "confirmed" and "_" not in i["id"]]
    made = await sandbox.control(f"{BOX}/events", "POST", start="2026-12-24", summary="Eve")
    await sandbox.control(f"{BOX}/events/{living[0]}/update", "POST", summary="Renamed")
    await sandbox.control(f"{BOX}/events/{living[1]}/move", "POST", minutes=1440)
    await sandbox.control(f"{BOX}/events/{living[2]}/cancel", "POST")
    assert sync
    changed, after = await pages(sandbox, token, {"syncToken": sync, "maxResults": "1"})
    by_id = {i["id"]: i for i in changed}
    assert {made["id"], *living[:3]} <= set(by_id)
    assert by_id[made["id"]]["start"] == {"date": "2026-12-24"}
    assert by_id[living[0]]["summary"] == "Renamed"
    assert by_id[living[2]]["status"] == "cancelled"
    assert all(i["status"] == "cancelled" for k, i in by_id.items() if k.startswith(living[2]))
    assert after != sync


async def test_following_over_random_changes_ends_with_the_worlds_calendar(
    sandbox: Sandbox, token: str
) -> None:
    items, sync = await pages(sandbox, token, {"maxResults": "20"})
    held = {i["id"]: i for i in items}
    for seed in range(6):
        await sandbox.control(f"{BOX}/bustle", "POST", events=40, seed=seed)
        assert sync
        changed, sync = await pages(sandbox, token, {"syncToken": sync, "maxResults": "9"})
        held.update({i["id"]: i for i in changed})
    now, _ = await pages(sandbox, token, {})
    living = {k: v for k, v in held.items() if v["status"] != "cancelled"}
    assert living == {i["id"]: i for i in now if i["status"] != "cancelled"}


async def test_a_change_between_pages_is_told_in_the_next_round(
    sandbox: Sandbox, token: str
) -> None:
    first = await page(sandbox, token, {"maxResults": "10"})
    seen = first["items"][0]["id"].partition("_")[0]
    await sandbox.control(f"{BOX}/events/{seen}/update", "POST", summary="Late")
    query = {"maxResults": "10", "pageToken": first["nextPageToken"]}
    _, sync = await pages(sandbox, token, query)
    assert sync
    changed, _ = await pages(sandbox, token, {"syncToken": sync})
    assert [i["summary"] for i in changed] == ["Late"]


@pytest.mark.parametrize(
    "query",
    [
        {"orderBy": "updated"},
        {"q": "a"},
        {"updatedMin": "2026-11-22T00:00:00Z"},
        {"iCalUID": "x@y"},
        {"singleEvents": "true", "orderBy": "startTime", "timeMin": "2026-11-01T00:00:00Z"},
    ],
)
async def test_lists_that_cannot_be_followed_give_no_sync_token(
    shared: Sandbox, shared_token: str, query: Query
) -> None:
    _, sync = await pages(shared, shared_token, query)
    assert sync is None


async def test_a_list_from_a_time_on_gives_a_sync_token(shared: Sandbox, shared_token: str) -> None:
    _, sync = await pages(shared, shared_token, {"timeMin": "2026-11-01T00:00:00Z"})
    assert sync


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iCalUID", "x"),
        ("orderBy", "updated"),
        ("privateExtendedProperty", "a=b"),
        ("q", "x"),
        ("sharedExtendedProperty", "a=b"),
        ("timeMin", "2026-11-01T00:00:00Z"),
        ("timeMax", "2026-11-01T00:00:00Z"),
        ("updatedMin", "2026-11-01T00:00:00Z"),
        ("showDeleted", "false"),
    ],
)
async def test_what_a_sync_token_forbids_is_400(
    shared: Sandbox, shared_token: str, name: str, value: str
) -> None:
    _, sync = await pages(shared, shared_token, {})
    assert sync
    assert (await error(shared, shared_token, {"syncToken": sync, name: value}))[0] == 400


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"orderBy": "startTime"}, "badRequest"),
        ({"orderBy": "colour"}, "invalid"),
        ({"timeMin": "yesterday"}, "badRequest"),
        ({"timeMin": "2026-11-01T00:00:00"}, "badRequest"),
        ({"timeMin": "0001-01-01T00:00:00+23:00"}, "badRequest"),
        ({"timeMin": "2026-11-02T00:00:00Z", "timeMax": "2026-11-01T00:00:00Z"}, "timeRangeEmpty"),
        ({"pageToken": "nonsense"}, "invalid"),
        ({"timeZone": "Middle/Earth"}, "invalid"),
        ({"timeZone": "a" * 3000}, "invalid"),
        ({"maxResults": "0"}, "invalidParameter"),
    ],
)
async def test_bad_parameters_are_400_in_calendars_shape(
    shared: Sandbox, shared_token: str, query: Query, reason: str
) -> None:
    status, body = await error(shared, shared_token, query)
    assert status == 400
    assert body["errors"][0]["reason"] == reason
    assert list(body) == ["errors", "code", "message"]


async def test_a_dead_foreign_or_garbled_sync_token_is_410(sandbox: Sandbox, token: str) -> None:
    _, sync = await pages(sandbox, token, {})
    other = await sandbox.sign_in(BRUNO)
    _, foreign = await pages(sandbox, other, {})
    assert sync
    assert foreign
    dead = [foreign, "CM-NwbvumZMDEM-", "é"]
    await sandbox.control("/sync_tokens/expire", "POST", user=ADA)
    for text in (*dead, sync):
        status, body = await error(sandbox, token, {"syncToken": text})
        assert status == 410
        assert body["errors"][0] == {
            "message": "Sync token is no longer valid, a full sync is required.",
            "domain": "calendar",
            "reason": "fullSyncRequired",
            "location": "syncToken",
            "locationType": "parameter",
        }
    _, fresh = await pages(sandbox, token, {})
    assert fresh
    assert (await page(sandbox, token, {"syncToken": fresh}))["items"] == []


async def test_an_updated_min_of_long_ago_is_410(shared: Sandbox, shared_token: str) -> None:
    status, body = await error(shared, shared_token, {"updatedMin": "2020-01-01T00:00:00Z"})
    assert (status, body["errors"][0]["reason"]) == (410, "updatedMinTooLongAgo")


async def test_an_event_has_an_etag_that_answers_304(shared: Sandbox, shared_token: str) -> None:
    first = (await page(shared, shared_token, {}))["items"][0]
    one = await shared.call(f"{EVENTS}/{first['id']}", token=shared_token)
    assert one.headers["ETag"] == one.json["etag"] == first["etag"]
    same = await shared.call(
        f"{EVENTS}/{first['id']}", token=shared_token, headers={"If-None-Match": first["etag"]}
    )
    assert same.status == 304
    for gone in ("nonsense", f"{first['id']}_20200101T000000Z"):
        assert (await shared.call(f"{EVENTS}/{gone}", token=shared_token)).status == 404


async def test_attendees_may_be_capped_and_search_finds_them(
    shared: Sandbox, shared_token: str
) -> None:
    items, _ = await pages(shared, shared_token, {"maxAttendees": "1", "q": "edda.farnholt"})
    crowded = [i for i in items if i.get("attendeesOmitted")]
    assert crowded
    assert all(len(i["attendees"]) == 1 for i in crowded)


async def test_a_scope_opens_only_its_part(shared: Sandbox) -> None:
    token = await shared.sign_in(scope=EVENTS_ONLY)
    assert (await shared.call(EVENTS, token=token)).status == 200
    closed = await shared.call("/calendar/v3/users/me/calendarList", token=token)
    assert closed.status == 403
    told = closed.json["error"]["details"][0]
    assert told["metadata"]["method"] == "calendar.v3.CalendarList.List"
    missing = await shared.call("/calendar/v3/calendars/nobody/events", token=token)
    assert missing.status == 404


async def test_the_clock_moves_the_horizon_of_an_endless_series(
    sandbox: Sandbox, token: str
) -> None:
    start = datetime(2026, 11, 23, 9, tzinfo=UTC)
    made = await sandbox.control(
        f"{BOX}/events",
        "POST",
        summary="Endless",
        start=start.isoformat(),
        recurrence=["RRULE:FREQ=DAILY"],
    )
    query = {"singleEvents": "true", "q": "endless", "maxResults": "2500"}
    before, _ = await pages(sandbox, token, query)
    await sandbox.control("/clock", "POST", advance=timedelta(days=10).total_seconds())
    after, _ = await pages(sandbox, await sandbox.sign_in(), query)
    assert len(after) - len(before) == 10
    assert before[0]["recurringEventId"] == made["id"]
