"""Calendar, contacts, OneDrive, batches, tokens and refusals as `O365` and `msal` see them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from certified.google_clients import threaded
from certified.microsoft_clients import Outlook, outlook_of
from sandbox.browsing import Sandbox
from sandbox.microsoft.calling import ADA, CHIYO

# O365 asks for the answer in the redirect's query, which msal advises against.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode=:UserWarning")


async def test_events_are_singles_and_masters_over_pages(reading: Outlook) -> None:
    schedule = reading.account.schedule()
    calendar = await threaded(schedule.get_default_calendar)
    found = await threaded(
        lambda: list(calendar.get_events(limit=None, batch=9, include_recurring=False))
    )
    listed = await reading.microsoft.control(f"/{ADA}/events")
    assert len({event.object_id for event in found}) == len(found)
    assert {event.object_id for event in found} <= {event["id"] for event in listed["events"]}
    assert {event.event_type.value for event in found} == {"single_instance", "series_master"}
    for event in found:
        assert event.ical_uid
        assert event.start <= event.end
        assert event.start.tzinfo is not None


async def test_a_view_spells_a_series_out(reading: Outlook) -> None:
    schedule = reading.account.schedule()
    start = datetime.now(UTC)
    end = start + timedelta(days=60)
    view = await threaded(
        lambda: list(schedule.get_events(limit=500, start_recurring=start, end_recurring=end))
    )
    occurrences = [event for event in view if event.event_type.value == "occurrence"]
    assert occurrences
    assert "series_master" not in {event.event_type.value for event in view}
    calendar = await threaded(schedule.get_default_calendar)
    master = await threaded(lambda: calendar.get_event(occurrences[0].series_master_id))
    assert master.event_type.value == "series_master"
    assert master.recurrence
    spelled = await threaded(lambda: list(master.get_occurrences(start, end, limit=200)))
    own = {e.object_id for e in view if e.series_master_id == master.object_id}
    assert {event.object_id for event in spelled} == own


async def test_a_calendar_view_is_followed_by_its_links(outlook: Outlook) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    bounds = {
        "startDateTime": start.isoformat(),
        "endDateTime": (start + timedelta(days=40)).isoformat(),
    }
    page = await outlook.get("/me/calendarView/delta", params=bounds)
    while "@odata.nextLink" in page:
        page = await outlook.get(page["@odata.nextLink"])
    moment = start + timedelta(days=3)
    made = await outlook.microsoft.control(
        f"/{ADA}/events", "POST", subject="New", start=moment.isoformat(),
        end=(moment + timedelta(hours=1)).isoformat(),
    )  # fmt: skip
    changes = (await outlook.get(page["@odata.deltaLink"]))["value"]
    assert [event["id"] for event in changes] == [made["id"]]


async def test_contacts_and_their_folders(reading: Outlook) -> None:
    book = reading.account.address_book()
    found = await threaded(lambda: list(book.get_contacts(limit=None, batch=8)))
    assert len({contact.object_id for contact in found}) == len(found) > 8
    [folder] = await threaded(lambda: list(book.get_folders()))
    # O365 takes every folder for the default one when it lists what is inside.
    inside = await reading.get(f"/me/contactFolders/{folder.folder_id}/contacts?$top=500")
    listed = await reading.microsoft.control(f"/{ADA}/contacts")
    ids = [*(contact.object_id for contact in found), *(c["id"] for c in inside["value"])]
    assert len(set(ids)) == len(ids) == listed["count"]
    known = next(contact for contact in found if contact.emails)
    address = known.emails[0].address
    query = f"emailAddresses/any(a:a/address eq '{address}')"
    by_email = await threaded(lambda: list(book.get_contacts(limit=5, query=query)))
    assert known.object_id in {contact.object_id for contact in by_email}
    assert all(address in [e.address for e in contact.emails] for contact in by_email)


@pytest.mark.parametrize("user", [ADA, CHIYO])
async def test_a_drive_is_walked_folder_by_folder(quiet: Sandbox, user: str) -> None:
    outlook = await outlook_of(quiet, user)
    storage = outlook.account.storage()
    drive = await threaded(lambda: storage.get_default_drive(request_drive=True))
    drives = await threaded(storage.get_drives)
    assert [found.object_id for found in drives] == [drive.object_id]
    named = await threaded(lambda: storage.get_drive(drive.object_id))
    assert named.object_id == drive.object_id
    assert (await outlook.refused(f"/drives/{drive.object_id}x/root")).status_code == 404
    assert (await outlook.get(f"/drives/{drive.object_id}/root"))["root"] == {}

    def walk(folder: Any) -> list[Any]:  # noqa: ANN401
        items = list(folder.get_items(limit=500))
        return items + [i for inner in items if inner.is_folder for i in walk(inner)]

    walked = await threaded(lambda: walk(drive.get_root_folder()))
    listed = await outlook.microsoft.control(f"/{user}/files")
    assert {item.object_id for item in walked} == {file["id"] for file in listed["files"]}
    some = next(item for item in walked if item.is_file)
    one = await threaded(lambda: drive.get_item(some.object_id))
    assert (one.name, one.size) == (some.name, some.size)
    assert one.mime_type
    assert one.hashes
    outlook.close()


async def test_a_drives_delta_is_followed_by_its_links(outlook: Outlook) -> None:
    page = await outlook.get("/me/drive/root/delta", params={"$top": 20})
    found = {item["id"] for item in page["value"]}
    while "@odata.nextLink" in page:
        page = await outlook.get(page["@odata.nextLink"])
        found |= {item["id"] for item in page["value"]}
    drive = outlook.account.storage().get_default_drive()
    root = await threaded(drive.get_root_folder)
    listed = await outlook.microsoft.control(f"/{ADA}/files")
    assert found == {root.object_id, *(file["id"] for file in listed["files"])}


async def deleted(outlook: Outlook) -> str:
    """The id of a message that is gone."""
    listed = (await outlook.microsoft.control(f"/{ADA}/messages"))["messages"]
    identity = str(listed[0]["id"])
    await outlook.microsoft.control(f"/{ADA}/messages/{identity}/delete", "POST")
    return identity


def batched(base: str, gone: str) -> dict[str, Any]:
    """Steps as Microsoft's own Python client writes them: absolute addresses, `depends_on`."""
    headers = {"Prefer": 'IdType="ImmutableId"'}
    urls = {
        "1": f"{base}/v1.0/me/messages?$top=2&$select=subject",
        "2": f"{base}/v1.0/me/messages/{gone}",
        "3": f"{base}/v1.0/me/contacts?$top=1",
        "4": f"{base}/v1.0/users/me-token-to-replace/drive/root",
    }
    return {
        "requests": [
            {
                "id": number, "method": "GET", "url": url, "headers": headers,
                "depends_on": ["2"] if number == "3" else [],
            }
            for number, url in urls.items()
        ]
    }  # fmt: skip


