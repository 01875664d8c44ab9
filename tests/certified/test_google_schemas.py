"""What the sandboxed Google answers has the shapes of the discovery documents, and no others."""

from typing import Any

import pytest
from certified.discovery import common_parameters, complaints, methods, validator
from certified.google_room import GoogleRoom, path_of

from scp_sandbox import SandboxSettings

ME = {"userId": "me"}
PRIMARY = {"calendarId": "primary"}
MINE = {"resourceName": "people/me"}
WORLD = SandboxSettings(messages=70, events=50, contacts=40, files=50)
HOOK = {"type": "web_hook", "address": "https://hook.example/x", "token": "t"}
# What the edge reads of every call, though no document names it for the method.
EDGE = frozenset(("access_token", "oauth_token"))


async def gmail(room: GoogleRoom) -> None:
    """Every method of Gmail, with all that its answers can hold."""
    users = "gmail.users"
    start = (await room.ask(f"{users}.getProfile", ME))["historyId"]
    room.bustle(seed=4, changes=80)
    asked = {"includeSpamTrash": True, "maxResults": 40}
    listed = await room.every("messages", f"{users}.messages.list", ME, **asked)
    await room.ask(f"{users}.messages.list", ME, q="in:inbox", labelIds=["INBOX", "UNREAD"])
    for entry in listed:
        at = {**ME, "id": entry["id"]}
        message = await room.ask(f"{users}.messages.get", at)
        for part in message["payload"].get("parts", []):
            if identity := part["body"].get("attachmentId"):
                inside = {**ME, "messageId": entry["id"], "id": identity}
                await room.ask(f"{users}.messages.attachments.get", inside)
    for shape in ("metadata", "minimal", "raw"):
        at = {**ME, "id": listed[0]["id"]}
        await room.ask(f"{users}.messages.get", at, format=shape, metadataHeaders=["From", "To"])
    kinds = ["messageAdded", "messageDeleted", "labelAdded", "labelRemoved"]
    begun = {"startHistoryId": start, "maxResults": 30}
    records = await room.every("history", f"{users}.history.list", ME, **begun)
    assert {key for record in records for key in record} >= {
        "messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved",
    }  # fmt: skip
    await room.ask(f"{users}.history.list", ME, **begun, historyTypes=kinds, labelId="INBOX")
    threads = await room.every("threads", f"{users}.threads.list", ME, **asked)
    for thread in threads[:10]:
        for shape in ("full", "metadata", "minimal"):
            await room.ask(f"{users}.threads.get", {**ME, "id": thread["id"]}, format=shape)
    for label in (await room.ask(f"{users}.labels.list", ME))["labels"]:
        await room.ask(f"{users}.labels.get", {**ME, "id": label["id"]})
    await room.ask(f"{users}.watch", ME, {"topicName": "projects/ours/topics/t"})
    await room.ask(f"{users}.stop", ME)


async def calendar(room: GoogleRoom) -> None:
    """Every method of Calendar."""
    events = "calendar.events"
    for entry in await room.every("items", "calendar.calendarList.list", maxResults=1):
        at = {"calendarId": entry["id"]}
        await room.ask("calendar.calendarList.get", at)
        await room.ask("calendar.calendars.get", at)
        await room.every("items", f"{events}.list", at, maxResults=20, showDeleted=True)
    await room.ask("calendar.calendarList.list", minAccessRole="owner", showDeleted=True)
    first = await room.ask(f"{events}.list", PRIMARY, maxResults=2500)
    room.bustle(seed=5, changes=80)
    synced = {"syncToken": first["nextSyncToken"], "maxResults": 10}
    changed = await room.every("items", f"{events}.list", PRIMARY, **synced)
    assert {event["status"] for event in changed} >= {"confirmed", "cancelled"}
    await room.every(
        "items", f"{events}.list", PRIMARY, singleEvents=True, orderBy="startTime",
        timeMin=room.day(-30), timeMax=room.day(60), timeZone="Asia/Tokyo",
        maxAttendees=1, eventTypes=["default"], maxResults=100,
    )  # fmt: skip
    await room.ask(f"{events}.list", PRIMARY, q="a", orderBy="updated")
    series = [event for event in first["items"] if "recurrence" in event]
    for event in [*series[:4], *first["items"][:12]]:
        at = {**PRIMARY, "eventId": event["id"]}
        await room.ask(f"{events}.get", at, timeZone="UTC")
        if "recurrence" in event:
            spelled = {"maxResults": 60, "showDeleted": True, "timeZone": "UTC"}
            await room.every("items", f"{events}.instances", at, **spelled)
    channel = await room.ask(f"{events}.watch", PRIMARY, {**HOOK, "id": "events"})
    stop = {"id": channel["id"], "resourceId": channel["resourceId"]}
    await room.ask("calendar.channels.stop", body=stop)
    await room.ask("calendar.calendarList.watch", body={**HOOK, "id": "calendars"})


