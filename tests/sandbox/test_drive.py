"""Google Drive: lists, single files, and changes that are followed."""

from typing import Any

import pytest
from sandbox.browsing import ADA, CALENDAR, EVERYTHING, Answer, Sandbox

LIST = "/drive/v3/files"
CHANGES = "/drive/v3/changes"
DRIVE = f"/users/{ADA}/files"
FOLDER = "application/vnd.google-apps.folder"


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in(scope=EVERYTHING)


@pytest.fixture
async def looking(shared: Sandbox) -> str:
    return await shared.sign_in(scope=EVERYTHING)


async def get(sandbox: Sandbox, token: str, path: str, **params: Any) -> Answer:  # noqa: ANN401
    return await sandbox.call(path, params=params, token=token)


async def listed(sandbox: Sandbox, token: str, **params: Any) -> list[Any]:  # noqa: ANN401
    """The files of all pages."""
    found: list[Any] = []
    more: dict[str, str] = {}
    while True:
        answer = await get(sandbox, token, LIST, **params, **more)
        assert answer.status == 200, answer.text
        found += answer.json["files"]
        if "nextPageToken" not in answer.json:
            return found
        more = {"pageToken": answer.json["nextPageToken"]}


async def followed(sandbox: Sandbox, token: str, start: str, **params: Any) -> list[Any]:  # noqa: ANN401
    """The changes of all pages since a token."""
    found: list[Any] = []
    while True:
        body = (await get(sandbox, token, CHANGES, pageToken=start, **params)).json
        found += body["changes"]
        assert ("nextPageToken" in body) != ("newStartPageToken" in body)
        if "nextPageToken" not in body:
            return found
        start = body["nextPageToken"]


async def start_of(sandbox: Sandbox, token: str) -> str:
    body = (await get(sandbox, token, f"{CHANGES}/startPageToken")).json
    assert body["kind"] == "drive#startPageToken"
    return str(body["startPageToken"])


async def at_source(sandbox: Sandbox, *, everything: bool = True) -> dict[str, Any]:
    suffix = "?all=true" if everything else ""
    return {f["id"]: f for f in (await sandbox.control(f"{DRIVE}{suffix}"))["files"]}


@pytest.mark.parametrize("size", [{}, {"pageSize": "37"}, {"pageSize": "5000"}])
async def test_pages_give_every_file_once_trashed_ones_too(
    shared: Sandbox, looking: str, size: dict[str, str]
) -> None:
    found = await listed(shared, looking, **size)
    assert len(found) == 400
    assert {f["id"] for f in found} == set(await at_source(shared))
    first = (await get(shared, looking, LIST, **size)).json
    assert len(first["files"]) == min(int(size.get("pageSize", "100")), 400)


async def test_the_control_tells_when_a_file_was_modified_as_google_does(
    shared: Sandbox, looking: str
) -> None:
    found = await listed(shared, looking, fields="nextPageToken,files(id,modifiedTime)")
    there = {name: file["modified"] for name, file in (await at_source(shared)).items()}
    assert {file["id"]: file["modifiedTime"] for file in found} == there


async def test_without_fields_four_are_told(shared: Sandbox, looking: str) -> None:
    body = (await get(shared, looking, LIST)).json
    assert body["kind"] == "drive#fileList"
    assert body["incompleteSearch"] is False
    assert {frozenset(f) for f in body["files"]} == {frozenset(("kind", "id", "name", "mimeType"))}
    masked = (await get(shared, looking, LIST, fields="files(id,size)")).json
    assert set(masked) == {"files"}
    assert {frozenset(f) for f in masked["files"]} == {
        frozenset(("id", "size")),
        frozenset(("id",)),
    }


async def test_the_world_has_nested_folders_docs_shared_and_trashed_files(
    shared: Sandbox, looking: str
) -> None:
    files = {f["id"]: f for f in await listed(shared, looking, fields="*", pageSize="1000")}
    folders = [f for f in files.values() if f["mimeType"] == FOLDER]
    assert any(f["parents"][0] in files for f in folders)
    assert all("size" not in f for f in folders)
    docs = [f for f in files.values() if f["mimeType"].endswith("apps.document")]
    assert docs
    assert all("size" not in d and "md5Checksum" not in d for d in docs)
    pdf = next(f for f in files.values() if f["mimeType"] == "application/pdf" and f["ownedByMe"])
    assert pdf["size"].isdecimal()
    assert (pdf["fileExtension"], len(pdf["md5Checksum"])) == ("pdf", 32)
    others = [f for f in files.values() if not f["ownedByMe"]]
    assert others
    assert all("parents" not in f and f["shared"] and f["sharedWithMeTime"] for f in others)
    assert any(f["trashed"] for f in files.values())