async def test_a_batch_answers_each_step_on_its_own(outlook: Outlook) -> None:
    con, base = outlook.account.con, outlook.sandbox.base
    steps = batched(base, await deleted(outlook))
    answer = await threaded(lambda: con.post(f"{base}/v1.0/$batch", data=steps))
    told = {response["id"]: response for response in answer.json()["responses"]}
    statuses = {number: response["status"] for number, response in told.items()}
    assert statuses == {"1": 200, "2": 404, "3": 424, "4": 200}
    assert len(told["1"]["body"]["value"]) == 2
    assert told["2"]["body"]["error"]["code"] == "ErrorItemNotFound"
    many = {"requests": [{**steps["requests"][0], "id": str(n)} for n in range(21)]}
    with pytest.raises(requests.HTTPError) as caught:
        await threaded(lambda: con.post(f"{base}/v1.0/$batch", data=many))
    assert caught.value.response is not None
    assert caught.value.response.json()["error"]["code"] == "MaximumValueExceeded"


async def test_errors_are_told_in_the_envelope_the_client_reads(outlook: Outlook) -> None:
    gone = await outlook.refused(f"/me/messages/{await deleted(outlook)}")
    assert gone.status_code == 404
    error = json.loads(gone.text)["error"]
    assert error["code"] == "ErrorItemNotFound"
    assert error["innerError"]["request-id"] == gone.headers["request-id"]
    query = '/me/messages?$search="x"&$orderby=receivedDateTime'
    both = await outlook.refused(query)
    assert (both.status_code, both.json()["error"]["code"]) == (400, "SearchWithOrderBy")
    assert (await outlook.refused("/me/calendarView")).status_code == 400


async def test_msal_refreshes_an_expired_token_and_keeps_the_newest(outlook: Outlook) -> None:
    backend = outlook.account.con.token_backend
    before = backend.get_refresh_token(username=ADA)["secret"]
    [token] = backend.search("AccessToken")
    backend.modify("AccessToken", token, {"expires_on": "1"})
    await outlook.microsoft.control("/tokens/expire", "POST", user=ADA)
    assert (await outlook.get("/me"))["mail"] == ADA
    after = backend.get_refresh_token(username=ADA)["secret"]
    assert after != before
    assert (await outlook.microsoft.control("/ledger"))["refreshes"] == 1


async def test_a_refresh_after_the_consent_is_gone_is_refused(outlook: Outlook) -> None:
    backend = outlook.account.con.token_backend
    [token] = backend.search("AccessToken")
    backend.modify("AccessToken", token, {"expires_on": "1"})
    await outlook.microsoft.control("/tokens/expire", "POST", user=ADA)
    await outlook.microsoft.control("/consent/revoke", "POST", user=ADA)
    with pytest.raises(RuntimeError, match="invalid_grant"):
        await outlook.get("/me")


async def test_throttling_is_waited_out_by_the_client(sandbox: Sandbox) -> None:
    outlook = await outlook_of(sandbox, retries=3)
    order = {"kind": "status", "status": 429, "retry_after": 1, "path": "/messages", "count": 1}
    await sandbox.control("/faults", "POST", **order)
    found = await threaded(lambda: list(outlook.account.mailbox().get_messages(limit=3)))
    assert len(found) == 3
    outlook.close()


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_an_outage_is_an_error_with_its_status(outlook: Outlook, status: int) -> None:
    await outlook.sandbox.control("/faults", "POST", kind="status", status=status, path="/me")
    assert (await outlook.refused("/me")).status_code == status
    assert (await outlook.get("/me"))["mail"] == ADA


async def test_a_dead_delta_token_is_told(outlook: Outlook) -> None:
    page = await outlook.get("/me/mailFolders/inbox/messages/delta?$select=subject")
    while "@odata.nextLink" in page:
        page = await outlook.get(page["@odata.nextLink"])
    await outlook.microsoft.control("/delta/expire", "POST", user=ADA)
    dead = await outlook.refused(page["@odata.deltaLink"])
    assert (dead.status_code, dead.json()["error"]["code"]) == (410, "SyncStateNotFound")
