"""Google People: lists, rounds of changes, single people, and how all of it is refused."""

from typing import Any

import pytest
from sandbox.browsing import ADA, BRUNO, CALENDAR, EVERYTHING, Answer, Sandbox

LIST = "/v1/people/me/connections"
FIELDS = "names,emailAddresses,phoneNumbers,organizations,biographies,memberships,metadata"
BOOK = f"/users/{ADA}/contacts"
DAY = 86_400


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in(scope=EVERYTHING)


async def page(sandbox: Sandbox, token: str, **params: Any) -> Answer:  # noqa: ANN401 - options
    asked = {"personFields": FIELDS, **params}
    return await sandbox.call(LIST, params=asked, token=token)


async def round_of(sandbox: Sandbox, token: str, **params: Any) -> tuple[list[Any], str | None]:  # noqa: ANN401
    """All pages of a listing, and its sync token."""
    people: list[Any] = []
    more: dict[str, str] = {}
    while True:
        body = (await page(sandbox, token, **params, **more)).json
        people += body.get("connections", [])
        if "nextPageToken" not in body:
            return people, body.get("nextSyncToken")
        assert "nextSyncToken" not in body
        more = {"pageToken": body["nextPageToken"]}


async def names_at_source(sandbox: Sandbox) -> list[str]:
    return [c["resourceName"] for c in (await sandbox.control(BOOK))["contacts"]]


@pytest.mark.parametrize("size", ["1000", "70", "1"])
async def test_pages_give_everybody_once(sandbox: Sandbox, token: str, size: str) -> None:
    if size == "1":
        for name in (await names_at_source(sandbox))[5:]:
            await sandbox.control(f"{BOOK}/{name.removeprefix('people/')}/delete", "POST")
    found, sync = await round_of(sandbox, token, pageSize=size)
    assert [p["resourceName"] for p in found] == await names_at_source(sandbox)
    assert sync is None


async def test_a_hundred_come_unless_another_size_is_asked_for(
    sandbox: Sandbox, token: str
) -> None:
    assert len((await page(sandbox, token)).json["connections"]) == 100
    body = (await page(sandbox, token, pageSize="0")).json
    assert len(body["connections"]) == 100
    assert (body["totalItems"], body["totalPeople"]) == (200, 200)


async def test_only_the_fields_asked_for_are_told(sandbox: Sandbox, token: str) -> None:
    body = (await page(sandbox, token, personFields="names")).json
    assert set(body["connections"][0]) == {"resourceName", "etag", "names"}
    assert body["connections"][0]["names"][0]["metadata"]["source"]["type"] == "CONTACT"


async def test_people_of_the_mail_are_among_the_contacts(sandbox: Sandbox, token: str) -> None:
    found, _ = await round_of(sandbox, token)
    known = {e["value"] for p in found for e in p.get("emailAddresses", ())}
    sent = (await sandbox.control(f"/users/{ADA}/messages"))["messages"]
    assert sent
    assert len({"edda.farnholt@tidewater.example", BRUNO, "news@paperboat.example"} & known) > 1


async def test_what_changed_comes_with_a_sync_token_and_nothing_else(
    sandbox: Sandbox, token: str
) -> None:
    _, sync = await round_of(sandbox, token, requestSyncToken="true")
    first, second, third, *_ = await names_at_source(sandbox)
    made = await sandbox.control(BOOK, "POST", given="Otto", emails=["otto@new.example"])
    paths = [f"{BOOK}/{name.removeprefix('people/')}" for name in (first, second, third)]
    await sandbox.control(f"{paths[0]}/update", "POST", company="Elsewhere")
    await sandbox.control(f"{paths[1]}/delete", "POST")
    renamed = await sandbox.control(f"{paths[2]}/rename", "POST")
    changed, after = await round_of(sandbox, token, requestSyncToken="true", syncToken=sync)
    by_name = {p["resourceName"]: p for p in changed}
    assert list(by_name) == [made["resourceName"], first, second, renamed["resourceName"]]
    assert by_name[first]["organizations"][0]["name"] == "Elsewhere"
    gone = by_name[second]
    assert gone["metadata"]["deleted"] is True
    assert "names" not in gone
    assert by_name[renamed["resourceName"]]["metadata"]["previousResourceNames"] == [third]
    again, _ = await round_of(sandbox, token, requestSyncToken="true", syncToken=after)
    assert again == []