async def people(room: GoogleRoom) -> None:
    """Every method of People."""
    fields = (
        "addresses,ageRanges,biographies,birthdays,calendarUrls,clientData,coverPhotos,"
        "emailAddresses,events,externalIds,genders,imClients,interests,locales,locations,"
        "memberships,metadata,miscKeywords,names,nicknames,occupations,organizations,"
        "phoneNumbers,photos,relations,sipAddresses,skills,urls,userDefined"
    )
    listing = "people.people.connections.list"
    asked = {"personFields": fields, "requestSyncToken": True, "pageSize": 25}
    found = await room.every("connections", listing, MINE, **asked)
    first = await room.ask(listing, MINE, **{**asked, "pageSize": 1000})
    room.bustle(seed=6, changes=80)
    changed = await room.ask(
        listing, MINE, **{**asked, "pageSize": 1000, "syncToken": first["nextSyncToken"]}
    )
    assert any(person["metadata"].get("deleted") for person in changed["connections"])
    for order in ("LAST_MODIFIED_DESCENDING", "FIRST_NAME_ASCENDING", "LAST_NAME_ASCENDING"):
        sources = ["READ_SOURCE_TYPE_CONTACT", "READ_SOURCE_TYPE_PROFILE"]
        await room.ask(listing, MINE, personFields="names", sortOrder=order, sources=sources)
    await room.ask(listing, MINE, requestMask__includeField="person.names")
    names = [person["resourceName"] for person in found[:20]]
    for name in ("people/me", *(p["resourceName"] for p in changed["connections"][-3:])):
        await room.ask("people.people.get", {"resourceName": name}, personFields=fields)
    sought = {"query": "a", "readMask": fields, "pageSize": 30}
    results = (await room.ask("people.people.searchContacts", **sought))["results"]
    assert any("organizations" in each["person"] for each in results)
    await room.ask(
        "people.people.searchContacts",
        readMask="names",
        query="",
        sources=["READ_SOURCE_TYPE_CONTACT"],
    )
    batch = [*names, "people/me", "people/c1"]
    await room.ask("people.people.getBatchGet", resourceNames=batch, personFields=fields)


async def drive(room: GoogleRoom) -> None:
    """Every method of Drive."""
    start = (await room.ask("drive.changes.getStartPageToken"))["startPageToken"]
    found: list[Any] = []
    for fields in (None, "nextPageToken,incompleteSearch,files(id,owners/emailAddress)", "*"):
        masked = {"fields": fields} if fields else {}
        found = await room.every(
            "files", "drive.files.list", **masked, pageSize=30, orderBy="folder,name desc",
            corpora="user", spaces="drive", supportsAllDrives=True, includeItemsFromAllDrives=True,
        )  # fmt: skip
    for file in found[:10]:
        await room.ask("drive.files.get", {"fileId": file["id"]}, fields="*")
    await room.ask("drive.files.get", {"fileId": "root"})
    room.bustle(seed=7, changes=80)
    asked: dict[str, Any] = {"pageToken": start, "pageSize": 10}
    await room.every("changes", "drive.changes.list", **asked)
    changes = await room.every("changes", "drive.changes.list", **asked, fields="*")
    assert {change["removed"] for change in changes} == {True, False}
    await room.ask("drive.changes.list", pageToken=start, restrictToMyDrive=True, spaces="drive")
    await room.ask("drive.about.get", fields="*")
    wanted: dict[str, Any] = {**HOOK, "id": "changes", "params": {"ttl": "60"}}
    channel = await room.ask("drive.changes.watch", body=wanted, pageToken=start)
    stop = {"id": channel["id"], "resourceId": channel["resourceId"]}
    await room.ask("drive.channels.stop", body=stop)
    wanted = {**HOOK, "id": "file", "payload": True}
    await room.ask("drive.files.watch", {"fileId": found[0]["id"]}, wanted)