@pytest.mark.parametrize(
    "order", ["name", "name_natural desc", "folder,modifiedTime desc,name", "quotaBytesUsed desc"]
)
async def test_files_are_sorted_as_asked_over_pages(
    shared: Sandbox, looking: str, order: str
) -> None:
    whole = await listed(shared, looking, orderBy=order, pageSize="1000", fields="*")
    pages = await listed(
        shared, looking, orderBy=order, pageSize="61", fields="nextPageToken,files(id)"
    )
    assert [f["id"] for f in pages] == [f["id"] for f in whole]
    names = [f["name"].casefold() for f in whole]
    match order:
        case "name":
            assert names == sorted(names)
        case "quotaBytesUsed desc":
            sizes = [int(f["quotaBytesUsed"]) for f in whole if f["ownedByMe"]]
            assert sizes == sorted(sizes, reverse=True)
        case "folder,modifiedTime desc,name":
            kinds = [f["mimeType"] == FOLDER for f in whole]
            assert kinds == sorted(kinds, reverse=True)
        case _:
            assert names != sorted(names)


async def test_a_single_file_is_read_with_what_is_asked_for(shared: Sandbox, looking: str) -> None:
    identity = (await listed(shared, looking))[0]["id"]
    short = await get(shared, looking, f"{LIST}/{identity}")
    assert set(short.json) == {"kind", "id", "name", "mimeType"}
    whole = await get(shared, looking, f"{LIST}/{identity}", fields="id,version,owners")
    assert set(whole.json) == {"id", "version", "owners"}
    root = await get(shared, looking, f"{LIST}/root", fields="*")
    assert root.json["name"] == "My Drive"
    assert "parents" not in root.json


async def test_every_change_of_a_file_shows_its_latest_state_once(
    sandbox: Sandbox, token: str
) -> None:
    start = await start_of(sandbox, token)
    assert await followed(sandbox, token, start) == []
    made = await sandbox.control(DRIVE, "POST", name="Plan", words="of the day", parent="root")
    path = f"{DRIVE}/{made['id']}"
    await sandbox.control(f"{path}/update", "POST", name="Plan B")
    await sandbox.control(f"{path}/edit", "POST", words="of another day")
    await sandbox.control(f"{path}/trash", "POST")
    (change,) = await followed(sandbox, token, start, fields="*")
    assert change["removed"] is False
    assert change["file"]["name"] == "Plan B"
    assert change["file"]["size"] == str(len("of another day"))
    assert change["file"]["trashed"] is change["file"]["explicitlyTrashed"] is True
    await sandbox.control(f"{path}/untrash", "POST")
    await sandbox.control(f"{path}/delete", "POST")
    (gone,) = await followed(sandbox, token, start)
    assert gone["removed"] is True
    assert gone["fileId"] == made["id"]
    assert "file" not in gone
    assert (await get(sandbox, token, f"{LIST}/{made['id']}")).status == 404


async def test_old_tokens_lead_over_pages_to_the_present_however_old(
    sandbox: Sandbox, token: str
) -> None:
    await sandbox.control("/clock", "POST", advance=400 * 86_400)
    await sandbox.control("/sync_tokens/expire", "POST")
    token = await sandbox.sign_in(scope=EVERYTHING)
    changes = await followed(sandbox, token, "1", pageSize="90")
    assert len(changes) == 400
    assert {c["fileId"] for c in changes} == set(await at_source(sandbox))


async def test_what_lies_in_a_trashed_folder_is_trashed_too_and_told(
    sandbox: Sandbox, token: str
) -> None:
    start = await start_of(sandbox, token)
    outer = await sandbox.control(DRIVE, "POST", name="Outer", mime_type=FOLDER)
    inner = await sandbox.control(DRIVE, "POST", name="In", mime_type=FOLDER, parent=outer["id"])
    leaf = await sandbox.control(DRIVE, "POST", name="Leaf", parent=inner["id"])
    start = await start_of(sandbox, token)
    await sandbox.control(f"{DRIVE}/{outer['id']}/trash", "POST")
    states = {c["fileId"]: c["file"] for c in await followed(sandbox, token, start, fields="*")}
    assert set(states) == {outer["id"], inner["id"], leaf["id"]}
    assert all(f["trashed"] for f in states.values())
    assert not states[leaf["id"]]["explicitlyTrashed"]
    await sandbox.control(f"{DRIVE}/{leaf['id']}/move", "POST", parent="root")
    assert not (await at_source(sandbox))[leaf["id"]]["trashed"]
    start = await start_of(sandbox, token)
    await sandbox.control(f"{DRIVE}/{outer['id']}/delete", "POST")
    gone = await followed(sandbox, token, start)
    assert {c["fileId"] for c in gone} == {outer["id"], inner["id"]}
    assert all(c["removed"] for c in gone)
    assert await followed(sandbox, token, start, includeRemoved="false") == []


