"""Calendar, People and Drive as Google's own client sees them."""

import pytest
from certified.google_clients import Google, every, run
from sandbox.browsing import ADA

PRIMARY = {"calendarId": "primary"}
NAMES = {"resourceName": "people/me", "personFields": "names,emailAddresses,metadata"}
FOLLOWED = {**NAMES, "requestSyncToken": True}


async def test_calendars_are_listed_the_primary_one_among_them(reader: Google) -> None:
    calendars, last = await every(reader.calendar.calendarList(), "items", maxResults=1)
    assert [c["id"] for c in calendars if c.get("primary")] == [ADA]
    assert len(calendars) > 1
    assert "nextSyncToken" in last
    calendar = await run(reader.calendar.calendars().get(**PRIMARY))
    assert calendar["id"] == ADA


async def test_events_come_over_pages_once_each(reader: Google) -> None:
    events, last = await every(reader.calendar.events(), "items", **PRIMARY, maxResults=4)
    at_once = await run(reader.calendar.events().list(**PRIMARY, maxResults=2500))
    assert events == at_once["items"]
    assert "nextSyncToken" in last
    event = await run(reader.calendar.events().get(**PRIMARY, eventId=events[0]["id"]))
    assert event == events[0]


async def test_single_events_by_start_are_in_order_and_within_bounds(reader: Google) -> None:
    events, last = await every(
        reader.calendar.events(), "items", **PRIMARY, singleEvents=True, orderBy="startTime",
        timeMin="2020-01-01T00:00:00Z", timeMax="2040-01-01T00:00:00Z", timeZone="UTC",
        maxResults=50,
    )  # fmt: skip
    starts = [event["start"].get("dateTime", event["start"].get("date")) for event in events]
    assert len({event["id"] for event in events}) == len(events) > 10
    assert starts == sorted(starts, key=lambda text: text[:10])
    assert "nextSyncToken" not in last
    assert not any("recurrence" in event for event in events)


async def test_the_instances_of_a_series_name_it(reader: Google) -> None:
    events, _ = await every(reader.calendar.events(), "items", **PRIMARY)
    series = next(event for event in events if "recurrence" in event)
    instances, _ = await every_instance(reader, series["id"])
    assert instances
    assert {instance["recurringEventId"] for instance in instances} == {series["id"]}


async def every_instance(google: Google, series: str) -> tuple[list[dict[str, str]], int]:
    request = google.calendar.events().instances(**PRIMARY, eventId=series, maxResults=6)
    found: list[dict[str, str]] = []
    pages = 0
    while request is not None:
        page = await run(request)
        found += page["items"]
        request = google.calendar.events().instances_next(request, page)
        pages += 1
    return found, pages


async def test_instances_that_do_not_fit_a_page_come_on_the_next(reader: Google) -> None:
    events, _ = await every(reader.calendar.events(), "items", **PRIMARY)
    series = [event["id"] for event in events if "recurrence" in event]
    counted = []
    for identity in series:
        found, pages = await every_instance(reader, identity)
        whole = reader.calendar.events().instances(**PRIMARY, eventId=identity, maxResults=2500)
        assert found == (await run(whole))["items"]
        counted.append(pages)
    assert max(counted) > 1


async def test_a_sync_token_brings_what_changed_and_another_token(google: Google) -> None:
    events, last = await every(google.calendar.events(), "items", **PRIMARY)
    made = await google.sandbox.control(
        f"/users/{ADA}/events", "POST", summary="New", start="2031-03-04", end="2031-03-05"
    )
    single = next(event["id"] for event in events if "recurrence" not in event)
    await google.sandbox.control(f"/users/{ADA}/events/{single}/cancel", "POST")
    changed, after = await every(
        google.calendar.events(), "items", **PRIMARY, syncToken=last["nextSyncToken"], maxResults=1
    )
    told = {event["id"]: event["status"] for event in changed}
    assert told == {made["id"]: "confirmed", single: "cancelled"}
    again = google.calendar.events().list(**PRIMARY, syncToken=after["nextSyncToken"])
    assert (await run(again))["items"] == []


async def test_a_dead_sync_token_is_410_full_sync_required(google: Google) -> None:
    _, last = await every(google.calendar.events(), "items", **PRIMARY)
    await google.sandbox.control("/sync_tokens/expire", "POST")
    request = google.calendar.events().list(**PRIMARY, syncToken=last["nextSyncToken"])
    error = await google.refused(request)
    assert error.status_code == 410
    assert error.reason == "Sync token is no longer valid, a full sync is required."
    assert error.error_details[0]["reason"] == "fullSyncRequired"


async def test_a_batch_of_calendar_calls_answers_each(reader: Google) -> None:
    events, _ = await every(reader.calendar.events(), "items", **PRIMARY)
    found: list[str] = []
    batch = reader.calendar.new_batch_http_request(
        callback=lambda _, answer, error: found.append(answer["id"] if error is None else "none")
    )
    for event in events[:5]:
        batch.add(reader.calendar.events().get(**PRIMARY, eventId=event["id"]))
    batch.add(reader.calendar.events().get(**PRIMARY, eventId="absent"))
    await run(batch)
    assert found == [*(event["id"] for event in events[:5]), "none"]