async def test_a_round_of_several_pages_ends_at_its_beginning(sandbox: Sandbox, token: str) -> None:
    asked = {"requestSyncToken": "true", "pageSize": "2"}
    _, sync = await round_of(sandbox, token, **asked)
    names = [n.removeprefix("people/") for n in (await names_at_source(sandbox))[:4]]
    for name in names:
        await sandbox.control(f"{BOOK}/{name}/update", "POST", title="Pilot")
    body = (await page(sandbox, token, **asked, syncToken=sync)).json
    await sandbox.control(f"{BOOK}/{names[0]}/update", "POST", title="Cook")
    more = {"pageToken": body["nextPageToken"], "syncToken": sync}
    last = (await page(sandbox, token, **asked, **more)).json
    seen = [p["resourceName"].removeprefix("people/") for p in last["connections"]]
    assert seen == names[2:]
    late, _ = await round_of(sandbox, token, **asked, syncToken=last["nextSyncToken"])
    assert [p["resourceName"].removeprefix("people/") for p in late] == names[:1]


async def test_a_merge_keeps_one_with_the_addresses_of_both(sandbox: Sandbox, token: str) -> None:
    _, sync = await round_of(sandbox, token, requestSyncToken="true")
    made = [
        await sandbox.control(BOOK, "POST", given="Twin", emails=[f"twin{n}@new.example"])
        for n in (1, 2)
    ]
    await sandbox.control(f"{BOOK}/{made[0]['id']}/merge", "POST", other=made[1]["id"])
    changed, _ = await round_of(sandbox, token, requestSyncToken="true", syncToken=sync)
    states = {p["resourceName"]: p for p in changed}
    assert states[made[1]["resourceName"]]["metadata"]["deleted"] is True
    kept = states[made[0]["resourceName"]]
    assert [e["value"] for e in kept["emailAddresses"]] == [
        "twin1@new.example",
        "twin2@new.example",
    ]


@pytest.mark.parametrize("how", ["clock", "order"])
async def test_a_sync_token_dies_seven_days_after_the_full_sync(
    sandbox: Sandbox, token: str, how: str
) -> None:
    _, sync = await round_of(sandbox, token, requestSyncToken="true")
    if how == "clock":
        await sandbox.control("/clock", "POST", advance=6 * DAY)
        token = await sandbox.sign_in(scope=EVERYTHING)
        # Its use, and the token that follows from it, do not make it live longer.
        _, sync = await round_of(sandbox, token, requestSyncToken="true", syncToken=sync)
        await sandbox.control("/clock", "POST", advance=DAY + 1)
        token = await sandbox.sign_in(scope=EVERYTHING)
    else:
        await sandbox.control("/sync_tokens/expire", "POST", user=ADA)
    dead = await page(sandbox, token, requestSyncToken="true", syncToken=sync)
    assert dead.status == 400
    assert dead.json["error"] == {
        "code": 400,
        "message": "Sync token is expired. Clear local cache and retry call without the sync"
        " token.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "EXPIRED_SYNC_TOKEN",
                "domain": "people.googleapis.com",
            }
        ],
    }
    _, fresh = await round_of(sandbox, token, requestSyncToken="true")
    assert fresh


@pytest.mark.parametrize(
    "other",
    [
        {"personFields": "names"},
        {"pageSize": "7"},
        {"sources": "READ_SOURCE_TYPE_CONTACT"},
        {"sortOrder": "FIRST_NAME_ASCENDING"},
        {"requestSyncToken": "false"},
    ],
)
async def test_other_parameters_than_at_the_first_call_are_refused(
    shared: Sandbox, other: dict[str, str]
) -> None:
    token = await shared.sign_in(scope=EVERYTHING)
    asked = {"requestSyncToken": "true", "pageSize": "150"}
    onward = (await page(shared, token, **asked)).json["nextPageToken"]
    sync = (await page(shared, token, **asked, pageToken=onward)).json["nextSyncToken"]
    for more in ({"pageToken": onward}, {"syncToken": sync}):
        refused = await page(shared, token, **{**asked, **more, **other})
        assert refused.status == 400
        assert "details" not in refused.json["error"]
    reordered = ",".join(reversed(FIELDS.split(",")))
    assert (await page(shared, token, **{**asked, "personFields": reordered})).status == 200