async def test_a_renamed_folder_tells_nothing_of_what_is_in_it(
    sandbox: Sandbox, token: str
) -> None:
    folder = await sandbox.control(DRIVE, "POST", name="Before", mime_type=FOLDER)
    await sandbox.control(DRIVE, "POST", name="Leaf", parent=folder["id"])
    start = await start_of(sandbox, token)
    await sandbox.control(f"{DRIVE}/{folder['id']}/update", "POST", name="After")
    (change,) = await followed(sandbox, token, start)
    assert change["file"]["name"] == "After"


async def test_files_that_others_share_come_and_go(sandbox: Sandbox, token: str) -> None:
    start = await start_of(sandbox, token)
    given = await sandbox.control(
        DRIVE, "POST", name="Theirs", shared_by="edda.farnholt@tidewater.example"
    )
    (change,) = await followed(sandbox, token, start, fields="*")
    assert change["file"]["owners"][0]["displayName"] == "Edda Farnholt"
    assert change["file"]["ownedByMe"] is False
    assert await followed(sandbox, token, start, restrictToMyDrive="true") == []
    await sandbox.control(f"{DRIVE}/{given['id']}/delete", "POST")
    (lost,) = await followed(sandbox, token, start)
    assert lost["removed"] is True


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        (f"{LIST}?pageSize=0", 400, "invalidParameter"),
        (f"{LIST}?pageToken=nonsense", 400, "invalid"),
        (f"{LIST}?orderBy=colour", 400, "invalid"),
        (f"{LIST}?q=colour%20=%20'red'", 400, "invalid"),
        (f"{LIST}?corpora=drive", 400, "required"),
        (f"{LIST}?driveId=0AB", 404, "notFound"),
        (f"{LIST}?spaces=attic", 400, "invalid"),
        (f"{LIST}?fields=files(colour)", 400, "invalidParameter"),
        (f"{LIST}/nope", 404, "notFound"),
        (f"{LIST}/root?alt=media", 403, "fileNotDownloadable"),
        (CHANGES, 400, "required"),
        (f"{CHANGES}?pageToken=0", 400, "invalid"),
        (f"{CHANGES}?pageToken=999999", 400, "invalid"),
        (f"{CHANGES}?pageToken=x", 400, "invalid"),
        ("/drive/v3/about", 400, "required"),
    ],
)
async def test_senseless_calls_are_refused_as_drive_does(
    shared: Sandbox, looking: str, path: str, status: int, reason: str
) -> None:
    answer = await shared.call(path, token=looking)
    assert answer.status == status
    error = answer.json["error"]
    assert error["code"] == status
    assert error["errors"][0]["reason"] == reason


async def test_a_page_token_is_for_its_query_and_some_hours(sandbox: Sandbox, token: str) -> None:
    onward = (await get(sandbox, token, LIST, q="trashed = false")).json["nextPageToken"]
    other = await get(sandbox, token, LIST, q="trashed = true", pageToken=onward)
    assert other.status == 400
    await sandbox.control("/clock", "POST", advance=7 * 3600)
    token = await sandbox.sign_in(scope=EVERYTHING)
    late = await get(sandbox, token, LIST, q="trashed = false", pageToken=onward)
    assert late.status == 400


async def test_about_tells_the_user_and_the_room_there_is(shared: Sandbox, looking: str) -> None:
    body = (await get(shared, looking, "/drive/v3/about", fields="user,storageQuota")).json
    assert body["user"]["emailAddress"] == ADA
    assert int(body["storageQuota"]["usage"]) > 0


async def test_without_the_scope_files_are_closed(shared: Sandbox) -> None:
    token = await shared.sign_in(scope=f"openid email {CALENDAR}")
    refused = await get(shared, token, LIST)
    assert refused.status == 403
    assert refused.json["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


async def test_drive_charges_units(strict_sandbox: Sandbox) -> None:
    token = await strict_sandbox.sign_in(scope=EVERYTHING)
    await strict_sandbox.control("/quotas", "POST", drive_units_per_minute=210)
    statuses = [
        (await get(strict_sandbox, token, path)).status
        for path in (LIST, f"{LIST}/root", f"{CHANGES}?pageToken=1", f"{LIST}/root", f"{LIST}/root")
    ]
    assert statuses == [200, 200, 200, 200, 403]
    refused = await get(strict_sandbox, token, LIST)
    assert refused.json["error"]["errors"][0]["reason"] == "userRateLimitExceeded"
    units = (await strict_sandbox.control("/ledger"))["users"][ADA]["units"]
    assert units == 210


@pytest.mark.parametrize("kind", ["duplicate", "gone", "wrong_json"])
async def test_faults_strike_files(sandbox: Sandbox, token: str, kind: str) -> None:
    await sandbox.control("/faults", "POST", kind=kind, path="/drive/v3/files$")
    answer = await get(sandbox, token, LIST)
    match kind:
        case "duplicate":
            ids = [f["id"] for f in answer.json["files"]]
            assert ids[100:] == ids[:3]
        case "gone":
            identity = answer.json["files"][0]["id"]
            assert (await get(sandbox, token, f"{LIST}/{identity}")).status == 404
        case _:
            assert "files" not in answer.json