async def test_a_calendar_watch_is_opened_and_stopped(google: Google) -> None:
    body = {"id": "channel-1", "type": "web_hook", "address": "https://hook.example/x"}
    channel = await run(google.calendar.events().watch(**PRIMARY, body=body))
    assert channel["id"] == "channel-1"
    stop = {"id": channel["id"], "resourceId": channel["resourceId"]}
    assert await run(google.calendar.channels().stop(body=stop)) == ""
    assert (await google.refused(google.calendar.channels().stop(body=stop))).status_code == 404


async def test_connections_come_over_pages_once_each(reader: Google) -> None:
    people, last = await every(reader.people.connections(), "connections", **NAMES, pageSize=7)
    assert len({person["resourceName"] for person in people}) == len(people) == 50
    assert "nextSyncToken" not in last
    names = [person["resourceName"] for person in people[:3]]
    asked = {"resourceNames": [*names, "people/c999"], "personFields": "names"}
    answers = (await run(reader.people.getBatchGet(**asked)))["responses"]
    assert [answer.get("person", {}).get("resourceName") for answer in answers] == [*names, None]
    one = await run(reader.people.get(resourceName=names[0], personFields="names"))
    assert one["resourceName"] == names[0]


async def test_a_contacts_sync_token_brings_what_changed(google: Google) -> None:
    people, last = await every(google.people.connections(), "connections", **FOLLOWED)
    gone = people[0]["resourceName"].removeprefix("people/")
    listed = (await google.sandbox.control(f"/users/{ADA}/contacts"))["contacts"]
    identity = next(c["id"] for c in listed if c["resourceName"].endswith(f"/{gone}"))
    await google.sandbox.control(f"/users/{ADA}/contacts/{identity}/delete", "POST")
    await google.sandbox.control(f"/users/{ADA}/contacts", "POST", given="Nia", family="New")
    changed, after = await every(
        google.people.connections(), "connections", **FOLLOWED, syncToken=last["nextSyncToken"]
    )
    assert [p["resourceName"] for p in changed if p["metadata"].get("deleted")] == [
        people[0]["resourceName"]
    ]
    assert [n["displayName"] for p in changed for n in p.get("names", [])] == ["Nia New"]
    assert after["nextSyncToken"]


@pytest.mark.parametrize("how", ["ordered", "aged"])
async def test_an_expired_contacts_sync_token_is_told_by_its_detail(
    google: Google, how: str
) -> None:
    _, last = await every(google.people.connections(), "connections", **FOLLOWED)
    if how == "ordered":
        await google.sandbox.control("/sync_tokens/expire", "POST")
    else:
        await google.sandbox.control("/clock", "POST", advance=7 * 86_400 + 60)
    request = google.people.connections().list(**FOLLOWED, syncToken=last["nextSyncToken"])
    error = await google.refused(request)
    assert error.status_code == 400
    assert error.error_details[0]["reason"] == "EXPIRED_SYNC_TOKEN"


async def test_connections_without_person_fields_are_refused(reader: Google) -> None:
    error = await reader.refused(reader.people.connections().list(resourceName="people/me"))
    assert error.status_code == 400


async def test_files_come_over_pages_and_by_search(reader: Google) -> None:
    asked = {"fields": "nextPageToken,files(id,name,mimeType,trashed)", "orderBy": "name"}
    files, _ = await every(reader.drive.files(), "files", **asked, pageSize=7)
    assert len({file["id"] for file in files}) == len(files) == 60
    untrashed, _ = await every(reader.drive.files(), "files", **asked, q="trashed = false")
    assert untrashed == [file for file in files if not file["trashed"]]
    folder = "application/vnd.google-apps.folder"
    folders, _ = await every(reader.drive.files(), "files", **asked, q=f"mimeType = '{folder}'")
    assert folders == [file for file in files if file["mimeType"] == folder]
    one = await run(reader.drive.files().get(fileId=files[0]["id"], fields="id,name"))
    assert one == {"id": files[0]["id"], "name": files[0]["name"]}
    about = await run(reader.drive.about().get(fields="user"))
    assert about["user"]["emailAddress"] == ADA


async def test_changes_tell_the_latest_state_of_each_file(google: Google) -> None:
    start = (await run(google.drive.changes().getStartPageToken()))["startPageToken"]
    made = [
        await google.sandbox.control(f"/users/{ADA}/files", "POST", name=f"{n}.txt", words="x")
        for n in range(3)
    ]
    await google.sandbox.control(f"/users/{ADA}/files/{made[0]['id']}/update", "POST", name="a")
    await google.sandbox.control(f"/users/{ADA}/files/{made[1]['id']}/delete", "POST")
    changes, last = await every(google.drive.changes(), "changes", pageToken=start, pageSize=2)
    told = {change["fileId"]: change for change in changes}
    assert len(changes) == len(told) == 3
    assert told[made[0]["id"]]["file"]["name"] == "a"
    assert told[made[1]["id"]]["removed"]
    assert "file" not in told[made[1]["id"]]
    quiet = await run(google.drive.changes().list(pageToken=last["newStartPageToken"]))
    assert quiet["changes"] == []


async def test_a_change_token_that_was_never_given_out_is_refused(reader: Google) -> None:
    error = await reader.refused(reader.drive.changes().list(pageToken="no-token"))
    assert error.status_code == 400
    error = await reader.refused(reader.drive.files().get(fileId="absent"))
    assert error.status_code == 404
    assert error.error_details[0]["reason"] == "notFound"