@pytest.mark.parametrize(
    "params",
    [
        {"personFields": ""},
        {"personFields": "shoeSizes"},
        {"pageSize": "1001"},
        {"pageSize": "-1"},
        {"sortOrder": "SHOE_SIZE"},
        {"sources": "READ_SOURCE_TYPE_RUMOUR"},
        {"pageToken": "nonsense"},
        {"syncToken": "nonsense"},
        {"requestSyncToken": "true", "sortOrder": "LAST_MODIFIED_DESCENDING"},
        {"fields": "connections(shoeSize)"},
    ],
)
async def test_senseless_parameters_are_refused_as_people_does(
    shared: Sandbox, params: dict[str, str]
) -> None:
    token = await shared.sign_in(scope=EVERYTHING)
    answer = await page(shared, token, **params)
    assert answer.status == 400
    assert answer.json["error"]["status"] == "INVALID_ARGUMENT"
    assert "errors" not in answer.json["error"]


async def test_people_are_sorted_as_asked(shared: Sandbox) -> None:
    token = await shared.sign_in(scope=EVERYTHING)

    async def sorted_by(order: str) -> list[Any]:
        return (await round_of(shared, token, sortOrder=order, pageSize="90"))[0]

    given = [p["names"][0]["givenName"].casefold() for p in await sorted_by("FIRST_NAME_ASCENDING")]
    assert given == sorted(given)
    family = [
        p["names"][0].get("familyName", "").casefold()
        for p in await sorted_by("LAST_NAME_ASCENDING")
    ]
    assert family == sorted(family)
    newest = [p["resourceName"] for p in await sorted_by("LAST_MODIFIED_DESCENDING")]
    assert newest == [p["resourceName"] for p in await sorted_by("LAST_MODIFIED_ASCENDING")][::-1]


async def test_single_people_are_read_one_by_one_or_many_at_once(sandbox: Sandbox) -> None:
    token = await sandbox.sign_in(scope=EVERYTHING)
    names = (await names_at_source(sandbox))[:3]
    one = await sandbox.call(f"/v1/{names[0]}", params={"personFields": "names"}, token=token)
    assert one.json["resourceName"] == names[0]
    me = await sandbox.call("/v1/people/me?personFields=emailAddresses", token=token)
    assert me.json["emailAddresses"][0]["value"] == ADA
    asked = [("personFields", "names"), *(("resourceNames", n) for n in (*names, "people/c1"))]
    many = (await sandbox.call("/v1/people:batchGet", params=asked, token=token)).json["responses"]
    assert [r["requestedResourceName"] for r in many] == [*names, "people/c1"]
    assert [r["httpStatusCode"] for r in many] == [200, 200, 200, 404]
    assert many[3]["status"]["code"] == 5
    assert "person" not in many[3]
    renamed = await sandbox.control(f"{BOOK}/{names[0].removeprefix('people/')}/rename", "POST")
    found = await sandbox.call(f"/v1/{names[0]}?personFields=names", token=token)
    assert found.json["resourceName"] == renamed["resourceName"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/people/c1?personFields=names", 404),
        ("/v1/people/nobody?personFields=names", 404),
        ("/v1/people/me", 400),
        ("/v1/people:batchGet?personFields=names", 400),
        ("/v1/people:batchGet?resourceNames=people/me", 400),
        (f"/v1/people:batchGet?personFields=names{'&resourceNames=people/me' * 201}", 400),
        ("/v1/people/c1/connections?personFields=names", 400),
    ],
)
async def test_what_is_not_there_or_not_allowed_is_refused(
    shared: Sandbox, path: str, status: int
) -> None:
    token = await shared.sign_in(scope=EVERYTHING)
    assert (await shared.call(path, token=token)).status == status