async def pubsub(room: GoogleRoom) -> None:
    """What there is of Pub/Sub: pulling what a watched mailbox tells."""
    topic = "projects/ours/topics/mail"
    await room.ask("gmail.users.watch", ME, {"topicName": topic})
    at = {"subscription": "projects/ours/subscriptions/mail"}
    pulled = await room.ask("pubsub.projects.subscriptions.pull", at, {"maxMessages": 10})
    ids = {"ackIds": [message["ackId"] for message in pulled["receivedMessages"]]}
    await room.ask("pubsub.projects.subscriptions.acknowledge", at, ids)
    assert await room.ask("pubsub.projects.subscriptions.pull", at, {"maxMessages": 1}) == {}


TOURS = {
    "gmail": gmail, "calendar": calendar, "people": people, "drive": drive, "pubsub": pubsub,
}  # fmt: skip


@pytest.mark.parametrize("name", TOURS)
async def test_every_answer_has_the_shape_its_document_tells(name: str) -> None:
    room = GoogleRoom(WORLD)
    await TOURS[name](room)
    assert room.wrong == []
    assert {m for m in room.served if m.startswith(f"{name}.")} <= room.looked_for.keys()
    for method_id, names in room.looked_for.items():
        api = method_id.partition(".")[0]
        known = methods(api)[method_id].get("parameters", {}).keys()
        assert names <= known | common_parameters(api) | EDGE, method_id


def test_every_method_is_where_its_document_has_it() -> None:
    for method_id, method in GoogleRoom(WORLD).served.items():
        known = methods(method_id.partition(".")[0])[method_id]
        assert method.http == known["httpMethod"], method_id
        # A resource name is a path of its own: `people/…`.
        at = {"resourceName": "people/c1", "subscription": "projects/p/subscriptions/s"}
        assert method.path.fullmatch(path_of(method_id, at)), method_id
        assert not method.scopes.isdisjoint(known["scopes"]), method_id
        assert method.scopes <= set(known["scopes"]), method_id


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("gmail.users.getProfile", {"historyId": 7}),
        ("gmail.users.getProfile", {"historyId": "-7"}),
        ("gmail.users.getProfile", {"messagesTotal": 2**31}),
        ("gmail.users.getProfile", {"invented": "x"}),
        ("gmail.users.messages.get", {"payload": {"headers": {}}}),
        ("gmail.users.messages.get", {"raw": "a+b"}),
        ("gmail.users.labels.get", {"type": "other"}),
        ("calendar.events.list", {"items": [{"created": "yesterday"}]}),
        ("calendar.events.list", {"items": [{"start": {"date": "2026-1-1"}}]}),
        ("drive.files.get", {"size": 12}),
        ("drive.files.get", {"trashed": "true"}),
        ("people.people.get", {"names": [{"metadata": {"primary": 1}}]}),
    ],
)
def test_an_answer_of_another_shape_is_noticed(method: str, answer: dict[str, object]) -> None:
    assert complaints(method, answer) != []


@pytest.mark.parametrize(("inmost", "right"), [("0.0", True), (0, False)])
def test_a_schema_may_refer_to_itself(inmost: object, right: bool) -> None:  # noqa: FBT001
    nested = {"parts": [{"parts": [{"partId": inmost}]}]}
    assert validator("gmail", "MessagePart").is_valid(nested) == right