async def test_without_the_scope_contacts_are_closed(shared: Sandbox) -> None:
    token = await shared.sign_in(scope=f"openid email {CALENDAR}")
    refused = await page(shared, token)
    assert refused.status == 403
    detail = refused.json["error"]["details"][0]
    assert detail["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert detail["metadata"]["service"] == "people.googleapis.com"
    name = (await names_at_source(shared))[0]
    hidden = await shared.call(f"/v1/{name}?personFields=names", token=token)
    assert hidden.status == 404


async def test_ninety_reads_a_minute_are_published(strict_sandbox: Sandbox) -> None:
    token = await strict_sandbox.sign_in(scope=EVERYTHING)
    answers = [
        await strict_sandbox.call("/v1/people/me?personFields=names", token=token)
        for _ in range(91)
    ]
    assert [a.status for a in answers] == [200] * 90 + [429]
    error = answers[-1].json["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert "Critical read requests" in error["message"]
    await strict_sandbox.control("/clock", "POST", advance=60)
    again = await strict_sandbox.call("/v1/people/me?personFields=names", token=token)
    assert again.status == 200


async def test_first_pages_of_full_syncs_have_a_quota_of_their_own(
    strict_sandbox: Sandbox,
) -> None:
    await strict_sandbox.control("/quotas", "POST", people_full_syncs_per_minute=2)
    token = await strict_sandbox.sign_in(scope=EVERYTHING)
    asked = {"requestSyncToken": "true", "pageSize": "150"}
    first = (await page(strict_sandbox, token, **asked)).json
    assert (await page(strict_sandbox, token, **asked)).status == 200
    refused = await page(strict_sandbox, token, **asked)
    assert refused.status == 429
    details = refused.json["error"]["details"][0]
    assert details["violations"][0]["description"] == "FBS quota limit exceeded"
    for free in ({"pageToken": first["nextPageToken"]}, {"requestSyncToken": "false"}):
        assert (await page(strict_sandbox, token, **{**asked, **free})).status == 200


@pytest.mark.parametrize("kind", ["duplicate", "gone", "html", "dead_sync_tokens"])
async def test_faults_strike_contacts(sandbox: Sandbox, token: str, kind: str) -> None:
    _, sync = await round_of(sandbox, token, requestSyncToken="true")
    await sandbox.control("/faults", "POST", kind=kind, path="/connections")
    answer = await page(sandbox, token, requestSyncToken="true", pageSize="50")
    match kind:
        case "duplicate":
            listed = [p["resourceName"] for p in answer.json["connections"]]
            assert listed[50:] == listed[:3]
        case "gone":
            name = answer.json["connections"][0]["resourceName"]
            assert name not in await names_at_source(sandbox)
        case "dead_sync_tokens":
            dead = await page(sandbox, token, requestSyncToken="true", syncToken=sync)
            assert dead.json["error"]["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN"
        case _:
            assert answer.status == 200
            assert not answer.text.endswith("]}")


async def test_a_status_that_is_ordered_has_the_shape_of_people(
    sandbox: Sandbox, token: str
) -> None:
    for status, name in ((503, "UNAVAILABLE"), (429, "RESOURCE_EXHAUSTED"), (404, "NOT_FOUND")):
        await sandbox.control("/faults", "POST", kind="status", status=status, path="/connections")
        error = (await page(sandbox, token)).json["error"]
        assert (error["code"], error["status"]) == (status, name)
        assert "errors" not in error


async def searched(sandbox: Sandbox, token: str, query: str, **params: str) -> list[str]:
    asked = {"readMask": "names", "pageSize": "30", "query": query, **params}
    answer = await sandbox.call("/v1/people:searchContacts", params=asked, token=token)
    assert answer.status == 200, answer.text
    return [result["person"]["resourceName"] for result in answer.json.get("results", [])]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("zeb", True),
        ("ZEBULON  quin", True),
        ("quincy", True),
        ("ebulon", False),
        ("quincy zebulon", False),
        ("zq@odd.example", True),
        ("odd", True),
        ("dd.example", False),
        ("+49 30", True),
        ("+493055", True),
        ("oddments", True),
        ("keeper", True),
        ("", False),
    ],
)
async def test_a_search_finds_what_begins_a_phrase(
    sandbox: Sandbox,
    token: str,
    query: str,
    found: bool,  # noqa: FBT001 - a row of the table
) -> None:
    made = await sandbox.control(
        BOOK, "POST", given="Zebulon", family="Quincy", emails=["zq@odd.example"],
        phones=["+49 30 55"], company="Oddments Ltd", title="Keeper",
    )  # fmt: skip
    assert (made["resourceName"] in await searched(sandbox, token, query)) is found


async def test_a_search_gives_thirty_people_at_most_and_needs_a_mask(
    sandbox: Sandbox, token: str
) -> None:
    assert len(await searched(sandbox, token, "a", pageSize="500")) == 30
    assert len(await searched(sandbox, token, "a", pageSize="0")) == 10
    for mask in ("", "names,shoes"):
        asked = {"query": "a", "readMask": mask}
        answer = await sandbox.call("/v1/people:searchContacts", params=asked, token=token)
        assert answer.status == 400
